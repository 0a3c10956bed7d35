"""Sockets of a node without a network: a wire stands for the transport, and counts what is written to it."""

import asyncio
import json
import socket
from typing import Any, cast

from server.gateway.gateway import Gateway
from server.gateway.protocol import OPEN, Socket

_KERNEL = socket.socket()
"""A socket for all of them, to set options of."""


Request = tuple[bytes, bytes, str, list[tuple[bytes, bytes]]]
"""Method, target, version and headers."""


class Wire(asyncio.Transport):
    """A transport that takes everything at once, and counts; with `keep` it also remembers what was written."""

    __slots__ = ("_protocol", "closing", "keep", "writes", "written")

    def __init__(self, *, keep: bool = True) -> None:
        self._protocol: asyncio.Protocol | None = None
        self.closing = False
        self.keep = keep
        self.writes = 0
        self.written: list[bytes] = []

    def connect(self, protocol: Socket, request: Request) -> None:
        """Let a protocol serve this wire, and ask it for an upgrade."""
        self._protocol = protocol
        protocol.connection_made(self)
        protocol.asked(*request)

    def text(self) -> str:
        """All that was written, as far as it is text."""
        return b"".join(self.written).decode("utf-8", "replace")

    def write(self, data: Any) -> None:
        """Part of asyncio.Transport."""
        self.writes += 1
        if self.keep:
            self.written.append(bytes(data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Part of asyncio.Transport."""
        return {"socket": _KERNEL, "peername": ("127.0.0.1", 1)}.get(name, default)

    def is_closing(self) -> bool:
        """Part of asyncio.Transport."""
        return self.closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Part of asyncio.Transport."""

    def pause_reading(self) -> None:
        """Part of asyncio.Transport."""

    def resume_reading(self) -> None:
        """Part of asyncio.Transport."""

    def close(self) -> None:
        """Part of asyncio.Transport."""
        if not self.closing and self._protocol is not None:
            self.closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
            self._protocol = None

    def abort(self) -> None:
        """Part of asyncio.Transport."""
        self.close()


def upgrade(token: str, query: str = "", *, deflate: bool = False) -> Request:
    """A request for a WebSocket, as it is handed on when it has been read."""
    headers = [
        (b"host", b"here"),
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
        (b"authorization", f"Bearer {token}".encode()),
    ]
    if deflate:
        headers.append((b"sec-websocket-extensions", b"permessage-deflate"))
    return b"GET", f"/api/v4/websocket{query}".encode(), "1.1", headers


async def open_wires(gateway: Gateway, wires: list[tuple[Wire, Request]]) -> list[Socket]:
    """Connect wires with their requests; all of them have got their hello then."""
    sockets = []
    for wire, request in wires:
        sockets.append(cast(Socket, gateway.protocol_class()))
        wire.connect(sockets[-1], request)
    async with asyncio.timeout(30):
        while any(each.connection is None for each in sockets):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert all(each.state == OPEN for each in sockets)
    return sockets


async def ask(client: Socket, wire: Wire, action: str, data: object) -> None:
    """Send a request over a wire, and wait until it has been granted."""
    seq = wire.writes + 1
    payload = json.dumps({"action": action, "seq": seq, "data": data}).encode()
    head = bytes((0x81, 0x80 | 126)) + len(payload).to_bytes(2)
    client.data_received(head + bytes(4) + payload)  # masked with zeros
    granted = b'{"status":"OK","seq_reply":%d}' % seq
    async with asyncio.timeout(30):
        while not any(written.endswith(granted) for written in wire.written):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
