"""One request and its answer on a connection: the body as it arrives, the answer in one write or piece by piece."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote

from msgspec import Struct
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.utils import is_ssl

from server.errors import TooLarge, invalid_body

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Line(Protocol):
    """The connection that an exchange is on."""

    transport: asyncio.Transport
    flow: FlowControl
    client: tuple[str, int] | None
    """Where it comes from, perhaps a proxy's address and port."""

    def default_lines(self) -> bytes:
        """The headers that all answers have, the date for one."""

    def linger(self) -> None:
        """End the connection without losing the answer, when there may be more of the request."""

    def on_answered(self) -> None:
        """An answer went out whole."""


class Exchange(Struct, eq=False):
    """What a client asks, and what it is answered."""

    line: Line
    method: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    """All of them, with names in small letters."""
    fields: dict[bytes, bytes]
    """The last value of each."""
    version: str = "1.1"
    keep_alive: bool = True
    """Whether the connection stays after the answer."""
    awaited: bool = False
    """Whether the client waits for a word before it sends the body."""
    is_heavy: bool = False
    """Whether the headers are over their limit."""
    more_body: bool = True
    """Whether the body is not whole yet."""
    is_gone: bool = False
    """Whether the client has left."""
    begun: bool = False
    """Whether some of the answer was sent."""
    answered: bool = False
    """Whether all of it was."""
    _body: bytes | bytearray = b""
    _missing: int = 0
    _news: bool = False
    _event: asyncio.Event | None = None

    # what came

    def header(self, name: bytes) -> str:
        """A header's value, "" when it is not there."""
        return self.fields.get(name, b"").decode("latin-1")

    def values(self, name: str) -> str:
        """All values of a header joined by commas, "" when it is not there."""
        wanted = name.encode()
        return ",".join([value.decode("latin-1") for each, value in self.headers if each == wanted])

    @property
    def peer(self) -> str:
        """The address that it came from, perhaps a proxy's."""
        client = self.line.client
        return client[0] if client else ""

    def scope(self) -> dict[str, Any]:
        """The request as ASGI describes it, for Starlette's Request."""
        path = self.path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self.version,
            "scheme": "https" if is_ssl(self.line.transport) else "http",
            "method": self.method,
            "path": unquote(path) if "%" in path else path,
            "raw_path": self.path,
            "query_string": self.query,
            "root_path": "",
            "headers": self.headers,
            "client": self.line.client,
            "server": None,
        }

    # its body

    def feed(self, data: bytes) -> int:
        """A piece of the body arrived; how many bytes of it wait to be taken."""
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
        self._tell()
        return len(self._body)

    def feed_end(self) -> None:
        """The body is whole."""
        self.more_body, self._news = False, True
        if self._event is not None:
            self._event.set()

    def leave(self) -> None:
        """The client is gone."""
        self.is_gone = not self.answered
        self._tell()

    async def body(self, limit: int) -> bytes:
        """The whole body; raises TooLarge past `limit` bytes, before reading it when its length is known."""
        self.check_length(limit)
        whole = await self._rest(limit) if self.more_body else self._take()
        if len(whole) > limit:
            raise too_large()
        return whole

    async def _rest(self, limit: int) -> bytes:
        parts = bytearray()
        while self.more_body and len(parts) <= limit:
            if not await self._hear():
                raise invalid_body("body")
            parts += self._take()
        return bytes(parts)

    def check_length(self, limit: int) -> None:
        """Refuse a body that is announced to be longer than `limit` bytes."""
        length = self.fields.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            raise too_large()

    async def receive(self) -> MutableMapping[str, Any]:
        """The next piece of the body, or the news that the client is gone, as ASGI puts it."""
        if not await self._hear():
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._take(), "more_body": self.more_body}

    async def _hear(self) -> bool:
        """Wait for news. False when the client has left, else there may be more of the body."""
        if not self.is_gone:
            if self.awaited and not self.line.transport.is_closing():
                self.line.transport.write(CONTINUE)
                self.awaited = False
            self.line.flow.resume_reading()
            if not self._news:
                self._event = self._event or asyncio.Event()
                self._event.clear()
                await self._event.wait()
            self._news = False
        return not self.is_gone

    def _tell(self) -> None:
        self._news = True
        if self._event is not None:
            self._event.set()

    def _take(self) -> bytes:
        taken, self._body = bytes(self._body), b""
        return taken

    # the answer

    @property
    def may_write(self) -> bool:
        """Whether the client is still there and has taken most of what was sent before."""
        return not (self.is_gone or self.line.flow.write_paused or self.line.transport.is_closing())

    async def can_write(self) -> bool:
        """Whether the client is still there when it has taken most of what was sent before."""
        if self.line.flow.write_paused and not self.line.transport.is_closing():
            await self.line.flow.drain()
        if self.line.transport.is_closing():
            self.is_gone = True  # when requests wait in line, only the last of them is told
        return not self.is_gone

    def write_whole(self, status: int, lines: bytes, content: bytes) -> None:
        """Answer with one write. `lines` are the headers, each with its end; they tell the length."""
        self.begun = True
        head = self._head(status, lines)
        self.line.transport.write(head if self.method == "HEAD" else head + content)
        self._end()

    def begin(self, status: int, lines: bytes, length: int) -> None:
        """Answer with so many bytes that follow piece by piece."""
        self.begun = True
        self._missing = 0 if self.method == "HEAD" else length
        self.line.transport.write(self._head(status, lines))

    def write(self, piece: bytes) -> None:
        """Some of the bytes. Raises ValueError when they are more than was said."""
        if self.method == "HEAD":
            return
        if len(piece) > self._missing:
            raise ValueError("the answer is longer than its head says")
        self._missing -= len(piece)
        self.line.transport.write(piece)

    def end(self) -> None:
        """These were all pieces. Raises ValueError when they are less than was said."""
        if self._missing:
            raise ValueError("the answer is shorter than its head says")
        self._end()

    def break_off(self) -> None:
        """The answer can't be given, or not to its end: the client must not take what it has for the whole."""
        if self.begun or self.line.transport.is_closing():
            if not self.answered:
                self.line.transport.close()
            return
        self.keep_alive = False
        lines = b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
        self.write_whole(500, lines, b"Internal Server Error")

    def _head(self, status: int, lines: bytes) -> bytes:
        if self.awaited:  # who is told before the body was asked for need not send it: what follows could be anything
            self.awaited = False
            self.keep_alive = self.keep_alive and not self.more_body
        closes = b"" if self.keep_alive else b"connection: close\r\n"
        return b"%b%b%b%b\r\n" % (STATUS_LINE[status], self.line.default_lines(), lines, closes)

    def _end(self) -> None:
        self.answered = True
        if not self.keep_alive:
            if self.more_body:
                self.line.linger()
            else:
                self.line.transport.close()
        self.line.on_answered()


def too_large() -> TooLarge:
    """413 for a body over its limit."""
    return TooLarge("api.context.request_body_too_large.app_error", "The request body is too large.")
