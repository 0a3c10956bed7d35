"""HTTP/1.1 connections with bounds: uvicorn's protocol, plus an end to heads that grow, and to clients that dribble."""

import asyncio
import resource
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server import ticks
from server.http.cycle import Cycle
from server.ids import new_id

MAX_HEAD = 64 * 1024
"""Bytes of a request line and headers; more are never kept."""
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
PARTING_SECONDS = 0.5
"""A connection on which nothing is asked when the node stops is kept so long, for a request that is on its way."""
"""After an answer that ends the connection the client may go on sending so long: were its bytes left unread, its
system would throw the answer away."""

_PHRASES = {400: b"Bad Request", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


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


def most_files() -> int:
    """The number of the first file that clients don't get; the system gives out the lowest that is free."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft - min(SPARE_FILES, soft // 4)


class BoundedHttp(HttpToolsProtocol):
    """One connection. It waits for a head, then for a body, then for the application, then for the next head."""

    _slow: ClassVar[dict["BoundedHttp", None]] = {}
    """The connections of this process whose clients don't take what they are answered, the longest waiting first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._body_bytes = 0
        self._waits_for = "head"
        self._since = 0.0
        self._check: ticks.Tick | None = None
        self._lingers: asyncio.TimerHandle | None = None
        self._last_in_line = False
        """Whether no more requests are taken, and the connection ends when those in line are answered."""
        self._leaving = False
        self._unread_since = 0.0
        self._unread_first = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has connected."""
        super().connection_made(cast(asyncio.Transport, transport))
        if transport.get_extra_info("socket").fileno() >= most_files():
            message = "There are too many connections; try again later."
            self.transport.write(refusal(503, "api.context.server_busy.app_error", message))
            self.transport.close()
            return
        self._since = self.loop.time()
        self._check = ticks.call_later(CHECK_SECONDS, self._check_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._slow.pop(self, None)
        self._stop_checking()
        if self._lingers is not None:
            self._lingers.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client doesn't take what it is answered, at least not at once."""
        super().pause_writing()
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
        super().resume_writing()

    def handle_websocket_upgrade(self) -> None:
        """From here on the gateway looks after the connection."""
        if self._owes_answers():
            self._end_after_line()
            return
        self._slow.pop(self, None)
        self._stop_checking()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        if self._lingers is not None or self._last_in_line:
            return
        if self._waits_for in ("head", "next head"):
            if self._waits_for == "next head":
                self._waits_for, self._since = "head", self.loop.time()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._waits_for == "head" and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, "api.context.headers_too_large.app_error", "The headers are too large.")

    def on_message_begin(self) -> None:
        """A request line begins."""
        super().on_message_begin()
        self._waits_for = "head"

    def on_headers_complete(self) -> None:
        """The head is whole: the application starts, or waits for the end of the answer before."""
        if len(self.pipeline) >= MOST_IN_LINE:
            raise TooManyInLine
        self._head_bytes = self._body_bytes = 0
        self._waits_for, self._since = "body", self.loop.time()
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        before = cast(Cycle | None, self.cycle)
        self.cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive() and not self._leaving,
            on_response=self.on_response_complete,
        )
        self.cycle.linger = self.linger
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def shutdown(self) -> None:
        """The node stops: what is being answered is the last, or what is asked within a moment."""
        self._leaving = True
        cycle = cast(Cycle | None, self.cycle)
        if cycle is None or cycle.response_complete:
            self.loop.call_later(PARTING_SECONDS, self._part)
        else:
            cycle.keep_alive = False

    def _part(self) -> None:
        cycle = cast(Cycle | None, self.cycle)
        if cycle is None or cycle.response_complete:
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        """An answer went out: on to the next request of the pipeline, or to waiting without a timer of its own."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._waits_for == "next head":
            self._since = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._last_in_line:
            self.linger()
            return
        if not self.pipeline:  # else each answer would let in more requests than there are answers
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._waits_for = "next head"
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP."""
        self._refuse(400, "api.context.invalid_request.app_error", "This is not a valid HTTP request.")

    def _owes_answers(self) -> bool:
        """Whether whole requests are not answered yet: nothing may be written before their answers."""
        cycle = cast(Cycle | None, self.cycle)
        return bool(self.pipeline) or (cycle is not None and not cycle.response_complete and not cycle.more_body)

    def _end_after_line(self) -> None:
        self._last_in_line, self._waits_for = True, "next head"
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()  # its end will not come

    def _refuse(self, status: int, id: str, message: str) -> None:
        if self._owes_answers():
            self._end_after_line()
            return
        self.transport.write(refusal(status, id, message))
        self.linger()

    def linger(self) -> None:
        """Say no more, and close when the client has heard it or has had the time to."""
        if self._lingers is None and not self.transport.is_closing():
            self.transport.write_eof()
            self.flow.resume_reading()
            self._lingers = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _check_patience(self) -> None:
        now = self.loop.time()
        waited = now - self._since
        left = self.transport.get_write_buffer_size()
        if not left:
            self._unread_since = 0.0
        if left:
            overdue = self._is_unread(left, now)
        elif self._lingers is not None:
            overdue = False
        elif self._waits_for == "next head":
            cycle = cast(Cycle | None, self.cycle)
            overdue = cycle is not None and cycle.response_complete and waited > IDLE_SECONDS
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
            return HEAD_SECONDS if len(self.connections) <= CROWD else HURRIED_SECONDS
        return BODY_SECONDS + self._body_bytes / LEAST_RATE

    def _stop_checking(self) -> None:
        if self._check is not None:
            self._check.cancel()
            self._check = None
