"""Carrying a connection to another node: marks in Redis, and replay from the streams where it can be proven exact.

A mark (seq, position, rooms) says: the events from seq on come from the messages after position, to a user who was in
these rooms then. Nodes save the marks of their connections every few seconds, or every few dozen events, so that after
a crash another node can tell which events a client has not seen; it must find its way back to the same rooms, or the
database and the bus were not of one mind when one of the two nodes asked. A record belongs to one node; whoever resumes
the connection takes it over in one step, and the saves of the node before are refused from then on.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

import msgspec
from msgspec import Struct

from server.bus.bus import EVERYONE, Bus
from server.bus.envelope import Envelope
from server.bus.redis import RedisError
from server.bus.signals import NODES, EventsLost, Joined, Left
from server.gateway.connection import MARK, Connection
from server.gateway.histories import Histories, Message, read
from server.gateway.hub import digest_of

log = logging.getLogger(__name__)

RECORD_SECONDS = 600
"""A record that is not saved again is forgotten after this long."""
REFRESH_SECONDS = 200
REFRESH_EVERY = 10.0
"""Records that would expire are saved together, so often."""
MARK_SECONDS = 5.0
MARK_EVENTS = 64
"""A connection is marked again when its last mark is so old, or so many events ago: to mark and save one costs about as
much as two events, and who resumes elsewhere has no more than these to go through beside what was missed."""
SOON_SECONDS = 0.02
MAX_REPLAY = 2000
"""More missed events than this are not replayed; the client fetches what it needs."""
_BATCH = 250
_STRIDE = 1000
"""So many connections are looked at in one go; events wait meanwhile."""

_SAVE = f"""
local prefix, node, refused = ARGV[1], ARGV[2], {{}}
for i = 3, #ARGV, 3 do
    local key = prefix .. 'connection:' .. ARGV[i]
    local owner = redis.call('HGET', key, 'node')
    if not owner or owner == node then
        redis.call('HSET', key, 'node', node, 'user', ARGV[i + 1], 'data', ARGV[i + 2])
        redis.call('EXPIRE', key, {RECORD_SECONDS})
    else
        refused[#refused + 1] = ARGV[i]
    end
end
return refused
"""

_TAKE = f"""
local key = ARGV[1] .. 'connection:' .. ARGV[3]
local found = redis.call('HMGET', key, 'node', 'user', 'data')
if not found[3] or found[2] ~= ARGV[4] then
    return false
end
redis.call('HSET', key, 'node', ARGV[2])
redis.call('EXPIRE', key, {RECORD_SECONDS})
return found
"""

_END = f"""
for i = 2, #ARGV do
    local key = ARGV[1] .. 'connection:' .. ARGV[i]
    redis.call('HSET', key, 'node', '')
    redis.call('HDEL', key, 'data')
    redis.call('EXPIRE', key, {RECORD_SECONDS})
end
"""


class Mark(Struct, frozen=True):
    """A mark of a connection."""

    seq: int
    position: int
    rooms: int


class Record(Struct, array_like=True):
    """What a node leaves behind about a connection."""

    epoch: bytes
    codec: int
    is_admin: bool
    marks: bytes

    def mark_for(self, seq: int) -> Mark | None:
        """The newest mark that is not after a seq."""
        return next((Mark(*found) for found in MARK.iter_unpack(self.marks) if found[0] <= seq), None)


class Checkpoints:
    """Saves the marks of this node's connections, and takes over those of others."""

    def __init__(
        self,
        bus: Bus,
        rooms_of: Callable[[Connection], int],
        refused: Callable[[str], None],
        confirmed: Callable[[Connection], None],
    ) -> None:
        self._bus = bus
        self._rooms_of = rooms_of
        """The digest of the rooms of a connection's user."""
        self._refused = refused
        """Called with the id of a connection that has gone to another node."""
        self._confirmed = confirmed
        """Called for a connection that waited for a fresh mark, once it is saved."""
        self._waiting: dict[Connection, object] = {}
        self._new: dict[Connection, None] = {}
        self._refreshed_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def soon(self, connection: Connection) -> None:
        """Save the marks of a new connection without waiting for the next round."""
        self._new[connection] = None
        self._start()

    def hold(self, connection: Connection) -> None:
        """Save a fresh mark that replaces all others, and say when it is safe to write on."""
        connection.marks = b""
        self._waiting[connection] = object()
        self._start()

    def waits(self, connection: Connection) -> bool:
        """Whether the connection's mark is being replaced."""
        return connection in self._waiting

    def drop(self, connection: Connection) -> None:
        """The connection is no longer this node's."""
        self._waiting.pop(connection, None)
        self._new.pop(connection, None)

    def stop(self) -> None:
        """Save nothing more."""
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._save_soon())

    async def _save_soon(self) -> None:
        try:
            while self._waiting or self._new:
                await asyncio.sleep(SOON_SECONDS / 10 if self._waiting and self._bus.connected else SOON_SECONDS)
                if not self._bus.settled:
                    continue
                waiting, new = dict(self._waiting), list(self._new)
                self._new.clear()
                for connection in waiting:
                    connection.mark_only(self._bus.position, self._rooms_of(connection))
                if not await self.save([*waiting, *new]):
                    await asyncio.sleep(SOON_SECONDS * 10)
                    continue
                for connection, held in waiting.items():
                    if self._waiting.get(connection) is held:  # not interrupted again meanwhile
                        del self._waiting[connection]
                        self._confirmed(connection)
        finally:
            self._task = None

    async def round(self, connections: Sequence[Connection], now: float) -> None:
        """Mark and save the connections to which much has happened since, or whose record would expire."""
        oldest = float("inf")
        if now - self._refreshed_at >= REFRESH_EVERY:
            self._refreshed_at = now
            oldest = REFRESH_SECONDS
        for start in range(0, len(connections), _STRIDE):
            if not self._bus.settled:
                return
            due = [one for one in connections[start : start + _STRIDE] if self._is_due(one, now, oldest)]
            if due:
                await self.save(due)
            else:
                await asyncio.sleep(0)

    def _is_due(self, connection: Connection, now: float, oldest: float) -> bool:
        """Whether the connection's marks are to be saved; then they are of now."""
        age = now - connection.saved_at
        if age < oldest:
            # What waits for a round counts from then on.
            news = connection.seq + connection.behind - connection.saved_seq
            if not news or (news < MARK_EVENTS and age < MARK_SECONDS) or connection.transport is None:
                return False  # of who is away, the marks of then are what the client needs: it has seen nothing since
        if connection.transport is not None and connection not in self._waiting:
            connection.mark(self._bus.position, self._rooms_of(connection))
        return bool(connection.marks)

    async def save(self, connections: Sequence[Connection]) -> bool:
        """Write the marks to Redis; False when that failed."""
        epoch = self._bus.epoch
        prefix, node = self._bus.names.prefix, self._bus.node_id
        try:
            for start in range(0, len(connections), _BATCH):
                words: list[str | bytes] = []
                for connection in connections[start : start + _BATCH]:
                    record = Record(epoch, connection.codec, connection.is_admin, connection.marks)
                    words += (connection.id, connection.user_id, msgspec.msgpack.encode(record))
                for refused in await self._bus.command("EVAL", _SAVE, 0, prefix, node, *words):
                    self._refused(refused.decode())
                now = asyncio.get_running_loop().time()
                for connection in connections[start : start + _BATCH]:
                    if connection.marks:
                        connection.saved_at = now
        except RedisError as error:
            log.warning("connections could not be saved: %s", error)
            return False
        return True

    async def take(self, connection_id: str, user_id: str) -> tuple[str, Record] | None:
        """Make another node's connection ours: that node and the record, or None if the user has no such connection."""
        try:
            found = await self._bus.command(
                "EVAL", _TAKE, 0, self._bus.names.prefix, self._bus.node_id, connection_id, user_id
            )
            return (found[0].decode(), msgspec.msgpack.decode(found[2], type=Record)) if found else None
        except (RedisError, msgspec.MsgspecError):
            return None

    async def end(self, connection_ids: Sequence[str]) -> None:
        """See to it that nobody resumes these connections."""
        try:
            await self._bus.command("EVAL", _END, 0, self._bus.names.prefix, *connection_ids)
        except RedisError as error:
            log.warning("connections could not be ended for other nodes: %s", error)


