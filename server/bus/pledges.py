"""What nodes are about to tell: noted in Redis just before a commit, for whoever sees to it when they die in between.

A node that lives tells its news itself and takes the note back. Of one that was killed another node reads what it
still owed: those topics start anew, and since nobody knows which caches it would have dropped, all are. Notes are sent
ahead of the commit, and nobody waits for them.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from itertools import count
from typing import Any

import msgspec
import structlog

from server import ticks
from server.bus.publisher import Publisher
from server.bus.redis import Argument, RedisError
from server.bus.scripts import Names
from server.bus.signals import NODES, EventsLost

BEAT_SECONDS = 1.0
ALIVE_SECONDS = 4
"""A node that has said nothing for so long is taken for dead …"""
DOUBT_SECONDS = 1.5
"""… if it says nothing for this long more: Redis itself may have been away."""
MOST_TOPICS = 1000
"""More topics than this are noted as all that there are."""

SILENT = """
local silent = {}
for _, node in ipairs(redis.call('SMEMBERS', ARGV[1])) do
    if redis.call('EXISTS', ARGV[2] .. node) == 0 then
        silent[#silent + 1] = node
    end
end
return silent
"""

log = structlog.get_logger()


class Pledges:
    """The notes of this node, and those of dead ones."""

    def __init__(self, publisher: Publisher, names: Names, node_id: str) -> None:
        self._publisher = publisher
        self._names = names
        self._node_id = node_id
        self._numbers = count(1)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Say from now on that this node lives."""
        self._beat()
        self._task = asyncio.create_task(self._keep_beating())

    async def stop(self) -> None:
        """Owe nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(RedisError):
            await self._forget(self._node_id)

    def make(self, topics: Collection[str]) -> int:
        """Note that something is about to be told to these topics; 0 when there are none, or no Redis."""
        if not topics:
            return 0
        number = next(self._numbers)
        owed = msgspec.msgpack.encode(list(topics) if len(topics) <= MOST_TOPICS else None)
        return number if self._publisher.push("HSET", self._names.owed(self._node_id), number, owed) else 0

    def fulfil(self, number: int) -> None:
        """They have been told, or never will be."""
        if number:
            self._publisher.push(*self.fulfilment(number))

    def fulfilment(self, number: int) -> Sequence[Argument]:
        """The command that says so, for who sends it along with what is told."""
        return ("HDEL", self._names.owed(self._node_id), number)

    async def settle(self) -> int:
        """See to what dead nodes owed; how many died. Raises RedisError."""
        silent = await self._silent()
        if silent:
            await asyncio.sleep(DOUBT_SECONDS)
            silent &= await self._silent()
        for node_id in silent:
            owed: Any = await self._publisher.command("HVALS", self._names.owed(node_id))
            missed = _together(msgspec.msgpack.decode(each, type=list[str] | None) for each in owed)
            log.warning("a node died", node_id=node_id, writes=len(owed))
            if await self._publisher.publish([EventsLost(missed=missed)]):
                await self._forget(node_id)
        return len(silent)

    async def _silent(self) -> set[str]:
        """The nodes that began and neither stopped nor live."""
        silent: Any = await self._publisher.command("EVAL", SILENT, 0, self._names.nodes, self._names.alive(""))
        return {node_id.decode() for node_id in silent}

    async def _forget(self, node_id: str) -> None:
        await self._publisher.command("SREM", self._names.nodes, node_id)
        await self._publisher.command("DEL", self._names.alive(node_id), self._names.owed(node_id))

    async def _keep_beating(self) -> None:
        while True:
            await ticks.pause(BEAT_SECONDS)
            self._beat()

    def _beat(self) -> None:
        self._publisher.beat(
            ("SET", self._names.alive(self._node_id), "", "EX", ALIVE_SECONDS),
            ("SADD", self._names.nodes, self._node_id),
        )


def _together(owed: Iterable[list[str] | None]) -> tuple[str, ...] | None:
    topics = {NODES}
    for each in owed:
        if each is None:
            return None
        topics.update(each)
    return tuple(topics)
