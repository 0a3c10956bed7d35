"""A lean REST client: keep-alive connections on which whole prepared requests are sent, at some 30 µs of CPU each."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools
import msgspec

API = "/api/v4"
PATIENCE = 60.0


class RestError(Exception):
    """A request that had to succeed was refused."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{method} {path}: {status} {body[:300]!r}")
        self.status = status


class Answer:
    """What came back."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)


class Connection(asyncio.Protocol):
    """One connection, for one request after the other; it is opened when first used and again when it was closed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []

    def request(self, method: str, path: str, token: str = "", body: object = None) -> bytes:
        """A whole request, to be sent as often as one likes."""
        content = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {API}{path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if content or method != "GET":
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        return head.encode() + b"\r\n" + content

    async def send(self, request: bytes) -> Answer:
        """Send a request and wait for the answer. OSError when the connection breaks, TimeoutError after a minute."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            self._begin()
            await loop.create_connection(lambda: self, self._host, self._port)
        if self._transport is None:
            raise ConnectionError("closed at once")
        self._waiting = loop.create_future()
        overdue = loop.call_later(PATIENCE, self._fail, TimeoutError("no answer"))
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            overdue.cancel()
            self._waiting = None

    async def call(self, method: str, path: str, token: str = "", body: object = None) -> Answer:
        """Ask for something that has to succeed. RestError when it is refused."""
        answer = await self.send(self.request(method, path, token, body))
        if answer.status >= 300:
            raise RestError(method, path, answer.status, answer.body)
        return answer

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(ConnectionError("the answer is no HTTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self._transport = None
        self._fail(exc or ConnectionError("closed by the server"))

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        if self._transport is not None:
            self._transport.abort()  # an answer that still comes must not be taken for that of another request

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """Part of httptools."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """Part of httptools."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Part of httptools."""
        answer = Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))
        self._headers, self._body = {}, []
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)
