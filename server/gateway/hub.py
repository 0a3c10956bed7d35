"""The hub: alone maps topics to connections, hands each event to the right ones, and writes them out in rounds."""

import asyncio
import itertools
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import reduce
from operator import xor
from typing import Protocol
from zlib import crc32

from server.bus.bus import EVERYONE, Bus
from server.bus.envelope import Envelope
from server.bus.signals import Joined, Left
from server.gateway.connection import AWAY_EVENTS, HALF_OUTBOX, OUTBOX_BYTES, Connection
from server.gateway.frames import CODECS, Heads, heads_for
from server.gateway.stats import Stats

log = logging.getLogger(__name__)

TICK_SECONDS = 0.005
"""Under load, events are gathered for at least this long before they are written."""
WRITING_SHARE = 0.5
"""Under load, the pause between two rounds is at least as long as this times the round."""
TRANSIENT_SECONDS = 0.05
"""What may be left out, like that somebody types, waits so long for something to go out along with: to write it costs
as much as to write both, and most of the time the message follows."""
LINGER_SECONDS = 10.0
"""How long a user's topics stay subscribed after the last connection went."""


class User:
    """What a node knows of a user who is connected to it; all connections of the user share it."""

    __slots__ = ("connections", "digest", "holds", "id", "leaves_at", "loading", "news", "rooms", "version")

    def __init__(self, id: str) -> None:
        self.id = id
        self.connections: tuple[Connection, ...] = ()
        self.rooms: set[str] = set()
        self.digest = 0
        """Of the rooms; kept up to date with them."""
        self.loading: asyncio.Future[None] | None = None
        self.news: list[tuple[Joined | Left, int]] = []
        """Signals that came while the rooms were being loaded."""
        self.version = 0
        """Rises when sessions of the user end or change."""
        self.holds = 0
        """How many sign-ins are under way."""
        self.leaves_at = 0.0


class Keeper(Protocol):
    """What the hub tells about connections that need attention: the gateway."""

    def overflowed(self, connection: Connection) -> None:
        """The outbox is full."""

    def interrupted(self, connection: Connection) -> None:
        """The stream of events differs from what the bus has; note it before more is written."""

    def anew(self, connections: Iterable[Connection]) -> None:
        """These connections missed something for good."""


def digest_of(*rooms: str) -> int:
    """A number that two different sets of rooms hardly ever share; the digest of a union is that of both, xor."""
    return reduce(xor, (crc32(room.encode()) for room in rooms), 0)


def allowed(connection: Connection, envelope: Envelope) -> bool:
    """Whether a connection may have an event of one of its topics."""
    if envelope.sanitized if connection.is_admin else envelope.sensitive:
        return False
    if envelope.connection_id and envelope.connection_id != connection.id:
        return False
    if envelope.omit_connection_id and envelope.omit_connection_id == connection.id:
        return False
    return not envelope.omit_user or envelope.omit_user != connection.user_id


def is_for_all(envelope: Envelope) -> bool:
    """Whether all who listen to its topics get the same of an event, whoever they are and however they do."""
    return not (
        envelope.personal
        or envelope.omit_user
        or envelope.transient
        or envelope.sanitized
        or envelope.sensitive
        or envelope.connection_id
        or envelope.omit_connection_id
        or envelope.late
    )


