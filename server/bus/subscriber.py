"""The subscribing connection: what arrives, in order, and what is missing, from the streams.

All bookkeeping goes over the one connection that also brings the messages: the answer to a question about positions
comes after every message published before it, so nothing that is merely on its way is ever taken for lost.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable
from typing import Any, Protocol

import msgspec

from server import ticks
from server.bus.envelope import Envelope, unseal
from server.bus.publisher import RECONNECT_SECONDS, begin_epoch, evicted_keys
from server.bus.redis import Address, RedisConnection, RedisError
from server.bus.scripts import HEADER, Names
from server.bus.signals import EventsLost, Signal

log = logging.getLogger(__name__)

PULSE_SECONDS = 1.0
"""How often Redis must show that it is there, and the same as before; what is cached is believed as long as it is."""
CHECK_SECONDS = 5.0
"""How often topics are asked whether something was missed in silence."""
EVICTED_SECONDS = 3.0
"""How often Redis is asked whether it has dropped keys."""
BACKLOG = 100_000
"""More messages than this are not held back while a gap is filled; the connection starts over instead."""
_CHUNK = 500


class Subscription:
    """One topic on this node."""

    __slots__ = ("channel", "last", "live", "topic")

    def __init__(self, topic: str, channel: bytes, last: int) -> None:
        self.topic = topic
        self.channel = channel
        self.last = last
        """Every message of the topic up to this position has been passed on; -1 while that is not known."""
        self.live = False
        """Whether Redis has confirmed the subscription."""


class Receiver(Protocol):
    """What the subscriber passes messages on to."""

    def linked(self, up: bool) -> None:
        """The connection to Redis was lost, or is back and all that could be made good has been."""

    def event(self, topic: str, envelope: Envelope) -> None:
        """An event of a topic; must not raise. `batch_ended` follows before anything else runs."""

    def signal(self, signal: Signal, position: int) -> None:
        """A signal of any topic."""

    def batch_ended(self) -> None:
        """Nothing more is at hand just now."""

    def anew(self, topics: Collection[str] | None) -> None:
        """Messages of these topics (None: of any) may have been missed and can't be had any more."""


class Entry:
    """A message of a stream."""

    __slots__ = ("blob", "position", "previous")

    def __init__(self, blob: bytes, position: int, previous: int) -> None:
        self.blob = blob
        self.position = position
        self.previous = previous


def position_of(blob: bytes) -> int:
    """Where a message stands among all."""
    position: int = HEADER.unpack_from(blob)[1]
    return position


_Found = tuple[Subscription, list[Entry], int]


