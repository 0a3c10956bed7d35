"""The bus as the server uses it: publish events and signals, subscribe to topics, hear of what can't be made good."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from server.bus.envelope import Envelope, unseal
from server.bus.event import Event
from server.bus.pledges import Pledges
from server.bus.publisher import FindMissing, Publisher
from server.bus.redis import Address, Argument, RedisError
from server.bus.scripts import Names
from server.bus.signals import NODES, Signal
from server.bus.subscriber import Subscriber, unbroken

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Signal)

EVERYONE = "all"
"""The topic of events that are for everyone."""
START_SECONDS = 3.0
LONGEST_RUN = 32
"""Events of one topic that are passed on together."""


def names_on(address: Address, name: str = "hubbub") -> Names:
    """The names of a service's keys on its Redis."""
    return Names(f"{name}{address.db}:")


class Audience(Protocol):
    """What events are passed on to: the hub of the gateway."""

    def deliver(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Events of a topic, one after the other with nothing in between."""

    def batch_ended(self) -> None:
        """Nothing more is at hand just now."""

    def anew(self, topics: Collection[str] | None) -> None:
        """Messages of these topics (None: of any) may be lost for good: whoever listens to them must start anew."""


class Bus:
    """The connection of one node to Redis.

    `redis_url`: "redis://[user:password@]host[:port][/db]", "rediss://…", "unix:///path?db=0", a path, or "host:port".
    `name` keeps services apart that share a Redis.
    """

    def __init__(self, redis_url: str, node_id: str, *, name: str = "hubbub") -> None:
        address = Address.parse(redis_url)
        self.node_id = f"{node_id}.{secrets.token_hex(4)}"
        """Of this process: workers of one node, and a node that was started again, are told apart."""
        self.names = names_on(address, name)
        self.on_lost: list[Callable[[], None]] = []
        """Called when messages to all nodes may have been missed: drop every cache. Also when Redis goes away."""
        self.publisher = Publisher(address, self.names)
        self.subscriber = Subscriber(address, self.names, self)
        self.pledges = Pledges(self.publisher, self.names, self.node_id)
        self._handlers: dict[type[Signal], list[Callable[[Any, int], None]]] = {}
        self._audience: Audience | None = None
        self._topic = ""
        self._run: list[Envelope] = []
        """Events of that topic which have come and were not passed on yet, because more may follow at once."""

    @property
    def connected(self) -> bool:
        """False while nothing arrives from Redis: what is cached may be out of date."""
        return self.subscriber.connected

    async def start(self) -> None:
        """Connect; when Redis does not answer within 3 s, go on and keep trying."""
        self.publisher.start()
        self.subscriber.start()
        subscribed = asyncio.ensure_future(self.subscriber.ready(START_SECONDS))
        if not await self.publisher.ready(START_SECONDS) or not await subscribed:
            log.error("Redis does not answer; events will not reach anyone until it does")
        await self.pledges.start()
        try:
            await self.subscriber.subscribe([NODES, f"node:{self.node_id}", EVERYONE])
        except RedisError:
            log.error("Redis does not answer; still trying")

    async def stop(self) -> None:
        """Close both connections."""
        await self.pledges.stop()
        await self.subscriber.stop()
        await self.publisher.stop()

    async def publish(self, messages: Sequence[Event | Signal], pledge: int = 0) -> bool:
        """Send the messages in this order and wait for Redis' answer; that fulfils a pledge to do so, if there is one.

        False when Redis did not answer in time: then the connections of these topics start anew once it is back.
        """
        told = await self.publisher.publish(messages, self.pledges.fulfilment(pledge) if pledge else ())
        if not told:
            self.pledges.fulfil(pledge)
        return told

    def missed(self, topics: Iterable[str]) -> None:
        """News of these topics could not be told: their connections start anew, NODES stands for the caches."""
        self.publisher.remember(topics)

    async def make_good(self, lines: Mapping[str, int]) -> int:
        """Publish what lines (see `Turn`) have up to a place each and nobody published; how many lines that were.

        Raises RedisError.
        """
        return await self.publisher.make_good(lines)

    def find_missing_by(self, find_missing: FindMissing) -> None:
        """Say where the messages of lines are stored, for those that a node did not live to publish."""
        self.publisher.find_missing = find_missing

    def on(self, kind: type[S], handler: Callable[[S], None]) -> None:
        """Call `handler` for every signal of this kind, in the order of the bus; it must not block."""
        self.on_placed(kind, lambda signal, position: handler(signal))

    def on_placed(self, kind: type[S], handler: Callable[[S, int], None]) -> None:
        """As `on`, for handlers that need the position of the signal among all messages."""
        self._handlers.setdefault(kind, []).append(handler)

    # for the gateway

    def attach(self, audience: Audience) -> None:
        """Pass events on to the hub of this node."""
        self._audience = audience

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take part in topics from now on; returns when nothing can be missed any more.

        Raises RedisError when Redis is away; the topics are subscribed once it is back.
        """
        await self.subscriber.subscribe(topics)

    def follow(self, topics: Iterable[str], after: int) -> None:
        """Take part in topics from right after a position on, before anything else is passed on."""
        self.subscriber.follow(topics, after)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Leave topics."""
        self.subscriber.unsubscribe(topics)

    @property
    def position(self) -> int:
        """Everything published to the subscribed topics up to here has been passed on, when `settled`."""
        return self.subscriber.position

    @property
    def settled(self) -> bool:
        """Whether `position` can be trusted just now."""
        return self.subscriber.settled

    @property
    def epoch(self) -> bytes:
        """Positions of another epoch mean nothing."""
        return self.subscriber.epoch

    async def fence(self) -> int:
        """Wait until all that was published before has been passed on; the position then. Raises RedisError."""
        return await self.subscriber.fence()

    async def ready(self, seconds: float) -> bool:
        """Wait until messages arrive; False when that takes longer."""
        return await self.subscriber.ready(seconds)

    async def history(self, topic: str, after: int) -> list[tuple[int, Envelope | Signal]] | None:
        """All messages of a topic after a position, in order, or None if not all of them are still there.

        Raises RedisError.
        """
        tail, stream = self.publisher.commands(
            ("GET", self.names.tail(topic)), ("XRANGE", self.names.log(topic), f"({after}", "+")
        )
        last = _count(await tail)
        entries = self.subscriber.entries(await stream)
        if not unbroken(entries, after, last):
            return None
        found = ((entry.position, unseal(entry.blob)) for entry in entries)
        return [(position, content) for position, content in found if content is not None]

    async def tails(self, topics: Sequence[str]) -> list[int]:
        """The position of each topic's last message, 0 where none is known. Raises RedisError."""
        if not topics:
            return []
        answer: Any = await self.publisher.command("MGET", *(self.names.tail(topic) for topic in topics))
        return [int(tail or 0) for tail in answer]

    async def command(self, *words: Argument) -> Any:
        """A Redis command of the gateway's own. Raises RedisError."""
        return await self.publisher.command(*words)

    # what the subscriber calls

    def event(self, topic: str, envelope: Envelope) -> None:
        """Part of Receiver."""
        if topic != self._topic or len(self._run) >= LONGEST_RUN:
            self._pass_on()
            self._topic = topic
        self._run.append(envelope)

    def _pass_on(self) -> None:
        """Events are passed on before anything else happens: a signal, the end of a batch."""
        if not self._run:
            return
        run, self._run = self._run, []
        if self._audience is not None:
            try:
                self._audience.deliver(self._topic, run)
            except Exception:
                log.exception("events of topic %s could not be delivered", self._topic)
                self._audience.anew([self._topic])

    def signal(self, signal: Signal, position: int) -> None:
        """Part of Receiver."""
        self._pass_on()
        for handler in self._handlers.get(type(signal), ()):
            try:
                handler(signal, position)
            except Exception:
                log.exception("a handler of %s failed", type(signal).__name__)

    def batch_ended(self) -> None:
        """Part of Receiver."""
        self._pass_on()
        if self._audience is not None:
            self._audience.batch_ended()

    def anew(self, topics: Collection[str] | None) -> None:
        """Part of Receiver."""
        self._pass_on()
        if topics is None or NODES in topics:
            self._lost()
        if self._audience is not None:
            self._audience.anew(topics)

    def linked(self, up: bool) -> None:
        """Part of Receiver: either way, news for the caches may have been missed or come late."""
        self._lost()

    def _lost(self) -> None:
        for handler in self.on_lost:
            try:
                handler()
            except Exception:
                log.exception("a handler of lost messages failed")


def _count(answer: Any) -> int:
    return int(answer or 0)
