"""Serving a node: the listening socket, uvicorn, and what happens at SIGTERM."""

import asyncio
import contextlib
import gc
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import structlog
import uvicorn
import uvloop

from server import ticks
from server.app import Node
from server.config import Config, Overrides
from server.http.protocol import BoundedHttp
from server.logs import set_up_logs

COLLECT_AFTER = 50_000
"""Objects made and not yet freed before the youngest are looked at; the rows of one large list are a few thousand."""

BACKLOG = 4096
"""Connections that wait to be accepted: when a node dies, all of its clients come to the others at once."""

SPREADS = sys.platform == "linux"
"""Whether the system deals connections evenly to sockets on one port. Of processes that accept from one socket, those
that are woken first take most: of 200 connections to four workers they had 131, 61, 5 and 3."""

log = structlog.get_logger()


class _Server(uvicorn.Server):
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


def listen(config: Config) -> socket.socket:
    """The listening socket of ListenAddress (":8065", "127.0.0.1:8065"). Raises OSError when the address is taken."""
    sock = _bound(*_address(config))
    sock.listen(BACKLOG)
    return sock


def reserve(config: Config) -> socket.socket:
    """A socket that holds ListenAddress for several processes, which accept from sockets of their own: see `share`.

    Raises OSError when the address is taken.
    """
    if not SPREADS:
        return listen(config)
    with _bound(*_address(config)) as alone:  # a socket that shares would not mind others of the same account
        family, name = alone.family, alone.getsockname()
    return _bound(family, name, shares=True)


def share(reserved: socket.socket) -> socket.socket:
    """A socket for one more process. It listens when the process does, and no longer: nobody waits for a dead one."""
    return _bound(reserved.family, reserved.getsockname(), shares=True) if SPREADS else reserved.dup()


def _address(config: Config) -> tuple[socket.AddressFamily, tuple[str, int]]:
    host, _, port = config.ServiceSettings.ListenAddress.rpartition(":")
    host = host.strip("[]")
    return socket.AF_INET6 if ":" in host else socket.AF_INET, (host or "0.0.0.0", int(port))


def _bound(family: socket.AddressFamily | int, address: tuple[Any, ...], *, shares: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def spare_collector() -> None:
    """Look for cyclic garbage seldom: what is loaded by now stays, and requests leave hardly any of it behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def allow_files() -> None:
    """Have as many files open as the system lets this process: each client takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems say that there is no limit, and have one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(config: Config, sock: socket.socket, overrides: Overrides | None = None) -> None:
    """Run a node on a listening socket until SIGTERM or SIGINT, then let go of its clients and stop."""
    node = Node(config, overrides)
    await node.start()
    server = _Server(uvicorn_config(node))
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
