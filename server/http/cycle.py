"""One request and its answer: uvicorn's, except that an answer that comes whole is written at once, head and body."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

BODILESS = (204, 304)


class Cycle(RequestResponseCycle):
    """Holds the head of the answer back until the first of its body is there."""

    transport: asyncio.Transport
    linger: Callable[[], None]
    """Ends the connection without losing the answer, when there may be more of the request."""
    _start: Any = None

    async def send(self, message: Any) -> None:
        """A part of the answer; raises RuntimeError for parts that make no HTTP."""
        if self.transport.is_closing():
            self.disconnected = True  # when requests wait in line, only the last of them is told
        start = self._start
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        if start is not None:
            self._start = None
            whole = not self.disconnected and not self.flow.write_paused and not message.get("more_body", False)
            if whole and self._write_whole(start["status"], start.get("headers", ()), message.get("body", b"")):
                return
            await super().send(start)
        await super().send(message)

    def _write_whole(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write head and body together, or return False when the headers don't give the body's length."""
        is_head = self.scope["method"] == "HEAD"
        length = 0 if status in BODILESS else -1
        keep_alive, ends = self.keep_alive, 2
        parts = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and b"close" in value.lower():
                keep_alive = False
                continue
            parts += (name, b": ", value, b"\r\n")
            ends += 1
        if length != len(body) and not (is_head and length > 0):
            return False
        if not keep_alive:
            parts.append(b"connection: close\r\n")
            ends += 1
        parts.append(b"\r\n")
        head = b"".join(parts)
        # A value with a line break of its own would be another header.
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            raise RuntimeError("Invalid HTTP header value.")
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = False
        self.response_started = self.response_complete = True
        self.transport.write(head if is_head else head + body)
        self.message_event.set()
        if not keep_alive:
            if self.more_body:
                self.linger()
            else:
                self.transport.close()
        self.on_response()
        return True
