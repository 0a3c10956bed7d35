"""The bus as the server uses it: publish events and signals, subscribe to topics, hear of what can't be made good."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from server.bus.event import Event
from server.bus.signals import Signal

S = TypeVar("S", bound=Signal)


class Bus:
    """The connection of one node to Redis.

    `redis_url`: "redis://[user:password@]host[:port][/db]", "rediss://…", "unix:///path?db=0", a path, or "host:port".
    """

    def __init__(self, redis_url: str, node_id: str, *, name: str = "hubbub") -> None:
        self.node_id = node_id
        self.on_lost: list[Callable[[], None]] = []
        """Called when messages to all nodes may have been missed: drop every cache. Also when Redis goes away."""

    @property
    def connected(self) -> bool:
        """False while nothing arrives from Redis: what is cached may be out of date."""
        raise NotImplementedError

    async def start(self) -> None:
        """Connect; when Redis does not answer within 3 s, go on and keep trying."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close both connections."""
        raise NotImplementedError

    async def publish(self, messages: Sequence[Event | Signal]) -> bool:
        """Send the messages in this order and wait for Redis' answer.

        False when Redis did not answer in time: then the connections of these topics start anew once it is back.
        """
        raise NotImplementedError

    def on(self, kind: type[S], handler: Callable[[S], None]) -> None:
        """Call `handler` for every signal of this kind, in the order of the bus; it must not block."""
        raise NotImplementedError
