"""Two nodes as processes of their own, and a balancer in front of them as an installation has one."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from server.cli.node import Node
from tests.cli.running import free_port

PATIENCE = 60.0


class Cluster:
    """Two nodes over one database and one Redis."""

    def __init__(self, dsn: str, redis_url: str, folder: Path) -> None:
        port = free_port(2)
        settings = {
            "MM_SQLSETTINGS_DATASOURCE": dsn,
            "MM_CACHESETTINGS_REDISADDRESS": redis_url,
            "MM_FILESETTINGS_DIRECTORY": str(folder / "files"),
            "MM_METRICSSETTINGS_ENABLE": "false",
            "MM_HUBBUBSETTINGS_DRAINSECONDS": "1",
        }
        self.dsn = dsn
        self.nodes = [Node(number, port + number - 1, folder / f"node-{number}.log", settings) for number in (1, 2)]

    @property
    def ports(self) -> list[int]:
        """Where the nodes listen."""
        return [node.port for node in self.nodes]

    def kill(self, number: int, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process of a node."""
        os.kill(self.nodes[number - 1].pid, signum)

    def logs(self) -> str:
        """What the nodes logged."""
        return "\n".join(node.log.read_text(errors="replace") for node in self.nodes)

    def errors(self) -> list[str]:
        """What went wrong inside of the nodes, by their own account: the end of each such line of their logs."""
        lines = self.logs().splitlines()
        return [line[-400:] for line in lines if '"level": "error"' in line or line[:1] not in ("", "{")]


@contextlib.contextmanager
def two_processes(dsn: str, redis_url: str, folder: Path) -> Iterator[Cluster]:
    """Both nodes running and answering; they are stopped with the block."""
    cluster = Cluster(dsn, redis_url, folder)
    try:
        for node in cluster.nodes:
            node.start()
        deadline = time.monotonic() + PATIENCE
        while not all(node.check() for node in cluster.nodes):
            assert not any(ends := [node.ended() for node in cluster.nodes]), ends
            assert time.monotonic() < deadline, f"no answer: {cluster.logs()}"
            time.sleep(0.05)
        yield cluster
    finally:
        for node in cluster.nodes:
            node.ask()
        for node in cluster.nodes:
            node.stop()


class Balancer:
    """One address for all nodes: a connection goes to the first of them that takes it."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Serve on `port` until the end of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._open.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self._ports:
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            pipes = [asyncio.create_task(_pipe(reader, back)), asyncio.create_task(_pipe(there, writer))]
            try:
                await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pipe in pipes:
                    pipe.cancel()
                await asyncio.gather(*pipes, return_exceptions=True)
                back.close()
            return


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
