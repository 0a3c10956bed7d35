"""Counts exactly what one node does for requests and sockets: not what its jobs, sweeps and writers do by the way."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import product
from typing import Any, cast

import pytest
from msgspec import Struct

from server.bus.event import Event
from server.bus.publisher import Publisher
from server.bus.redis import Argument, RedisConnection
from server.bus.signals import Signal
from server.db.pool import Db, Pool, Tx
from server.db.sql import SQL
from server.features.posts.writer import PostWriter
from server.features.status.presence import Presence
from tests.nodes import BACKGROUND, TestNode


class Cost(Struct, frozen=True):
    """What was done in a while."""

    statements: int
    """SQL statements, without BEGIN and COMMIT."""
    transactions: int
    commands: tuple[str, ...]
    """Commands to Redis."""
    messages: tuple[str, ...]
    """Events and signals that were published."""
    texts: tuple[str, ...]
    """The beginnings of the statements, as far as they went over the pool."""

    @property
    def counts(self) -> str:
        """The counts of all four, for a table."""
        counts = (self.statements, self.transactions, len(self.commands), len(self.messages))
        return " ".join(f"{count:>3}" for count in counts)

    @property
    def described(self) -> str:
        """What was done, for whoever wonders why."""
        return "\n    ".join([" ".join(self.commands), " ".join(self.messages), *self.texts])


class Meter:
    """Measures what a node does while something is awaited, and what that leaves to be done."""

    def __init__(self, node: TestNode, patch: pytest.MonkeyPatch) -> None:
        self.node = node
        self._texts: list[str] = []
        self._transactions = 0
        self._commands: list[str] = []
        self._messages: list[str] = []
        self._watch_statements(patch)
        self._watch_bus(patch)

    def _watch_statements(self, patch: pytest.MonkeyPatch) -> None:
        pool = self.node.services.db
        begin = Pool.begin

        def begins(db: Pool) -> Any:
            self._transactions += db is pool and not BACKGROUND.get()
            return begin(db)

        patch.setattr(Pool, "begin", begins)
        for kind, name in product((Pool, Tx), ("_fetch", "_execute")):
            patch.setattr(kind, name, self._noting(getattr(kind, name)))

    def _noting(self, run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        stats = self.node.services.db.stats

        async def noted(db: Db, sql: SQL, args: tuple[object, ...]) -> Any:
            if db.stats is stats and not BACKGROUND.get():
                self._texts.append(" ".join(sql.text.split())[:100])
            return await run(db, sql, args)

        return noted

    def _watch_bus(self, patch: pytest.MonkeyPatch) -> None:
        bus = self.node.services.bus
        send, publish = RedisConnection.send, Publisher.publish

        def sends(connection: RedisConnection, *words: Argument) -> None:
            if connection in (bus.publisher._connection, bus.subscriber._connection) and not BACKGROUND.get():
                self._commands.append(str(words[0]))
            send(connection, *words)

        async def publishes(publisher: Publisher, messages: Sequence[Event | Signal], *then: Any) -> bool:
            if publisher is bus.publisher and not BACKGROUND.get():
                self._messages += [type(message).__name__ for message in messages]
            return await publish(publisher, messages, *then)

        patch.setattr(RedisConnection, "send", sends)
        patch.setattr(Publisher, "publish", publishes)

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[Callable[[], Cost]]:
        """Around what is measured; afterwards the function that it gives says what that cost."""
        await self.settle()
        before = self.node.statements
        self._texts, self._transactions, self._commands, self._messages = [], 0, [], []
        cost: list[Cost] = []
        yield lambda: cost[0]
        await self.settle()
        cost.append(
            Cost(
                self.node.statements - before,
                self._transactions,
                tuple(self._commands),
                tuple(self._messages),
                tuple(self._texts),
            )
        )

    async def settle(self) -> None:
        """Wait until everything begun is done, and the node has heard of what it published. Is counted nowhere."""
        token = BACKGROUND.set(True)
        try:
            services, gateway = self.node.services, self.node.node.gateway
            presence = cast(Presence, services.extras[Presence])
            writer = cast(PostWriter, services.extras[PostWriter])
            works = (gateway._tasks, gateway._requests._tasks, writer._publishing)
            while any(works) or gateway._checkpoints._task is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            while presence._active or presence._being_written or presence._arrived or presence._gone:
                await presence.flush()
                presence._gone = dict.fromkeys(presence._gone, -math.inf)  # who left was given time to come back
                await presence._chores()
            await services.bus.fence()
        finally:
            BACKGROUND.reset(token)

    async def quiet(self) -> None:
        """Wait until sockets have been written to as well, and an event that comes now is written at once."""
        await self.settle()
        hub = self.node.node.gateway.hub
        async with asyncio.timeout(30):
            while hub._round is not None or hub._next_round > asyncio.get_running_loop().time():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    def forget(self) -> None:
        """Let the node forget all that it keeps of the database in memory, as it is after its start."""
        token = BACKGROUND.set(True)  # the settings are read again by a task
        for handler in self.node.services.bus.on_lost:
            handler()
        BACKGROUND.reset(token)


async def let_go(node: TestNode) -> None:
    """Let a node forget who has left it, as it does a while later."""
    gateway = node.node.gateway
    gateway._registry.sweep(math.inf)
    for user in gateway.hub._leaving:
        user.leaves_at = -math.inf
    gateway.hub.sweep()
    await node.services.bus.fence()
