"""A service of one's own to measure: PostgreSQL, Redis and nodes in a temporary directory, ended with the block.

async with Service.start(nodes=2, settings={"MM_TEAMSETTINGS_MAXUSERSPERTEAM": "5000"}) as service:
    …  # make people
    service.pin()
    before = service.cpu()
"""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import asyncpg

from benchmarks.processes import cpu_seconds, pin, resident_kib
from server.cli.neighbours import METRICS_ADDRESS, address
from server.cli.node import HOST, Node
from server.engines.child import Child, EngineError, last_line
from server.engines.directory import DataDirectory
from server.engines.postgres import DURABLE, Postgres
from server.engines.redis import Redis

START_PATIENCE = 60.0
SETTINGS = {
    "MM_TEAMSETTINGS_MAXUSERSPERTEAM": "100000",
    "MM_TEAMSETTINGS_MAXCHANNELSPERTEAM": "100000",
    "MM_SQLSETTINGS_ATRESTENCRYPTKEY": "benchmarks-benchmarks-benchmarks-benchmarks",
    "MM_HUBBUBSETTINGS_DRAINSECONDS": "1",
    "MM_METRICSSETTINGS_ENABLE": "true",
}
"""What differs from the defaults: room for everybody, a key as in production, no long waiting at the end."""


class ServiceNode(Node):
    """A node of the service: one process, or as many workers on one port."""

    def __init__(self, number: int, log: Path, settings: Mapping[str, str], workers: int) -> None:
        self.metrics_port, port = free_ports(workers + 1)
        metrics = {METRICS_ADDRESS: address(HOST, self.metrics_port)}
        super().__init__(number, port, log, {**settings, **metrics})
        self._workers = workers

    def start(self) -> None:
        """Start its process; `check` tells when it answers."""
        self.answers = False
        command = [sys.executable, "-m", "server", "serve", "--workers", str(self._workers)]
        self._child = Child(command, log=self.log, environ=self._environ)

    def wait(self) -> None:
        """Return when it answers. EngineError when it doesn't."""
        end = time.monotonic() + START_PATIENCE
        while not self.check():
            if (how := self.ended()) is not None or time.monotonic() > end:
                raise EngineError(f"no node came up: {how or last_line(self.log)}")
            time.sleep(0.05)


class Service:
    """A running service."""

    def __init__(self, postgres: Postgres, redis: Redis, nodes: Sequence[ServiceNode]) -> None:
        self._postgres = postgres
        self._redis = redis
        self._nodes = nodes
        self._cores: set[int] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        *,
        nodes: int = 1,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        prepare: Sequence[Sequence[str]] = (),
        postgres: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Self]:
        """Start it; `settings` are MM_* variables, `postgres` settings of PostgreSQL, and the commands of `prepare`, as
        ("seed", "--posts", "10000"), run on the new database before the nodes. EngineError says what can't be started.
        """
        with contextlib.ExitStack() as stack:
            service = cls._engines(stack, nodes, workers, settings or {}, prepare, postgres or {})
            stack.callback(service._stop_nodes)
            service._start_nodes()
            yield service

    @classmethod
    def _engines(
        cls,
        stack: contextlib.ExitStack,
        nodes: int,
        workers: int,
        settings: Mapping[str, str],
        prepare: Sequence[Sequence[str]],
        of_postgres: Mapping[str, str],
    ) -> Self:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubbub-benchmark-")))
        directory = stack.enter_context(DataDirectory(folder))
        postgres = stack.enter_context(Postgres(directory, settings={**DURABLE, **of_postgres}))
        redis = stack.enter_context(Redis(directory))
        for name in [name for name in os.environ if name.startswith("MM_")]:
            del os.environ[name]  # what is measured does not depend on who measures
        environ = {
            **SETTINGS,
            "MM_SQLSETTINGS_DATASOURCE": postgres.dsn(),
            "MM_CACHESETTINGS_REDISADDRESS": redis.url,
            "MM_FILESETTINGS_DIRECTORY": str(directory.folder("files")),
            **settings,
        }
        for command in [("migrate",), *prepare] if prepare else []:
            subprocess.run([sys.executable, "-m", "server", *command], env={**os.environ, **environ}, check=True)
        logs = directory.folder("log")
        made = [ServiceNode(number, logs / f"node-{number}.log", environ, workers) for number in range(1, nodes + 1)]
        return cls(postgres, redis, made)

    def _start_nodes(self) -> None:
        for node in self._nodes:
            node.start()
            if self._cores:
                pin([node.pid], self._cores)
        for node in self._nodes:
            node.wait()

    def _stop_nodes(self) -> None:
        for node in self._nodes:
            node.ask()
        for node in self._nodes:
            node.stop()

    def restart_nodes(self) -> None:
        """End all nodes and start them anew, on the same ports: their memory is then that of fresh ones."""
        self._stop_nodes()
        self._start_nodes()

    @property
    def url(self) -> str:
        """Where the first node listens."""
        return self._nodes[0].url

    @property
    def urls(self) -> list[str]:
        """Where the nodes listen."""
        return [node.url for node in self._nodes]

    @property
    def dsn(self) -> str:
        """The address of the database."""
        return self._postgres.dsn()

    @property
    def cores(self) -> set[int]:
        """The cores that it was put on, none when it may use all."""
        return self._cores

    def pids(self) -> dict[str, list[int]]:
        """The processes at the roots of each part: "server", "postgres" and "redis"."""
        return {
            "server": [node.pid for node in self._nodes],
            "postgres": [self._postgres.pid],
            "redis": [self._redis.pid],
        }

    def pin(self) -> bool:
        """Put the service on the first core that may be used, and this process with what it starts from now on, the
        clients, on the second. False when there is only one: then nothing changes."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return False
        self._cores = {cores[0]}
        for roots in self.pids().values():
            pin(roots, self._cores)
        pin([os.getpid()], {cores[1]})
        for roots in self.pids().values():  # they descend from this process
            pin(roots, self._cores)
        return True

    async def clear_up(self) -> None:
        """Let PostgreSQL do now what it would else do at any moment, for rows that something before has written."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    def cpu(self) -> dict[str, float]:
        """User and system seconds that each part has used so far."""
        return {part: cpu_seconds(roots) for part, roots in self.pids().items()}

    def memory(self) -> dict[str, int]:
        """Resident memory of each part in KiB; what its processes share is counted for each."""
        return {part: resident_kib(roots) for part, roots in self.pids().items()}

    def counted(self) -> dict[str, float]:
        """What the nodes count for Prometheus, by name without labels, summed over nodes (of workers: the first)."""
        sums: dict[str, float] = {}
        for node in self._nodes:
            connection = http.client.HTTPConnection(HOST, node.metrics_port, timeout=10)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
            for line in text.splitlines():
                if line and line[0] != "#":
                    name, _, value = line.rpartition(" ")
                    name = name.partition("{")[0]
                    sums[name] = sums.get(name, 0.0) + float(value)
        return sums


def free_ports(count: int) -> tuple[int, int]:
    """The first of `count - 1` ports in a row that nobody listens on, and another one."""
    for _ in range(100):
        with contextlib.ExitStack() as stack:
            other = stack.enter_context(socket.create_server((HOST, 0))).getsockname()[1]
            first = stack.enter_context(socket.create_server((HOST, 0))).getsockname()[1]
            with contextlib.suppress(OSError):
                for number in range(first + 1, first + count - 1):
                    stack.enter_context(socket.create_server((HOST, number)))
                return first, other
    raise EngineError("no free ports here")