async def replay(
    bus: Bus,
    histories: Histories,
    connection: Connection,
    rooms: set[str],
    mark: Mark,
    until: int,
    wanted: Callable[[Envelope], bool],
) -> list[bytes] | None:
    """The heads of the events that the connection was sent for the messages after a mark, up to a position.

    `rooms` are the user's rooms as of `until`. None when it can't be proven that nothing is missing. Raises RedisError.
    """
    own, after = f"user:{connection.user_id}", mark.position
    tails = await _tails(bus, [own, NODES, EVERYONE, *rooms])
    told = await read(bus, own, after) if tails[own] > after else []
    for_nodes = await histories.between(NODES, after, tails[NODES]) if tails[NODES] > after else []
    if told is None or for_nodes is None:
        return None
    news = [
        (message.position, message.content)
        for message in told
        if isinstance(message.content, Joined | Left) and message.position <= until
    ]
    spans = membership(rooms, news, after, until)
    if spans is None or digest_of(*(room for room in spans if spans[room][-1][0] == after)) != mark.rooms:
        return None
    topics = [own, EVERYONE, *spans]
    if any(isinstance(message.content, EventsLost) and _concerns(message.content, topics) for message in for_nodes):
        return None
    tails |= await _tails(bus, [room for room in spans if room not in tails])
    found: list[tuple[int, Message, Envelope]] = []
    for topic in topics:
        if tails[topic] <= after:
            continue
        messages = told if topic == own else await histories.between(topic, after, tails[topic])
        if messages is None:
            return None
        for start, end in spans.get(topic, [(after, until)]):
            found += within(messages, start, end)
        if len(found) > MAX_REPLAY:
            return None
    found.sort(key=itemgetter(0))
    return [message.head_for(envelope, connection) for _, message, envelope in found if wanted(envelope)]


