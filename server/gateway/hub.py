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
from server.gateway.connection import AWAY_EVENTS, HALF_OUTBOX, OUTBOX_BYTES, Connection, write_all
from server.gateway.frames import CODECS, Heads, heads_for
from server.gateway.runs import LATER, PART_BYTES, RING, Run
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
HEARD = 128
"""For so many rooms it is kept in mind which connections they have; for others it is found out with each event."""


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


def is_for_some(envelope: Envelope) -> bool:
    """Whether it depends on the connection, and not only on its user, if it may have an event."""
    return bool(envelope.sanitized or envelope.sensitive or envelope.connection_id or envelope.omit_connection_id)


def is_for_all(envelope: Envelope) -> bool:
    """Whether all who listen to its topics get the same of an event, whoever they are and however they do."""
    return not (envelope.personal or envelope.omit_user or envelope.transient or envelope.late or is_for_some(envelope))


Together = dict[tuple[Run, Run], Run]
"""Pairs of runs and what they are as one."""


class Form:
    """Events as each codec has them, in one run each, made when the first connection wants it."""

    __slots__ = ("_heads", "runs")

    def __init__(self, heads: Sequence[Heads]) -> None:
        self._heads = heads
        self.runs: list[Run | None] = [None] * CODECS

    def run(self, codec: int) -> Run:
        """The run for one way of encoding."""
        run = self.runs[codec]
        if run is None:
            run = self.runs[codec] = Run.of(codec, [each.head(codec) for each in self._heads])
        return run


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
        self._heard: dict[str, list[Connection]] = {}
        """The connections in rooms that have been spoken in, until any of them comes or goes."""
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
            if plain:
                self._sent(run, self._deliver_to_all(run, self._listeners(topic)))
            else:
                for envelope in run:
                    self.event(topic, envelope)

    def event(self, topic: str, envelope: Envelope) -> None:
        """Put an event before the connections of a topic that may have it."""
        delivered = self._deliver(envelope, self._listeners(topic))
        if envelope.transient:
            self._stats.events += bool(delivered)
            self._stats.deliveries += delivered
        else:
            self._sent([envelope], delivered)

    def _listeners(self, topic: str) -> Sequence[Connection]:
        if topic.startswith("user:"):
            user = self.users.get(topic[5:])
            return user.connections if user is not None else ()
        found = self._heard.get(topic)
        if found is None:
            users = self.users.values() if topic == EVERYONE else self.rooms.get(topic, ())
            found = [connection for user in users for connection in user.connections]
            if topic != EVERYONE:
                if len(self._heard) >= HEARD:
                    del self._heard[next(iter(self._heard))]
                self._heard[topic] = found
        return found

    def _set_connections(self, user: User, connections: tuple[Connection, ...]) -> None:
        user.connections = connections
        if self._heard:
            for room in user.rooms:
                self._heard.pop(room, None)

    def _sent(self, envelopes: Sequence[Envelope], delivered: int) -> None:
        if delivered:
            self._urgent = True
            self._stats.events += len(envelopes)
            self._stats.deliveries += delivered
            self._sent_at += [envelope.sent_at for envelope in envelopes]

    def _deliver_to_all(self, envelopes: Sequence[Envelope], listeners: Sequence[Connection]) -> int:
        """Events that are for all wait together: one step for each connection, not one for each event."""
        form = Form([heads_for(envelope) for envelope in envelopes])
        runs = form.runs
        together: Together = {}
        dirty = self._dirty
        for connection in listeners:
            run = runs[connection.codec] or form.run(connection.codec)
            waiting = connection.waiting
            if waiting is None:
                connection.waiting = run
                dirty.append(connection)
            elif (both := together.get((waiting, run))) is not None:
                connection.waiting = both
            else:
                self._add(connection, waiting, run, together)
        return len(listeners) * len(envelopes)

    def _deliver(self, envelope: Envelope, listeners: Sequence[Connection]) -> int:
        """An event of which each gets what is for it, if anything."""
        form = Form([heads_for(envelope)])
        runs = form.runs
        named = {user_id for receivers in envelope.personal.values() for user_id in receivers}
        personal: dict[tuple[str, bool], Form] = {}
        omit, transient, late, some = envelope.omit_user, envelope.transient, envelope.late, is_for_some(envelope)
        together: Together = {}
        dirty = self._dirty
        delivered = 0
        for connection in listeners:
            user_id = connection.user_id
            if user_id == omit or (some and not allowed(connection, envelope)):
                continue
            waiting = connection.waiting
            if transient and waiting is not None and connection.size > HALF_OUTBOX:
                self._stats.dropped += 1
                self.keeper.interrupted(connection)
                continue
            if named and user_id in named:
                asked = connection.confirms and envelope.asks(user_id)
                mine = personal.get((user_id, asked))
                if mine is None:
                    mine = personal[user_id, asked] = Form([heads_for(envelope, user_id, asked)])
                run = mine.run(connection.codec)
            else:
                run = runs[connection.codec] or form.run(connection.codec)
            delivered += 1
            if waiting is None:
                connection.waiting = run
                dirty.append(connection)
            else:
                self._add(connection, waiting, run, together)
            if late:
                self.keeper.interrupted(connection)
        return delivered

    def _add(self, connection: Connection, waiting: Run, run: Run, together: Together) -> None:
        """Add to what waits already; `together` has what others got by this."""
        if waiting is not LATER and waiting.count < RING:
            both = together.get((waiting, run))
            if both is None:
                both = together[waiting, run] = waiting.and_then(run)
            connection.waiting = both
            if both.size > PART_BYTES:
                connection.hold_back()
            return
        connection.hold_back()
        connection.keep(run)
        if connection.overflowed:
            return
        if connection.transport is not None and not connection.blocked:
            if connection.held > OUTBOX_BYTES:
                connection.flush()  # much has come at once, but nothing says that the client is slow
        elif connection.held > OUTBOX_BYTES or (connection.transport is None and connection.behind > AWAY_EVENTS):
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
        write_all(dirty)
        ended = loop.time()
        self._next_round = ended + max(TICK_SECONDS, (ended - started) * WRITING_SHARE)
        self._stats.flushes += 1
        self._stats.writes += len(dirty)
        now = time.time()
        for moment in sent_at:
            self._stats.lag(now - moment)

    def enqueue(self, connection: Connection) -> None:
        """Write to a connection soon, after something stood in the way."""
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
        self._heard.pop(room, None)
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
            self._heard.pop(room, None)
            members = self.rooms.get(room)
            if members is not None:
                members.discard(user)
                if not members:
                    del self.rooms[room]
                    empty.append(room)
        self._bus.unsubscribe(empty)

    def add(self, user: User, connection: Connection) -> None:
        """From now on the connection gets the user's events."""
        self._set_connections(user, (*user.connections, connection))
        self._leaving.pop(user, None)

    def remove(self, connection: Connection) -> None:
        """From now on the connection gets nothing."""
        user = self.users.get(connection.user_id)
        connection.hold_back()
        if user is not None:
            self._set_connections(user, tuple(one for one in user.connections if one is not connection))
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
            self._set_connections(user, ())
            if not reload:
                self._leave_later(user)
            elif user.loading is None:
                self.forget(user)
        if connections:
            self.keeper.anew(connections)
