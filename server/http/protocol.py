"""HTTP/1.1 connections with bounds: an end to heads that grow, to lines of requests, and to clients that dribble."""

import asyncio
import fcntl
import resource
import termios
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar, cast

import httptools
import msgspec
from uvicorn import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.server import ServerState

from server import ticks
from server.http.exchange import Exchange
from server.http.standby import Work, standbys_of
from server.ids import new_id

MAX_HEAD = 64 * 1024
"""Bytes of a request line and headers; more are never kept."""
MAX_HEADERS = 32 * 1024
"""Bytes of the headers' names and values that are answered as asked."""
HEAD_SECONDS = 20.0
"""A connection must have sent a whole head within this time of its first byte, or of being opened."""
BODY_SECONDS = 300.0
"""A body must have arrived within this time; a large one may take longer as long as it keeps up LEAST_RATE."""
LEAST_RATE = 16 * 1024
"""Bytes a second."""
CROWD = 2_000
HURRIED_SECONDS = 5.0
"""With more connections than that a head must arrive within this time: a crowd of silent ones must not stay."""
SPARE_FILES = 200
"""Of the files that the process may have open so many are kept from clients: for the database, Redis and uploads."""
UNREAD_SECONDS = 120.0
"""A client must take something of what it is answered within this time; as long as it keeps up LEAST_RATE it may take
longer for all of it."""
MOST_UNREAD = 32 * 1024 * 1024
"""So many bytes may wait for clients that are slow to take their answers, of all connections together, besides what the
system keeps for them. Of more the connections that have waited longest are cut: memory must not be filled by those who
ask and don't read. The answers whose ends wait are kept whole, which may be several times as much."""
IDLE_SECONDS = 75.0
"""A connection on which nothing is asked is kept so long."""
MOST_IN_LINE = 100
"""So many requests may wait for the answer to one before them; no more are taken, and when all of these are answered
the connection ends."""
CHECK_SECONDS = 5.0
LINGER_SECONDS = 2.0
"""After an answer that ends the connection the client may go on sending so long: were its bytes left unread, its
system would throw the answer away."""
PARTING_SECONDS = 0.5
"""A connection on which nothing is asked when the node stops is kept so long, for a request that is on its way."""