class Subscriber:
    """Keeps the subscriptions of a node over reconnects and passes each message on once."""

    def __init__(self, address: Address, names: Names, receiver: Receiver) -> None:
        self.connected = False
        self.position = 0
        """Everything up to here that was published to the subscribed topics has been passed on."""
        self.received = 0
        self.gaps = 0
        self.filled = 0
        self.lost = 0
        self._refused = False
        """Whether Redis took no writes: what nodes had to tell each other since is lost."""
        self._evicted = 0
        """How many keys Redis had dropped when that was asked last."""
        self._ask_at = 0.0
        """When that is to be asked again."""
        self._published = 0
        """How far the position had come when the pulse was felt last, 0 if that is not known."""
        self._checked = 0
        """How far it had come when all topics were seen to have nothing more."""
        self.epoch = b""
        self._address = address
        self._names = names
        self._receiver = receiver
        self._subscriptions: dict[bytes, Subscription] = {}
        self._connection: RedisConnection | None = None
        self._backlog: list[tuple[bytes, bytes]] | None = None
        self._settled = asyncio.Event()
        self._ready = asyncio.Event()
        self._filling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def settled(self) -> bool:
        """Whether `position` can be trusted: no gap is being filled, nothing waits."""
        return self.connected and not self._holding()

    def _holding(self) -> bool:
        return self._backlog is not None

    def start(self) -> None:
        """Connect in the background and stay connected."""
        self._spawn(self._stay_connected())
        self._spawn(self._check_forever())

    async def stop(self) -> None:
        """Close the connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()

    async def ready(self, seconds: float) -> bool:
        """Wait until connected; False when that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    # subscriptions

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take part in topics from now on; returns when everything published from now on will arrive.

        Raises RedisError when Redis is away; the topics are then subscribed once it is back.
        """
        new, all_live = self._register(topics, -1)
        connection = self._connection
        if connection is None:
            raise RedisError("no connection to Redis")
        if new:
            await self._catch_up(connection, new)
        if self._holding() or not all_live:  # somebody else's subscribe may be on its way: it is answered first
            await self.fence()

    def follow(self, topics: Iterable[str], after: int) -> None:
        """Take part in topics from right after a position on; everything else waits until they have caught up."""
        new, _ = self._register(topics, after)
        if new and self._connection is not None:
            if self._backlog is None:
                self._backlog = []
            self._spawn(self._follow(self._connection, new))

    async def _follow(self, connection: RedisConnection, new: list[Subscription]) -> None:
        async with self._standstill(connection):
            await self._catch_up_and_fill(connection, new)

    def _register(self, topics: Iterable[str], after: int) -> tuple[list[Subscription], bool]:
        """Those topics that are new here, and whether Redis has confirmed all others."""
        new = []
        all_live = True
        for topic in topics:
            channel = self._names.channel(topic)
            known = self._subscriptions.get(channel)
            if known is None:
                new.append(Subscription(topic, channel, after))
                self._subscriptions[channel] = new[-1]
            else:
                all_live &= known.live
        return new, all_live

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Leave topics."""
        channels = [channel for topic in topics if self._subscriptions.pop(channel := self._names.channel(topic), None)]
        if channels and self._connection is not None:
            self._connection.send("UNSUBSCRIBE", *channels)

    async def fence(self) -> int:
        """Wait until all that was published before this call was passed on; the position then. Raises RedisError."""
        if self._connection is None:
            raise RedisError("no connection to Redis")
        position = int(await self._connection.command("GET", self._names.position) or 0)
        while self._holding():
            self._settled.clear()
            await self._settled.wait()
        if not self.connected:
            raise RedisError("no connection to Redis")
        self.position = max(self.position, position)
        return self.position

    async def _catch_up(self, connection: RedisConnection, subscriptions: list[Subscription]) -> list[Subscription]:
        """Subscribe on the connection; returns the topics that have more than is known of them."""
        behind: list[Subscription] = []
        for start in range(0, len(subscriptions), _CHUNK):
            some = subscriptions[start : start + _CHUNK]
            connection.send("SUBSCRIBE", *(subscription.channel for subscription in some))
            names = [self._names.tail(subscription.topic) for subscription in some]
            answer, *tails = await connection.command("MGET", self._names.position, *names)
            position = int(answer or 0)
            if not self._holding():
                self.position = max(self.position, position)
            for subscription, tail in zip(some, tails, strict=True):
                subscription.live = True
                if subscription.last < 0:
                    subscription.last = position
                elif int(tail or 0) > subscription.last:
                    behind.append(subscription)
        return behind

    # messages

    def _arrived(self, channel: bytes, blob: bytes) -> None:
        if self._backlog is not None:
            self._backlog.append((channel, blob))
            if len(self._backlog) > BACKLOG and self._connection is not None:
                self._connection.close()
            return
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            return
        epoch, position, previous = HEADER.unpack_from(blob)
        if epoch != self.epoch:
            self._restart(epoch)
        last = subscription.last
        if position <= last:
            return
        if previous > last >= 0:
            self.gaps += 1
            self._backlog = [(channel, blob)]
            if self._connection is not None:
                self._spawn(self._fill(self._connection, [subscription]))
            return
        subscription.last = position
        self._pass_on(subscription.topic, blob, position)

    def _pass_on(self, topic: str, blob: bytes, position: int) -> None:
        self.received += 1
        late = position < self.position
        if not late:
            self.position = position
        try:
            content = unseal(blob)
        except msgspec.MsgspecError:
            log.exception("a message of topic %s can't be read", topic)
            self._receiver.anew([topic])
            return
        if isinstance(content, Envelope):
            content.position = position
            content.late = late
            self._receiver.event(topic, content)
        elif isinstance(content, EventsLost):
            self._receiver.anew(content.missed)
        elif content is not None:
            self._receiver.signal(content, position)

    def _restart(self, epoch: bytes) -> None:
        """Redis was emptied: positions have begun again, and what was published in between is not to be had."""
        log.warning("Redis has started over; all connections start anew")
        self.epoch = epoch
        self.position = self._published = self._checked = 0
        self.lost += 1
        for subscription in self._subscriptions.values():
            subscription.last = -1
        self._receiver.anew(None)

    # gaps

    async def _fill(self, connection: RedisConnection, behind: list[Subscription]) -> None:
        """Pass on what these topics' streams have beyond what is known."""
        async with self._standstill(connection):
            self._fill_in(await self._read_streams(connection, behind))

    @contextlib.asynccontextmanager
    async def _standstill(self, connection: RedisConnection) -> AsyncIterator[None]:
        """Nothing is passed on meanwhile, and what waited is handled at the end.

        When anything fails the connection is given up: the next one begins with catching up.
        """
        async with self._filling:
            if connection is not self._connection:
                connection.close()
            elif self._backlog is None:
                self._backlog = []
            try:
                yield
            except RedisError:
                connection.close()
            except Exception:
                log.exception("missing messages could not be filled in")
                connection.close()
            else:
                if connection is self._connection and not connection.closed:
                    self._let_go()

    async def _catch_up_and_fill(self, connection: RedisConnection, subscriptions: list[Subscription]) -> None:
        """Subscribe, and put what was published since the known positions before what waits."""
        behind = await self._catch_up(connection, subscriptions)
        if behind:
            self._fill_in(await self._read_streams(connection, behind))

    async def _read_streams(self, connection: RedisConnection, behind: list[Subscription]) -> list[_Found]:
        """What the topics' streams have that was not passed on yet, and the position of each one's last message."""
        answers = [connection.command("XRANGE", self._names.log(one.topic), f"({one.last}", "+") for one in behind]
        tails = await connection.command("MGET", *(self._names.tail(one.topic) for one in behind))
        return [
            (one, self.entries(await answer), int(tail or 0))
            for one, answer, tail in zip(behind, answers, tails, strict=True)
        ]

    def _fill_in(self, found: list[_Found]) -> None:
        """Put what streams had before what waits."""
        lost: list[str] = []
        held = {position_of(blob) for _, blob in self._backlog or ()}
        for subscription, entries, tail in found:
            if not unbroken(entries, subscription.last, tail):
                lost.append(subscription.topic)
                subscription.last = -1  # go on with whatever comes
            missed = [(subscription.channel, entry.blob) for entry in entries if entry.position not in held]
            self.filled += len(missed)
            self._backlog = [*missed, *(self._backlog or ())]
        if lost:
            self.lost += len(lost)
            log.warning("%d topics lost messages; their connections start anew", len(lost))
            self._receiver.anew(lost)

    def entries(self, answer: Any) -> list[Entry]:
        """The messages of a stream's answer that are of this epoch."""
        found = []
        for _, fields in answer or ():
            epoch, position, previous = HEADER.unpack_from(fields[1])
            if epoch == self.epoch:
                found.append(Entry(fields[1], position, previous))
        return found

    def _let_go(self) -> None:
        """Handle what waited, in order; a message may show the next gap, then the rest waits on."""
        waiting, self._backlog = self._backlog or [], None
        waiting.sort(key=lambda held: position_of(held[1]))
        for index, (channel, blob) in enumerate(waiting):
            self._arrived(channel, blob)
            if self._holding():
                self._backlog = waiting[index:]  # what has been passed on is known by its position
                break
        else:
            self._settled.set()
        self._receiver.batch_ended()

    async def _check_forever(self) -> None:
        loop = asyncio.get_running_loop()
        next_check = loop.time() + CHECK_SECONDS
        while True:
            await ticks.pause(PULSE_SECONDS)
            with contextlib.suppress(RedisError):
                await self.feel_pulse()
                if loop.time() >= next_check:
                    next_check = loop.time() + CHECK_SECONDS
                    if not self._published or self._published != self._checked:
                        await self.check()

    async def feel_pulse(self) -> None:
        """See that Redis answers, takes writes, and has all it was told. Raises RedisError.

        A connection without an answer is given up.
        """
        connection = self._connection
        if connection is None:
            return
        await self._prove(connection, self._write(connection))
        if asyncio.get_running_loop().time() >= self._ask_at:
            await self._look_for_evictions(connection)
        epoch, position = await connection.command("MGET", self._names.epoch, self._names.position)
        self._published = int(position or 0)
        if epoch == self.epoch or connection is not self._connection or self._holding():
            return
        # Whatever was published since has arrived before the answer, so nobody else has noticed.
        epoch = epoch or await begin_epoch(connection, self._names)
        if epoch != self.epoch and connection is self._connection and not self._holding():
            self._restart(epoch)

    async def _look_for_evictions(self, connection: RedisConnection) -> None:
        """Begin a new epoch if Redis has dropped keys since this was asked last."""
        self._ask_at = asyncio.get_running_loop().time() + EVICTED_SECONDS
        evicted = await evicted_keys(connection)
        if evicted > self._evicted:
            log.error("Redis drops keys, so nobody can go on exactly: its maxmemory-policy must be noeviction")
            self._evicted = evicted
            await begin_epoch(connection, self._names)

    def _write(self, connection: RedisConnection) -> "asyncio.Future[Any]":
        return connection.command("SET", self._names.pulse, "", "EX", 60)

    async def _prove(self, connection: RedisConnection, written: "asyncio.Future[Any]") -> None:
        """A Redis that answers and takes no writes (full, a replica) carries no news: it is as good as away."""
        try:
            await written
        except RedisError:
            if not connection.closed:
                self._refused = True
                connection.close()
            raise

    async def check(self) -> None:
        """Ask whether any topic has more than was passed on, and fill it in. Raises RedisError."""
        subscriptions = list(self._subscriptions.values())
        epoch, checked = self.epoch, 0
        for start in range(0, len(subscriptions), _CHUNK):
            connection = self._connection
            if connection is None or not self.settled:
                return
            some = subscriptions[start : start + _CHUNK]
            names = [self._names.tail(one.topic) for one in some]
            position, *tails = await connection.command("MGET", self._names.position, *names)
            if self._holding():
                return
            checked = checked or int(position or 0)
            behind = [one for one, tail in zip(some, tails, strict=True) if int(tail or 0) > one.last >= 0]
            if behind:
                self.gaps += len(behind)
                await self._fill(connection, behind)
        if epoch == self.epoch:
            self._checked = checked

    # the connection

    async def _stay_connected(self) -> None:
        delay = RECONNECT_SECONDS[0]
        while True:
            gone = asyncio.Event()
            try:
                connection = await RedisConnection.open(
                    self._address, self._arrived, self._receiver.batch_ended, on_close=gone.set
                )
                try:
                    await self._resubscribe(connection)
                    delay = RECONNECT_SECONDS[0]
                    await gone.wait()
                    log.warning("the subscriber lost its connection")
                finally:
                    self._gone(connection)
            except (RedisError, OSError) as error:
                log.log(logging.WARNING if delay == RECONNECT_SECONDS[0] else logging.DEBUG, "%s", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, RECONNECT_SECONDS[1])

    async def _resubscribe(self, connection: RedisConnection) -> None:
        await self._prove(connection, self._write(connection))
        self._evicted, epoch = await asyncio.gather(evicted_keys(connection), begin_epoch(connection, self._names))
        if self.epoch and (epoch != self.epoch or self._refused):
            self._restart(epoch)
        self._refused = False
        self.epoch = epoch
        self._published = self._checked = 0
        self._backlog = []
        self._connection = connection
        async with self._filling:
            await self._catch_up_and_fill(connection, list(self._subscriptions.values()))
        self.connected = True
        self._let_go()
        self._ready.set()
        self._receiver.linked(up=True)

    def _gone(self, connection: RedisConnection) -> None:
        was_connected, self.connected = self.connected, False
        self._connection = None
        self._ready.clear()
        connection.close()
        self._backlog = None
        self._settled.set()
        for subscription in self._subscriptions.values():
            subscription.live = False
        if was_connected:
            self._receiver.linked(up=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def unbroken(entries: list[Entry], after: int, tail: int) -> bool:
    """Whether a topic's entries hold every message after a position up to its last one, `tail` (0: none is known)."""
    for entry in entries:
        if entry.previous > after:
            return False
        after = max(after, entry.position)
    return after >= tail