async def _tails(bus: Bus, topics: Sequence[str]) -> dict[str, int]:
    return dict(zip(topics, await bus.tails(topics), strict=True))


def within(messages: Iterable[Message], start: int, end: int) -> Iterable[tuple[int, Message, Envelope]]:
    """The events after one position, up to another."""
    for message in messages:
        if start < message.position <= end and isinstance(message.content, Envelope):
            yield message.position, message, message.content


def membership(
    rooms: set[str], news: Sequence[tuple[int, Joined | Left]], after: int, until: int
) -> dict[str, list[tuple[int, int]]] | None:
    """Between which positions the user was in which rooms, the last span first, told backwards from the rooms now.

    None if the news makes no sense, as when the database knew of a change before the bus did.
    """
    ends = dict.fromkeys(rooms, until)
    spans: dict[str, list[tuple[int, int]]] = {}
    for position, signal in reversed(news):
        for room in signal.rooms:
            if isinstance(signal, Joined):
                if room not in ends:
                    return None
                spans.setdefault(room, []).append((position, ends.pop(room)))
            elif room in ends:
                return None
            else:
                ends[room] = position
    for room, end in ends.items():
        spans.setdefault(room, []).append((after, end))
    return spans


def _concerns(signal: EventsLost, topics: Sequence[str]) -> bool:
    return signal.missed is None or not set(topics).isdisjoint(signal.missed)
