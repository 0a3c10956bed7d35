"""How httpx reaches the nodes of a test's own process: over connections that cost a tenth of those it comes with.

Most of the time of most tests goes by with small requests. All that is not one, or not answered like one, httpx does
by itself.
"""

import asyncio
import select
import ssl
import time
from typing import Self

import httptools
import httpx

from tests.waiting import PATIENCE

IDLE_SECONDS = 4.0
"""A connection that has waited for longer is left alone: the node may be about to hang up."""
LINES = 100
"""So many requests are under way at one time; the others wait."""
SMALL = 65536
"""A body of so many bytes is taken at once: what refuses larger ones may do so, and hang up, before it came."""


class Line(asyncio.Protocol):
    """A connection on which one request after the other is answered."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._idle = False
        self._since = 0.0
        self._readable = select.poll()
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect; httpx.ConnectError when nobody listens there."""
        try:
            return (await asyncio.get_running_loop().create_connection(cls, host, port))[1]
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error

    @property
    def reusable(self) -> bool:
        """Whether the next request may take it: the last one was answered, and the other side has not hung up."""
        return self._idle and time.monotonic() - self._since < IDLE_SECONDS and not self._readable.poll(0)

    async def ask(self, request: bytes) -> httpx.Response:
        """Send a request and give its answer."""
        self._idle = False
        self._answer = asyncio.get_running_loop().create_future()
        self._headers, self._body = [], []
        self._transport.write(request)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._answer
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {PATIENCE} s") from error

    def close(self) -> None:
        """Hang up."""
        self._idle = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio tells that the connection is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._readable.register(transport.get_extra_info("socket"), select.POLLIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio tells that it is no more."""
        self._idle = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(httpx.RemoteProtocolError(f"the connection ended without an answer: {exc}"))

    def data_received(self, data: bytes) -> None:
        """asyncio tells what came."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser found a header."""
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """The parser found a part of a body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The parser found the end of an answer."""
        assert self._answer
        self._idle, self._since = self._parser.should_keep_alive(), time.monotonic()
        if not self._answer.done():
            status, body = self._parser.get_status_code(), httpx.ByteStream(b"".join(self._body))
            self._answer.set_result(httpx.Response(status, headers=self._headers, stream=body))


class Lines(httpx.AsyncBaseTransport):
    """Connections to one node, kept for the requests to come."""

    def __init__(self) -> None:
        self._idle: list[Line] = []
        self._places = asyncio.Semaphore(LINES)
        # Nothing is encrypted here, and to load all certificates that are trusted takes 20 ms.
        nothing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._others = httpx.AsyncHTTPTransport(verify=nothing, limits=httpx.Limits(max_connections=LINES))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give its answer."""
        headers = request.headers
        small = "transfer-encoding" not in headers and int(headers.get("content-length", 0)) <= SMALL
        if not small or "upgrade" in headers or request.method == "HEAD":
            return await self._others.handle_async_request(request)
        body = await request.aread()
        fields = b"".join(b"%b: %b\r\n" % field for field in headers.raw)
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), request.url.raw_path, fields)
        async with self._places:
            line = await self._line(request.url)
            try:
                return await line.ask(head + body)
            finally:
                if line.reusable:
                    self._idle.append(line)
                else:
                    line.close()

    async def aclose(self) -> None:
        """Hang up everywhere."""
        for line in self._idle:
            line.close()
        await self._others.aclose()

    async def _line(self, url: httpx.URL) -> Line:
        while self._idle:
            line = self._idle.pop()
            if line.reusable:
                return line
            line.close()
        return await Line.open(url.host, url.port or 80)