class Hub:
    """Users, rooms and connections of one node."""

    def __init__(self, bus: Bus, topics_of: Callable[[str], Awaitable[list[str]]], stats: Stats) -> None:
        self.users: dict[str, User] = {}
        self.rooms: dict[str, set[User]] = {}
        self.keeper: Keeper
        self._bus = bus
        self._topics_of = topics_of
        self._stats = stats
        self._leaving: dict[User, None] = {}
        self._dirty: list[Connection] = []
        self._sent_at: list[float] = []
        self._next_round = 0.0
        self._round: asyncio.TimerHandle | None = None
        self._urgent = False
        """Whether there is more to write than transient events."""
        self._idles = False
        """Whether the next round waits for that."""

    # events

    def deliver(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Put events before the connections of a topic, in their order."""
        for plain, some in itertools.groupby(envelopes, is_for_all):
            run = list(some)
            if plain and len(run) > 1:
                self._sent(run, self._deliver_run(run, self._users_of(topic)))
            else:
                for envelope in run:
                    self.event(topic, envelope)

    def event(self, topic: str, envelope: Envelope) -> None:
        """Put an event before the connections of a topic that may have it."""
        delivered = self._deliver(envelope, self._users_of(topic))
        if envelope.transient:
            self._stats.events += bool(delivered)
            self._stats.deliveries += delivered
        else:
            self._sent([envelope], delivered)

    def _users_of(self, topic: str) -> Collection[User]:
        if topic.startswith("user:"):
            user = self.users.get(topic[5:])
            return (user,) if user is not None else ()
        return self.users.values() if topic == EVERYONE else self.rooms.get(topic, ())

    def _sent(self, envelopes: Sequence[Envelope], delivered: int) -> None:
        if delivered:
            self._urgent = True
            self._stats.events += len(envelopes)
            self._stats.deliveries += delivered
            self._sent_at += [envelope.sent_at for envelope in envelopes]

    def _deliver_run(self, envelopes: Sequence[Envelope], users: Iterable[User]) -> int:
        """Events that are for all go into a log together: one step for each connection, not one for each event."""
        heads = [heads_for(envelope) for envelope in envelopes]
        coded: list[list[bytes]] = [[] for _ in range(CODECS)]
        sizes = [0] * CODECS
        dirty = self._dirty
        delivered = 0
        for user in users:
            for connection in user.connections:
                codec = connection.codec
                if not sizes[codec]:
                    coded[codec] = [each.head(codec) for each in heads]
                    sizes[codec] = sum(map(len, coded[codec]))
                connection.log += coded[codec]
                connection.size = size = connection.size + sizes[codec]
                delivered += 1
                if not connection.queued:
                    connection.queued = True
                    dirty.append(connection)
                elif size > OUTBOX_BYTES or connection.transport is None:
                    self._limit(connection)
        return delivered * len(heads)

    def _deliver(self, envelope: Envelope, users: Iterable[User]) -> int:
        heads = heads_for(envelope)
        plain = heads.head(0)
        omit = envelope.omit_user
        named = {user_id for receivers in envelope.personal.values() for user_id in receivers}
        picky = bool(
            envelope.transient
            or envelope.sanitized
            or envelope.sensitive
            or envelope.connection_id
            or envelope.omit_connection_id
        )
        late = envelope.late
        dirty = self._dirty
        delivered = 0
        for user in users:
            if user.id == omit:
                continue
            mine, head, asks = heads, plain, False
            if user.id in named:
                mine = heads_for(envelope, user.id)
                head = mine.head(0)
                asks = envelope.asks(user.id)
                asking: Heads | None = None
            for connection in user.connections:
                if picky and not self._wanted(connection, envelope):
                    continue
                if asks and connection.confirms:
                    asking = asking or heads_for(envelope, user.id, ask=True)
                    piece = asking.head(connection.codec)
                else:
                    piece = mine.head(connection.codec) if connection.codec else head
                connection.log.append(piece)
                connection.size = size = connection.size + len(piece)
                delivered += 1
                if not connection.queued:
                    connection.queued = True
                    dirty.append(connection)
                elif size > OUTBOX_BYTES or connection.transport is None:
                    self._limit(connection)
                if late:
                    self.keeper.interrupted(connection)
        return delivered

    def _wanted(self, connection: Connection, envelope: Envelope) -> bool:
        if not allowed(connection, envelope):
            return False
        if envelope.transient and connection.size > HALF_OUTBOX:
            self._stats.dropped += 1
            self.keeper.interrupted(connection)
            return False
        return True

    def _limit(self, connection: Connection) -> None:
        """A connection that isn't being written to has its limits."""
        if connection.overflowed:
            return
        if connection.transport is not None and not connection.blocked:
            connection.flush()  # much has come at once, but nothing says that the client is slow
            return
        unsent = len(connection.log) - connection.sent
        if connection.size > OUTBOX_BYTES or (connection.transport is None and unsent > AWAY_EVENTS):
            connection.overflowed = True
            self.keeper.overflowed(connection)

    # writing

    def batch_ended(self) -> None:
        """Write what the bus has just brought: at once while it is quiet, in rounds under load."""
        if not self._dirty:
            self._sent_at.clear()  # all of it went to clients that are away or take nothing
            return
        if self._round is not None and not (self._urgent and self._idles):
            return
        if self._round is not None:
            self._round.cancel()
        loop = asyncio.get_running_loop()
        wait = self._next_round - loop.time()
        self._idles = not self._urgent
        if self._idles:
            wait = max(wait, TRANSIENT_SECONDS)
        if wait <= 0:
            self._write_round()
        else:
            self._round = loop.call_later(wait, self._write_round)

    def _write_round(self) -> None:
        self._round = None
        self._urgent = self._idles = False
        dirty, self._dirty = self._dirty, []
        sent_at, self._sent_at = self._sent_at, []
        loop = asyncio.get_running_loop()
        started = loop.time()
        for connection in dirty:
            transport = connection.transport
            if transport is not None and not connection.blocked:
                connection.queued = False
                try:
                    connection.flush()
                except Exception:
                    log.exception("a connection could not be written to")
                    transport.abort()
        ended = loop.time()
        self._next_round = ended + max(TICK_SECONDS, (ended - started) * WRITING_SHARE)
        self._stats.flushes += 1
        self._stats.writes += len(dirty)
        now = time.time()
        for moment in sent_at:
            self._stats.lag(now - moment)

    def enqueue(self, connection: Connection) -> None:
        """Write to a connection soon, after something stood in the way."""
        if not connection.queued:
            connection.queued = True
            self._dirty.append(connection)
            self._urgent = True
            self.batch_ended()

    # users

    async def enter(self, user_id: str) -> User:
        """The user with all topics subscribed; `release` it when done. Raises RedisError when the bus is away."""
        user = self.users.get(user_id)
        if user is None:
            user = self.users[user_id] = User(user_id)
            user.loading = asyncio.ensure_future(self._load(user))
        user.holds += 1
        self._leaving.pop(user, None)
        try:
            if user.loading is not None:
                await asyncio.shield(user.loading)
        except BaseException:
            self.release(user)
            raise
        return user

    def knows(self, user: User) -> bool:
        """Whether this is what the hub goes by for the user; after a loss it may have been replaced."""
        return self.users.get(user.id) is user

    def release(self, user: User) -> None:
        """A sign-in has ended, one way or the other."""
        user.holds -= 1
        self._leave_later(user)

    async def _load(self, user: User) -> None:
        """The order matters: what happens after the subscription comes as news, what was before is in the database."""
        try:
            await self._bus.subscribe([f"user:{user.id}"])
            rooms = await self._topics_of(user.id)
            for room in rooms:
                self._join(user, room)
            await self._bus.subscribe(rooms)
        except BaseException:
            self.forget(user)
            raise
        finally:
            user.loading = None
        news, user.news = user.news, []
        for signal, position in news:
            self._apply(user, signal, position)

    def _join(self, user: User, room: str) -> None:
        room = sys.intern(room)  # one text for all who are in it
        if room not in user.rooms:
            user.rooms.add(room)
            user.digest ^= digest_of(room)
        members = self.rooms.get(room)
        if members is None:
            self.rooms[room] = {user}
        else:
            members.add(user)

    def forget(self, user: User) -> None:
        """Drop what is known of a user; the next sign-in loads it again."""
        if self.users.get(user.id) is user:
            del self.users[user.id]
            self._leaving.pop(user, None)
            self._leave(user, user.rooms)
            user.rooms = set()
            user.digest = 0
            self._bus.unsubscribe([f"user:{user.id}"])

    def _leave(self, user: User, rooms: Iterable[str]) -> None:
        empty = []
        for room in rooms:
            members = self.rooms.get(room)
            if members is not None:
                members.discard(user)
                if not members:
                    del self.rooms[room]
                    empty.append(room)
        self._bus.unsubscribe(empty)

    def add(self, user: User, connection: Connection) -> None:
        """From now on the connection gets the user's events."""
        user.connections = (*user.connections, connection)
        self._leaving.pop(user, None)

    def remove(self, connection: Connection) -> None:
        """From now on the connection gets nothing."""
        user = self.users.get(connection.user_id)
        connection.queued = True
        if user is not None:
            user.connections = tuple(one for one in user.connections if one is not connection)
            self._leave_later(user)

    def _leave_later(self, user: User) -> None:
        if not user.connections and not user.holds and self.users.get(user.id) is user:
            self._leaving.pop(user, None)
            user.leaves_at = time.monotonic() + LINGER_SECONDS
            self._leaving[user] = None

    def sweep(self) -> None:
        """Leave the topics of users who have been gone for a while."""
        now = time.monotonic()
        while self._leaving:
            user = next(iter(self._leaving))
            if user.leaves_at > now:
                return
            self.forget(user)

    # signals

    def joined(self, signal: Joined, position: int) -> None:
        """The user's connections get the events of these rooms that come after the signal."""
        self._news(signal, position)

    def left(self, signal: Left, position: int) -> None:
        """The user's connections get nothing of these rooms any more."""
        self._news(signal, position)

    def _news(self, signal: Joined | Left, position: int) -> None:
        user = self.users.get(signal.user_id)
        if user is None:
            return
        if user.loading is not None:
            user.news.append((signal, position))
        else:
            self._apply(user, signal, position)

    def _apply(self, user: User, signal: Joined | Left, position: int) -> None:
        if isinstance(signal, Left):
            gone = user.rooms.intersection(signal.rooms)
            user.rooms -= gone
            user.digest ^= digest_of(*gone)
            self._leave(user, gone)
            return
        new = [room for room in signal.rooms if room not in user.rooms]
        unknown = [room for room in new if room not in self.rooms]
        for room in new:
            self._join(user, room)
        if unknown:
            self._bus.follow(unknown, position)

    # losses

    def anew(self, topics: Collection[str] | None) -> None:
        """Tell the connections of these topics (None: all) that they missed something."""
        if topics is None or EVERYONE in topics:
            everyone = list(self.users.values())
            self._restart(everyone, reload=topics is None)
            if topics is None:
                return
        self._restart([self.users[topic[5:]] for topic in topics if topic[5:] in self.users], reload=True)
        members = {user: None for topic in topics for user in self.rooms.get(topic, ())}
        self._restart(list(members), reload=False)

    def _restart(self, users: list[User], reload: bool) -> None:
        connections = [connection for user in users for connection in user.connections]
        for user in users:
            user.connections = ()
            if not reload:
                self._leave_later(user)
            elif user.loading is None:
                self.forget(user)
        if connections:
            self.keeper.anew(connections)
