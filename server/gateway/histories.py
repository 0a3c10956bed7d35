"""What topics' streams hold, for many connections that resume at once: read, understood and encoded once for all."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct, field

from server.bus.bus import Bus
from server.bus.envelope import Envelope
from server.bus.signals import Signal
from server.gateway.connection import Connection
from server.gateway.frames import Heads, heads_for

KEEP_SECONDS = 5.0
"""What nobody asked for in this time is forgotten."""
KEEP_BYTES = 32 * 1024 * 1024
"""Of all topics together; what was asked for last is kept."""


class Message(Struct, eq=False):
    """A message of a topic, where it stands among all, and the frames that it makes for those it doesn't name."""

    position: int
    content: Envelope | Signal
    heads: Heads | None = None

    def head_for(self, envelope: Envelope, connection: Connection) -> bytes:
        """The head of the event that this message is, as one connection gets it."""
        user_id = connection.user_id
        if any(user_id in named for named in envelope.personal.values()):
            return heads_for(envelope, user_id, connection.confirms and envelope.asks(user_id)).head(connection.codec)
        if self.heads is None:
            self.heads = heads_for(envelope)
        return self.heads.head(connection.codec)


class _Past(Struct, eq=False):
    """All messages of a topic from after one position to its last one at some time."""

    epoch: bytes = b""
    after: int = 0
    until: int = 0
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    used_at: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Histories:
    """The pasts of topics, as long as connections are being resumed."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pasts: dict[str, _Past] = {}

    async def between(self, topic: str, after: int, tail: int) -> Sequence[Message] | None:
        """The messages of a topic after a position, up to its last one (as far as the caller knows) or later.

        None if not all of them are still there. Raises RedisError.
        """
        past = self._pasts.pop(topic, None) or _Past()
        self._pasts[topic] = past  # the last in line to be forgotten
        past.used_at = asyncio.get_running_loop().time()
        async with past.reading:
            fits = past.epoch == self._bus.epoch and past.after <= after <= past.until
            if (not fits or past.until < tail) and not await self._read(topic, past, after, tail, begin=not fits):
                return None
            messages = past.messages
        return messages[bisect_right(messages, after, key=_position) :]

    async def _read(self, topic: str, past: _Past, after: int, tail: int, *, begin: bool) -> bool:
        """Read what is not known yet: all after a position, or only what is newer."""
        epoch = self._bus.epoch
        found = await read(self._bus, topic, after if begin else past.until)
        if found is None or self._bus.epoch != epoch:
            return False
        if begin:
            past.epoch, past.after, past.messages, past.size = epoch, after, [], 0
        past.messages = [*past.messages, *found]
        past.until = max(tail, after, found[-1].position if found else 0)
        past.size += sum(len(one.content.body) for one in found if isinstance(one.content, Envelope))
        while len(self._pasts) > 1 and sum(each.size for each in self._pasts.values()) > KEEP_BYTES:
            del self._pasts[next(iter(self._pasts))]
        return True

    def sweep(self, now: float) -> None:
        """Forget what is not asked for any more."""
        while self._pasts:
            topic, past = next(iter(self._pasts.items()))
            if past.used_at + KEEP_SECONDS > now:
                return
            del self._pasts[topic]


async def read(bus: Bus, topic: str, after: int) -> list[Message] | None:
    """The messages of a topic after a position, or None if not all of them are still there. Raises RedisError."""
    found = await bus.history(topic, after)
    return None if found is None else [Message(position, content) for position, content in found]


def _position(message: Message) -> int:
    return message.position
