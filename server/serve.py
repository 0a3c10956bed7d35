"""Serving a node: uvicorn, and what happens at SIGTERM."""

import asyncio
import contextlib
import ctypes
import gc
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn
import uvloop

from server import ticks
from server.app import Node
from server.config import Config, Overrides
from server.http.protocol import BoundedHttp
from server.listening import BACKLOG, let_in, listen
from server.logs import set_up_logs

COLLECT_AFTER = 50_000
"""Objects made and not yet freed before the youngest are looked at; the rows of one large list are a few thousand."""

LARGE_PAGE = 2 * 1024 * 1024
MADV_COLLAPSE = 25

log = structlog.get_logger()


class Server(uvicorn.Server):
    """Uvicorn, whose signals we handle ourselves: sockets move first, then it stops."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._wake = asyncio.Event()

    def leave(self) -> None:
        """Stop when what is being answered has been."""
        self.should_exit = True
        self._wake.set()

    async def main_loop(self) -> None:
        """Renew the date of answers each second, and see to nothing else: uvicorn wakes up ten times for that."""
        while not await self.on_tick(0):
            self._wake.clear()
            ticks.call_later(1.0, self._wake.set)
            await self._wake.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no more, and stop when all is answered, also what was asked by those who were not accepted yet."""
        late = [connection for sock in sockets or () for connection in let_in(sock)]
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)  # those who have been accepted just now become known
        loop = asyncio.get_running_loop()
        for connection in late:
            await loop.connect_accepted_socket(self._protocol, connection)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def uvicorn_config(node: Node) -> uvicorn.Config:
    """How uvicorn serves a node: REST by the application, WebSockets by the gateway, on one port."""
    return uvicorn.Config(
        node.application,
        ws=node.gateway.protocol_class,
        loop="uvloop",
        http=BoundedHttp,
        lifespan="off",
        interface="asgi3",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_graceful_shutdown=10,
        backlog=BACKLOG,
    )


def spare_collector() -> None:
    """Look for cyclic garbage seldom: what is loaded by now stays, and requests leave hardly any of it behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def gather_memory() -> None:
    """Let what is loaded by now lie in large pages, where Linux has them (since 6.1).

    Where pages lie the processor forgets between requests that come seldom, and looks up anew for each that it touches.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, access, _, _, file, *name = line.split()
        if access != "rw-p" or file != "0" or name not in ([], ["[heap]"]):
            continue
        start, end = (int(address, 16) // LARGE_PAGE for address in span.split("-"))
        if start + 1 < end:  # what can't be had stays as it is
            madvise((start + 1) * LARGE_PAGE, (end - start - 1) * LARGE_PAGE, MADV_COLLAPSE)


def allow_files() -> None:
    """Have as many files open as the system lets this process: each client takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems say that there is no limit, and have one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(config: Config, sock: socket.socket, overrides: Overrides | None = None) -> None:
    """Run a node on a listening socket until SIGTERM or SIGINT, then let go of its clients and stop."""
    node = Node(config, overrides)
    await node.start()
    server = Server(uvicorn_config(node))
    leaving: list[asyncio.Task[None]] = []

    async def leave() -> None:
        await node.drain()
        server.leave()

    def on_signal() -> None:
        if leaving:
            server.force_exit = True
        else:
            leaving.append(asyncio.create_task(leave()))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    spare_collector()
    gather_memory()
    log.info("node started", node=node.services.node_id, address=config.ServiceSettings.ListenAddress)
    try:
        await server.serve(sockets=[sock])
    finally:
        await node.stop()
        log.info("node stopped", node=node.services.node_id)


def run_node(config: Config, sock: socket.socket | None = None, overrides: Overrides | None = None) -> None:
    """Serve one node in this process until it is told to stop. Raises OSError when the address is taken."""
    set_up_logs(config)
    allow_files()
    with sock or listen(config) as listening, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, listening, overrides))