_PHRASES = {400: b"Bad Request", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


_Application = Callable[[Exchange], Work]


class Upgraded(asyncio.Protocol):
    """What `uvicorn.Config(ws=…)` has to be here: a protocol that is told what was asked, for that has been read."""

    def asked(self, method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """The client asks for an upgrade, by this version of HTTP; the names of the headers are in lower case."""


_GatewayClass = Callable[..., Upgraded]


class TooManyInLine(Exception):
    """A client sends requests faster than they are answered."""


def refusal(status: int, id: str, message: str) -> bytes:
    """A whole answer with API v4's error body for what is no request at all; the connection ends with it."""
    request_id = new_id()
    body = msgspec.json.encode(
        {"id": id, "message": message, "detailed_error": "", "request_id": request_id, "status_code": status}
    )
    head = (
        b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\nx-request-id: %b\r\ncontent-length: %d\r\n"
        b"connection: close\r\n\r\n"
    )
    return head % (status, _PHRASES[status], request_id.encode(), len(body)) + body


@cache
def most_files() -> int:
    """The number of the first file that clients don't get; the system gives out the lowest that is free."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft - min(SPARE_FILES, soft // 4)


class BoundedHttp(asyncio.Protocol):
    """One connection, for `uvicorn.Config(http=…)`, with an application that answers an `Exchange`.

    It waits for a head, then for a body, then for the application, then for the next head.
    """

    __slots__ = (
        "_answer",
        "_app_state",
        "_awaited",
        "_body_bytes",
        "_check",
        "_config",
        "_exchange",
        "_head_bytes",
        "_headers",
        "_last_in_line",
        "_leaving",
        "_light_heads",
        "_line",
        "_lingers",
        "_loop",
        "_next",
        "_parser",
        "_server_state",
        "_since",
        "_standbys",
        "_unread_first",
        "_unread_since",
        "_upgrades",
        "_url",
        "_waits_for",
        "client",
        "flow",
        "transport",
    )

    _slow: ClassVar[dict["BoundedHttp", None]] = {}
    """The connections of this process whose clients don't take what they are answered, the longest waiting first."""
    _defaults: ClassVar[tuple[list[tuple[bytes, bytes]], bytes]] = ([], b"")

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], **_: Any) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._answer: _Application = config.loaded_app
        self._loop = asyncio.get_running_loop()
        self._standbys = standbys_of(self._loop)
        self._parser = self._new_parser()
        self.client: tuple[str, int] | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._awaited = False
        self._upgrades = False
        self._exchange: Exchange | None = None
        """The one whose request came last."""
        self._next: Exchange | None = None
        """One that begins when the bytes that have arrived are read."""
        self._line: deque[Exchange] = deque()
        """Those that wait for the answers to the ones before them."""
        self._head_bytes = 0
        """Those that have come since the last head or piece of a body was whole."""
        self._body_bytes = 0
        self._light_heads = False
        """Whether no head that ends in the bytes being read can be over the limit."""
        self._waits_for = "head"
        self._since = 0.0
        self._check: ticks.Tick | None = None
        self._lingers: asyncio.TimerHandle | None = None
        self._last_in_line = False
        """Whether no more requests are taken, and the connection ends when those in line are answered."""
        self._leaving = False
        self._unread_since = 0.0
        self._unread_first = 0

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has connected."""
        self.transport = cast(asyncio.Transport, transport)
        self.flow = FlowControl(self.transport)
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        if transport.get_extra_info("socket").fileno() >= most_files():
            message = "There are too many connections; try again later."
            self.transport.write(refusal(503, "api.context.server_busy.app_error", message))
            self.transport.close()
            return
        self._since = self._loop.time()
        self._check = ticks.call_later(CHECK_SECONDS, self._check_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._server_state.connections.discard(self)
        self._slow.pop(self, None)
        self._stop_checking()
        if self._lingers is not None:
            self._lingers.cancel()
        if self._exchange is not None:
            self._exchange.leave()
        self.flow.resume_writing()
        # Each of these knows this connection: nothing shall be left to the collector.
        self._exchange = None
        del self._parser

    def pause_writing(self) -> None:
        """The client doesn't take what it is answered, at least not at once."""
        self.flow.pause_writing()
        self._slow[self] = None
        left = sum(each.transport.get_write_buffer_size() for each in self._slow)
        while left > MOST_UNREAD and len(self._slow) > 1:
            slowest = next(iter(self._slow))
            del self._slow[slowest]
            left -= slowest.transport.get_write_buffer_size()
            slowest.transport.abort()

    def resume_writing(self) -> None:
        """The client has taken it, or most of it."""
        self._slow.pop(self, None)
        self._unread_since = 0.0
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        if self._lingers is not None or self._last_in_line:
            return
        self._light_heads = self._waits_for != "head" and len(data) <= MAX_HEADERS
        if self._waits_for == "next head":
            self._waits_for, self._since = "head", self._loop.time()
        self._head_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(400, "api.context.invalid_request.app_error", "This is not a valid HTTP request.")
        else:
            if self._head_bytes > MAX_HEAD and self._waits_for != "next head":
                self._refuse(431, "api.context.headers_too_large.app_error", "The headers are too large.")
        if self._next is not None:
            begins, self._next = self._next, None
            self._standbys.run(self._answer(begins), self._loop, self._server_state.tasks)

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                if _asks_for_websocket(self._headers):
                    self._upgrade()
                    return
                if self._parser.get_method() == b"CONNECT":
                    raise httptools.HttpParserError from None
                # Java's clients offer h2c with whatever they ask first. The parser takes the body for the other
                # protocol, so it reads the request again without the offer.
                data = self._head(without=b"upgrade") + data[offer.args[0] :]
                self._parser = self._new_parser()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # After the last request of a connection, which is answered, anything may come.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    # what the parser calls

    def on_message_begin(self) -> None:
        """A request line begins."""
        self._url = b""
        self._headers = []
        self._awaited = False
        self._waits_for = "head"

    def on_url(self, url: bytes) -> None:
        """A piece of what is asked for."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is whole."""
        if self._waits_for == "body":
            return  # a trailer
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._awaited = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: the application starts, or waits for the end of the answer before."""
        if len(self._line) >= MOST_IN_LINE:
            raise TooManyInLine
        self._head_bytes = self._body_bytes = 0
        self._waits_for, self._since = "body", self._loop.time()
        parser, headers = self._parser, self._headers
        self._upgrades = parser.should_upgrade()
        if self._upgrades:
            return
        version = parser.get_http_version()
        path, query = _split(self._url)
        before = self._exchange
        exchange = self._exchange = Exchange(
            self,
            parser.get_method().decode("ascii"),
            path,
            query,
            headers,
            dict(headers),
            version,
            version != "1.0" and parser.should_keep_alive() and not self._leaving,
            self._awaited,
            not self._light_heads and sum([len(name) + len(value) for name, value in headers]) > MAX_HEADERS,
        )
        if before is None or before.answered:
            self._next = exchange
        else:
            self.flow.pause_reading()
            self._line.append(exchange)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._head_bytes = 0
        self._body_bytes += len(body)
        exchange = self._exchange
        if exchange is None or self._upgrades or exchange.answered:
            return
        if exchange.feed(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._waits_for = "next head"
        if self._exchange is not None and not self._upgrades:
            self._exchange.feed_end()

    def _upgrade(self) -> None:
        """From here on the gateway looks after the connection."""
        if self._owes_answers():
            self._end_after_line()
            return
        self._slow.pop(self, None)
        self._stop_checking()
        self._server_state.connections.discard(self)
        gateway = cast(_GatewayClass, self._config.ws_protocol_class)
        socket = gateway(config=self._config, server_state=self._server_state, app_state=self._app_state)
        socket.connection_made(self.transport)
        parser = self._parser
        socket.asked(parser.get_method(), self._url, parser.get_http_version(), self._headers)
        self.transport.set_protocol(socket)
        self._exchange = None
        del self._parser

    def _head(self, without: bytes = b"") -> bytes:
        parser = self._parser
        line = b"%b %b HTTP/%b\r\n" % (parser.get_method(), self._url, parser.get_http_version().encode())
        lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != without]
        return b"".join([line, *lines, b"\r\n"])

    # what exchanges and the server call

    def default_lines(self) -> bytes:
        """The headers that all answers have, the date for one."""
        headers = self._server_state.default_headers
        if self._defaults[0] is not headers:
            BoundedHttp._defaults = (headers, b"".join([b"%b: %b\r\n" % header for header in headers]))
        return self._defaults[1]

    def on_answered(self) -> None:
        """An answer went out: on to the next request of the line, or to waiting without a timer of its own."""
        self._server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._waits_for == "next head":
            self._since = self._loop.time()
        if self._line:
            task = self._loop.create_task(self._answer(self._line.popleft()))
            self._server_state.tasks.add(task)
            task.add_done_callback(self._server_state.tasks.discard)
        elif self._last_in_line:
            self.linger()
            return
        if not self._line:  # else each answer would let in more requests than there are answers
            self.flow.resume_reading()

    def linger(self) -> None:
        """Say no more, and close when the client has heard it or has had the time to."""
        if self._lingers is None and not self.transport.is_closing():
            self.transport.write_eof()
            self.flow.resume_reading()
            self._lingers = self._loop.call_later(LINGER_SECONDS, self.transport.close)

    def shutdown(self) -> None:
        """The node stops: what is being answered is the last, or what is asked within a moment."""
        self._leaving = True
        if self._exchange is None or self._exchange.answered:
            self._loop.call_later(PARTING_SECONDS, self._part)
        else:
            self._exchange.keep_alive = False

    def _part(self) -> None:
        if self._exchange is not None and not self._exchange.answered:
            return
        if _has_unread(self.transport):  # the node is busy, and has not seen yet what came in time
            self._loop.call_later(PARTING_SECONDS, self._part)
        else:
            self.transport.close()

    # ends

    def _owes_answers(self) -> bool:
        """Whether whole requests are not answered yet: nothing may be written before their answers."""
        last = self._exchange
        return bool(self._line) or (last is not None and not last.answered and not last.more_body)

    def _end_after_line(self) -> None:
        self._last_in_line, self._waits_for = True, "next head"
        if self._line and self._line[-1].more_body:
            self._line.pop()  # its end will not come

    def _refuse(self, status: int, id: str, message: str) -> None:
        if self._owes_answers():
            self._end_after_line()
            return
        self._next = None
        exchange = self._exchange
        if exchange is not None and not exchange.answered:  # its body will never be whole
            exchange.leave()
            if exchange.begun:
                self.transport.close()
                return
        self.transport.write(refusal(status, id, message))
        self.linger()

    def _check_patience(self) -> None:
        now = self._loop.time()
        waited = now - self._since
        left = self.transport.get_write_buffer_size()
        if not left:
            self._unread_since = 0.0
        if left:
            overdue = self._is_unread(left, now)
        elif self._lingers is not None:
            overdue = False
        elif self._waits_for == "next head":
            overdue = self._exchange is not None and self._exchange.answered and waited > IDLE_SECONDS
        else:
            overdue = waited > self._patience()
        if overdue:
            self.transport.abort()
            return
        self._check = ticks.call_later(CHECK_SECONDS, self._check_patience)

    def _is_unread(self, left: int, now: float) -> bool:
        """Whether the client is too slow to take what it is answered; `left` bytes of it wait now."""
        if not self._unread_since:
            self._unread_since, self._unread_first = now, left
        taken = max(0, self._unread_first - left)
        return now - self._unread_since > UNREAD_SECONDS + taken / LEAST_RATE

    def _patience(self) -> float:
        if self._waits_for == "head":
            return HEAD_SECONDS if len(self._server_state.connections) <= CROWD else HURRIED_SECONDS
        return BODY_SECONDS + self._body_bytes / LEAST_RATE

    def _stop_checking(self) -> None:
        if self._check is not None:
            self._check.cancel()
            self._check = None


def _asks_for_websocket(headers: list[tuple[bytes, bytes]]) -> bool:
    fields = dict(headers)
    words = [word.strip().lower() for word in fields.get(b"connection", b"").split(b",")]
    return b"upgrade" in words and fields.get(b"upgrade", b"").lower() == b"websocket"


def _has_unread(transport: asyncio.Transport) -> bool:
    """Whether bytes have arrived that the loop has not read yet."""
    if transport.is_closing():
        return False
    waiting = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
    return any(waiting)


def _split(url: bytes) -> tuple[bytes, bytes]:
    """Path and query; raises httptools' errors, or UnicodeDecodeError, for what is neither."""
    if url.startswith(b"/") and b"#" not in url and url.isascii():
        path, _, query = url.partition(b"?")
        return path, query
    parts = httptools.parse_url(url)
    parts.path.decode("ascii")
    return parts.path, parts.query or b""
