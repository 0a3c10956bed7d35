"""One WebSocket: the handshake, the client's frames, backpressure and closing. What it all means is the gateway's."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, cast

from server.context import Session
from server.errors import ApiError, Busy
from server.gateway import handshake
from server.gateway.connection import PAUSED, Connection
from server.gateway.frames import BINARY, CLOSE, JSON, PING, PONG, close_frame, frame
from server.gateway.handshake import Request, Wishes
from server.gateway.pace import BURST, PER_SECOND, REPLY_BYTES, UNKNOWN_BURST, Pace
from server.gateway.parser import BadFrame, FrameParser

HIGH_WATER = 64 * 1024
"""Bytes in the transport beyond which events wait in the outbox instead."""
SEND_BUFFER = 128 * 1024
RECEIVE_BUFFER = 32 * 1024
"""Of the operating system, in bytes (Linux takes twice as much): left alone it keeps megabytes for each client that
doesn't read, and for each that sends faster than it is read."""

CONNECTING, OPEN, CLOSING, CLOSED = range(4)


def bound_buffers(fileno: int) -> None:
    """Bound what the operating system keeps for a socket. The transport's own way makes a socket for each option."""
    kernel = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno)  # whatever it is: these options are of all
    try:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    finally:
        kernel.detach()


class Desk(Protocol):
    """What a socket reports to: the gateway."""

    draining: bool
    deflate: bool

    def origins(self) -> str:
        """The origins that may connect, space-separated."""

    @property
    def counts_upgrades(self) -> bool:
        """Whether upgrades are limited: then one waits for `accept` or `refuse` after `count_upgrade`."""

    def count_upgrade(self, socket: "Socket", request: Request) -> None:
        """Somebody asks for an upgrade."""

    def opened(self, socket: "Socket", wishes: Wishes, request: Request, answer: bytes) -> None:
        """The upgrade is granted: this answer is to be sent before anything else."""

    def message(self, socket: "Socket", binary: bool, payload: bytes) -> None:
        """A whole message came."""

    def ponged(self, socket: "Socket") -> None:
        """The client answered a ping."""

    def writable(self, socket: "Socket") -> None:
        """The transport has room again."""

    def closing(self, socket: "Socket") -> None:
        """A close frame was sent; nothing more will be."""

    def closed(self, socket: "Socket") -> None:
        """The transport is gone."""

    def slow_down(self, socket: "Socket") -> None:
        """The client sends too much: call `read_on` after a while."""


