"""Three nodes as processes over a PostgreSQL and a Redis of their own, and the ways to break each of them."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import psutil

from server.cli.node import Node
from server.db.migrate import migrate
from server.engines.child import Child
from server.engines.directory import DataDirectory
from server.engines.postgres import DURABLE as DURABLE_POSTGRES
from server.engines.postgres import Postgres
from server.engines.redis import FORGETFUL, Redis
from tests.chaos.relay import Relay
from tests.cli.running import free_port

NODES = 3
CUT_OFF = 3
"""The node that reaches Redis through a relay, so that it can be cut off."""
PATIENCE = 60.0
"""Seconds, only so that nothing is waited for for ever: that nodes begin and end soon is not what this is about."""
SERVE = ("-m", "server", "serve")


class ChaosNode(Node):
    """A node that may be started through another program."""

    def start(self, program: Sequence[str] = SERVE, **settings: str) -> None:
        """Start its process: Python with these arguments, and with these variables besides its own."""
        self.answers = False
        self._child = Child([sys.executable, *program], log=self.log, environ={**self._environ, **settings})

    def kill(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal."""
        os.kill(self.pid, signum)

    async def until_ended(self, patience: float = PATIENCE) -> float:
        """Wait until its process has ended; how long that took, in seconds."""
        begun = time.monotonic()
        while self.ended() is None:
            assert time.monotonic() - begun < patience, f"node {self.number} does not end"
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    async def until_serving(self, patience: float = PATIENCE) -> float:
        """Wait until it answers; how long that took, in seconds."""
        begun = time.monotonic()
        while not await asyncio.to_thread(self.check):
            assert not self.ended(), f"node {self.number}: {self.ended()}"
            assert time.monotonic() - begun < patience, f"node {self.number} does not answer"
            await asyncio.sleep(0.05)
        return time.monotonic() - begun


class Installation:
    """Everything that runs. Engines are broken through `postgres` and `redis`, nodes through `nodes`."""

    def __init__(self, directory: DataDirectory, settings: dict[str, str]) -> None:
        self.directory = directory
        counting = {"shared_preload_libraries": "pg_stat_statements"}
        self.postgres = Postgres(directory, settings={**DURABLE_POSTGRES, **counting})
        self.redis = Redis(directory, settings=FORGETFUL)
        self.relay = Relay(self.redis.socket)
        """Between the last node and Redis."""
        self.nodes: list[ChaosNode] = []
        self._settings = settings

    @staticmethod
    @contextlib.asynccontextmanager
    async def open(**settings: str) -> AsyncIterator["Installation"]:
        """All of it, serving; stopped and removed with the block. `settings` are MM_* variables of the nodes."""
        path = Path(tempfile.mkdtemp(prefix="hubbub-chaos-"))
        try:
            with DataDirectory(path) as directory:
                installation = Installation(directory, settings)
                with contextlib.ExitStack() as stack:
                    await installation._start(stack)
                    async with installation.relay.listening(directory.run / "relay.sock"):
                        await installation._start_nodes(stack)
                        yield installation
                        await asyncio.to_thread(installation._stop_nodes)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    async def _start(self, stack: contextlib.ExitStack) -> None:
        await asyncio.to_thread(stack.enter_context, self.postgres)
        await asyncio.to_thread(stack.enter_context, self.redis)
        await migrate(self.dsn)

    async def _start_nodes(self, stack: contextlib.ExitStack) -> None:
        folder, port = self.directory.folder("nodes"), free_port(NODES)
        for number in range(1, NODES + 1):
            redis = f"unix://{self.relay.path}" if number == CUT_OFF else self.redis.url
            settings = {
                "MM_SQLSETTINGS_DATASOURCE": self.dsn,
                "MM_CACHESETTINGS_REDISADDRESS": redis,
                "MM_FILESETTINGS_DIRECTORY": str(self.directory.folder("files")),
                "MM_METRICSSETTINGS_ENABLE": "false",
                "MM_HUBBUBSETTINGS_DRAINSECONDS": "2",
                **self._settings,
            }
            self.nodes.append(ChaosNode(number, port + number - 1, folder / f"node-{number}.log", settings))
        stack.callback(self._stop_nodes)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            await node.until_serving()

    def _stop_nodes(self) -> None:
        for node in self.nodes:
            node.ask()
        for node in self.nodes:
            node.stop()

    @property
    def dsn(self) -> str:
        """The address of the database."""
        return self.postgres.dsn()

    @property
    def ports(self) -> list[int]:
        """Where the nodes listen."""
        return [node.port for node in self.nodes]

    async def restart(self, number: int) -> float:
        """Start a node that has ended; how long until it answered, in seconds."""
        node = self.nodes[number - 1]
        await node.until_ended()
        node.start()
        return await node.until_serving()

    def postgres_processes(self) -> list[psutil.Process]:
        """The postmaster and its children, as of now."""
        postmaster = psutil.Process(self.postgres.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """What is in the database, asked around the nodes."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    def log_lines(self) -> list[str]:
        """What all nodes have logged."""
        return [line for node in self.nodes for line in node.log.read_text(errors="replace").splitlines()]
