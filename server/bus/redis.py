"""A lean Redis client for the hot path: one asyncio protocol that pipelines, and speaks RESP3.

In RESP3 a connection that is subscribed still takes commands, and their replies come in order with the messages: a
reply says that everything published before it has arrived. The subscriber's bookkeeping stands on that.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
from msgspec import Struct

from server import ticks

Argument = str | bytes | int
OnMessage = Callable[[bytes, bytes], None]

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 2.0
"""A connection whose oldest question is older than this is given up …"""
LOOKS = 4
"""… which is seen in so many looks: were this process held up, the answer would be read between two of them."""

_NOTHING = object()
_encode = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)


class RedisError(Exception):
    """Redis can't be reached, went away, or refused a command."""


class Address(Struct, frozen=True):
    """Where a Redis is and how to sign in."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    user: str = ""
    password: str = ""
    db: int = 0
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> "Address":
        """From "redis://", "rediss://" or "unix://" URLs, a path, or "host:port"; ValueError for anything else."""
        if "://" not in url:
            url = f"unix://{url}" if url.startswith("/") else f"redis://{url}"
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError(f"not an address of a Redis: {parts.scheme}://…")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        db = parse_qs(parts.query).get("db", [""])[0]
        if parts.scheme == "unix":
            return cls(path=unquote(parts.path), user=user, password=password, db=int(db or 0))
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 6379,
            user=user,
            password=password,
            db=int(parts.path.strip("/") or db or 0),
            tls=parts.scheme == "rediss",
        )


class RedisConnection(asyncio.Protocol):
    """One connection: commands of one turn of the loop leave in one write, answers come in the order of the questions.

    `on_message` gets channel and payload of what is subscribed, `on_batch` is called after each chunk of them,
    `on_close` once when the connection is gone.
    """

    def __init__(
        self,
        on_message: OnMessage | None = None,
        on_batch: Callable[[], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._out: list[bytes] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._oldest: asyncio.Future[Any] | None = None
        self._looked = 0
        self._on_message = on_message
        self._on_batch = on_batch
        self._on_close = on_close
        self._watch: ticks.Tick | None = None

    @classmethod
    async def open(
        cls,
        address: Address,
        on_message: OnMessage | None = None,
        on_batch: Callable[[], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> "RedisConnection":
        """Connect, sign in and choose the database; raises RedisError."""
        loop = asyncio.get_running_loop()

        def make() -> RedisConnection:
            return cls(on_message, on_batch, on_close)

        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if address.path:
                    _, protocol = await loop.create_unix_connection(make, address.path)
                else:
                    tls = ssl.create_default_context() if address.tls else None
                    _, protocol = await loop.create_connection(make, address.host, address.port, ssl=tls)
                await protocol._greet(address)
        except (OSError, TimeoutError) as error:
            raise RedisError(f"no connection to Redis: {str(error) or 'no answer in time'}") from error
        return protocol

    async def _greet(self, address: Address) -> None:
        sign_in = ("AUTH", address.user or "default", address.password) if address.password else ()
        try:
            await self.command("HELLO", "3", *sign_in)
            if address.db:
                await self.command("SELECT", address.db)
        except BaseException:  # cancelled, perhaps
            self.close()
            raise

    def command(self, *words: Argument) -> "asyncio.Future[Any]":
        """Send a command; the future has its answer or a RedisError."""
        future = self._loop.create_future()
        if self.closed:
            _fail(future, "the connection to Redis is closed")
            return future
        self._waiting.append(future)
        self.send(*words)
        return future

    def send(self, *words: Argument) -> None:
        """Send a command that has no answer of its own: SUBSCRIBE and UNSUBSCRIBE."""
        if self.closed:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(_encode(words))

    def flush(self) -> None:
        """Write what was sent without waiting for the next turn of the loop."""
        self._flush()

    def _flush(self) -> None:
        # The other end may have gone a moment ago, which is news in the next turn of the loop.
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._out = []

    def close(self) -> None:
        """Close at once; pending commands fail."""
        if self._transport is not None:
            self._transport.abort()
        self._lost()

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._watch = ticks.call_later(ANSWER_SECONDS / LOOKS, self._look)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol: hand on messages and answers, in their order."""
        reader = self._reader
        on_message = self._on_message
        messages = 0
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                if type(reply) is hiredis.PushNotification:
                    if on_message is not None and reply[0] == b"message":
                        messages += 1
                        on_message(reply[1], reply[2])
                else:
                    self._answer(reply)
        except hiredis.ProtocolError:
            self.close()
        finally:
            if messages and self._on_batch is not None:
                self._on_batch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self._lost()

    def _answer(self, reply: object) -> None:
        if not self._waiting:
            self.close()
            return
        future = self._waiting.popleft()
        if future.done():  # whoever asked was cancelled
            return
        if isinstance(reply, hiredis.ReplyError):
            _fail(future, str(reply))
        else:
            future.set_result(reply)

    def _look(self) -> None:
        """Give up on a server that does not answer; one timer for all commands instead of one for each."""
        if self.closed:
            return
        oldest = self._waiting[0] if self._waiting else None
        self._looked = self._looked + 1 if oldest is not None and oldest is self._oldest else 0
        self._oldest = oldest
        if self._looked >= LOOKS:
            self.close()
            return
        self._watch = ticks.call_later(ANSWER_SECONDS / LOOKS, self._look)

    def _lost(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._watch is not None:
            self._watch.cancel()
        waiting, self._waiting, self._oldest = self._waiting, deque(), None
        for future in waiting:
            if not future.done():
                _fail(future, "the connection to Redis was lost")
        if self._on_close is not None:
            self._on_close()


def _fail(future: "asyncio.Future[Any]", why: str) -> None:
    future.set_exception(RedisError(why))
    future.exception()  # marks it as seen: who asked may be gone, and that is no news