class Socket(asyncio.Protocol):
    """The protocol class for uvicorn; the gateway makes a subclass that knows its desk."""

    desk: ClassVar[Desk]

    __slots__ = (
        "_pace",
        "_parser",
        "_room",
        "_slowed",
        "codec",
        "confirms",
        "connection",
        "full",
        "heard_at",
        "held",
        "pinged_at",
        "requests",
        "session",
        "shared_pace",
        "state",
        "token",
        "transport",
    )

    def __init__(self, config: Any = None, server_state: Any = None, app_state: Any = None, **_: Any) -> None:
        self.state = CONNECTING
        self.transport = cast(asyncio.Transport, None)
        self.session: Session | None = None
        self.token = ""
        self.connection: Connection | None = None
        self.codec = JSON
        self.confirms = False
        self.heard_at = 0.0
        self.pinged_at = 0.0
        self.requests: list[Any] | None = None
        """Requests that wait for the one under way."""
        self.held: list[tuple[int, bytes]] | None = None
        """Messages that came while the client was being signed in by its upgrade."""
        self.full = False
        """Whether the client doesn't read what it is sent: then nothing is read from it, and no request is begun."""
        self.shared_pace: Pace | None = None
        """What all sockets of the user may send together."""
        self._pace = Pace(UNKNOWN_BURST, PER_SECOND)
        self._slowed = False
        self._room: asyncio.Future[None] | None = None
        self._parser: FrameParser | None = None

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        if self._parser is None:
            return
        self.heard_at = asyncio.get_running_loop().time()
        self._read(self._parser, data, self.heard_at)

    def _read(self, parser: FrameParser, data: bytes, now: float) -> bool:
        """Handle as many frames as the client may send now; whether these were all."""
        if self.state == CLOSED:
            return True
        most = self._pace.left(now)
        if self.shared_pace is not None:
            most = min(most, self.shared_pace.left(now))
        try:
            messages, frames = parser.feed(data, most)
        except BadFrame as error:
            if self.state == OPEN:
                self.close(error.code, error.reason)
                return True
            self.transport.pause_reading()  # no answer to the close frame is to be expected of such a client
            return False
        self._spend(max(frames, 1) if data else frames)  # who sends single bytes is slowed down, too
        if frames:
            self.heard_at = now
        for opcode, payload in messages:
            self._take(opcode, payload)
        if frames < most or self.transport.is_closing():
            return True
        self._slow_down()
        return False

    def share(self, pace: Pace) -> None:
        """The client has signed in: the sockets of its user have an allowance together, which pays for what came before
        that, too.
        """
        self.shared_pace = pace
        pace.left(asyncio.get_running_loop().time())  # its time begins with its first look
        pace.spend(self._pace.widen(BURST))

    def _spend(self, frames: int) -> None:
        self._pace.spend(frames)
        if self.shared_pace is not None:
            self.shared_pace.spend(frames)

    def _slow_down(self) -> None:
        self._slowed = True
        self.transport.pause_reading()
        self.desk.slow_down(self)

    def read_on(self, now: float) -> None:
        """Some time has passed for a client that was slowed down."""
        self._slowed = False
        if self._parser is None or self.transport.is_closing():
            return
        if self.full:
            self._slow_down()  # the answers to what it sent before could not go out either
        elif self._read(self._parser, b"", now) and not self.transport.is_closing():
            self.transport.resume_reading()

    def eof_received(self) -> None:
        """Part of asyncio.Protocol: the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        if self.state != CLOSED:
            opened, self.state = self.state != CONNECTING, CLOSED
            if opened:
                self.desk.closed(self)
        self._make_room()

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol: a client that doesn't read isn't read from either."""
        self.full = True
        if self.connection is not None:
            self.connection.block(PAUSED)
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Part of asyncio.Protocol."""
        self.full = False
        if not self._slowed and not self.transport.is_closing():
            self.transport.resume_reading()
        self._make_room()
        self.desk.writable(self)

    async def room(self) -> None:
        """Wait until the client has read most of what it was sent, or is gone. One may wait at a time."""
        if self.full and self.state != CLOSED:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # handshake

    def asked(self, method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """The client asks for an upgrade, by this version of HTTP; the names of the headers are in lower case."""
        request = Request.of(method, target, version, headers)
        try:
            handshake.check(request, self.desk.origins(), self.desk.draining)
        except ApiError as error:
            self.refuse(error)
            return
        if self.desk.counts_upgrades:
            self.transport.pause_reading()
            self.desk.count_upgrade(self, request)
        else:
            self._open(request)

    @property
    def peer(self) -> str:
        """The address of whoever is connected, "" when there is none."""
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    def accept(self, request: Request) -> None:
        """Open a socket whose upgrade was counted, if its client is still there."""
        if self.state != CONNECTING or self.transport.is_closing():
            return
        if self.desk.draining:
            self.refuse(Busy("api.context.server_busy.app_error"))
            return
        self.transport.resume_reading()
        self._open(request)

    def _open(self, request: Request) -> None:
        deflate = self.desk.deflate and handshake.offers_deflate(request)
        bound_buffers(self.transport.get_extra_info("socket").fileno())
        self._parser = FrameParser(deflate)
        self.state = OPEN
        self.heard_at = self.pinged_at = asyncio.get_running_loop().time()
        wishes = handshake.wishes_of(request, deflate)
        self.codec = wishes.codec
        self.confirms = wishes.confirms
        self.desk.opened(self, wishes, request, handshake.acceptance(request, deflate))

    @property
    def signs_in(self) -> bool:
        """Whether the client has sent a token that is being looked up."""
        return self.held is not None or self.requests is not None

    def refuse(self, error: ApiError) -> None:
        """Answer the request for an upgrade with an error."""
        if self.state != CONNECTING:
            return
        self.state = CLOSED
        self.transport.write(handshake.refusal(error))
        self.transport.close()

    # messages

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._close_received(payload)
        elif self.state != OPEN:
            return
        elif opcode == PING:
            self.send(PONG, payload)
        elif opcode == PONG:
            self.desk.ponged(self)
        elif self.held is not None:
            self.held.append((opcode, payload))  # few, for reading stops when the allowance is used up
        else:
            self.desk.message(self, opcode == BINARY, payload)

    def release(self) -> None:
        """The upgrade's sign-in has ended: handle what came meanwhile."""
        held, self.held = self.held or (), None
        for opcode, payload in held:
            if self.state == OPEN:
                self.desk.message(self, opcode == BINARY, payload)

    def send(self, opcode: int, payload: bytes) -> None:
        """Send a message outside of the numbered events: a reply, a pong."""
        if self.state == OPEN:
            self._spend(len(payload) // REPLY_BYTES)
            self.transport.write(frame(opcode, payload))

    # closing

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame and wait a moment for the client's; nothing else is sent or listened to any more."""
        if self.state != OPEN:
            return
        self.state = CLOSING
        self.shared_pace = None  # what comes now is at nobody else's expense
        self.transport.write(close_frame(code, reason))
        self.desk.closing(self)

    def _close_received(self, payload: bytes) -> None:
        if self.state == OPEN:
            self.state = CLOSING
            self.transport.write(frame(CLOSE, payload[:2]))
            self.desk.closing(self)
        self.transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self.state != CLOSED and self.transport is not None:
            self.transport.abort()
