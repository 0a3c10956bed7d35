"""A bus that stutters: messages that come again and late, and streams that don't have any more what a node missed."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from server.bus.redis import Address, RedisConnection
from server.bus.scripts import Names
from tests.chaos.fault import Scale
from tests.chaos.installation import CUT_OFF
from tests.chaos.listener import Listener
from tests.chaos.people import Place, Stage
from tests.chaos.talk import Outcome, Talk

NAMES = Names("hubbub0:")
AGAIN = 20
"""So many of a topic's last messages come again."""
AWAY_SECONDS = 1.0


async def repeat_old_messages(stage: Stage, scale: Scale) -> Outcome:
    """All topics' last messages are sent to the nodes once more, in their order and against it."""
    repeated = 0
    redis = await _redis_of(stage)
    async with Talk.begin(stage) as talk:
        for turn in range(4 * scale.rounds):
            await asyncio.sleep(scale.calm / 2)
            for topic in await _topics(redis):
                entries = await redis.command("XREVRANGE", NAMES.log(topic), "+", "-", "COUNT", AGAIN)
                again = entries if turn % 2 else entries[::-1]
                # Sent together: one after the other they would take minutes, after all the faults before this one.
                sent = [redis.command("PUBLISH", NAMES.channel(topic), fields[1]) for _, fields in again]
                repeated += sum(await asyncio.gather(*sent))
        slowest = await talk.heard_again(since=time.monotonic())
        await asyncio.sleep(scale.calm)
    redis.close()
    found = talk.outcome("old messages come again", slowest, f"{repeated} of them")
    _complain_of_starts(talk.listeners, found)
    if repeated < AGAIN * len(stage.places):
        found.complaints.append(f"only {repeated} messages came again: the fault did not happen")
    return found


async def lose_streams(stage: Stage, scale: Scale) -> Outcome:
    """A node is cut off from Redis for a moment; of what it missed, one topic's stream is cut short, another's gone."""
    relay, port = stage.installation.relay, stage.installation.ports[CUT_OFF - 1]
    slowest = 0.0
    redis = await _redis_of(stage)
    public = [place for place in stage.places if place.kind == "O"]
    shortened, deleted = public[1], next(place for place in stage.places if place.kind == "P")
    async with Talk.begin(stage) as talk:
        for poster in talk.posters:  # what the node itself can't tell is another fault
            poster.go_to(stage.installation.ports[0])
        for _ in range(scale.rounds):
            await asyncio.sleep(scale.calm)
            relay.cut()
            await asyncio.sleep(AWAY_SECONDS)
            await redis.command("XTRIM", NAMES.log(f"channel:{shortened.id}"), "MAXLEN", 1)
            await redis.command("DEL", NAMES.log(f"channel:{deleted.id}"))
            moment = time.monotonic()
            relay.mend()
            slowest = max(slowest, await talk.heard_again(since=moment))
        await asyncio.sleep(scale.calm)
    redis.close()
    found = talk.outcome("streams are cut short", slowest)
    hit = [one for one in talk.listeners if one.port == port and _is_in(one, [shortened, deleted])]
    spared = [one for one in talk.listeners if one not in hit]
    found.notes = f"{len(hit)} start anew, {len(spared)} notice nothing"
    _complain_of_starts(spared, found)
    for listener in hit:
        if not listener.anew:
            found.complaints.append(f"{listener.person.username} went on though a stream had a gap")
    if not hit:
        found.complaints.append("nobody was concerned: the fault did not happen")
    return found


def _complain_of_starts(listeners: Sequence[Listener], found: Outcome) -> None:
    for listener in listeners:
        if listener.anew or listener.drops:
            found.complaints.append(f"{listener.person.username} had to start anew, or was cut off, for nothing")


def _is_in(listener: Listener, places: Sequence[Place]) -> bool:
    return any(listener.person in place.members for place in places)


async def _redis_of(stage: Stage) -> RedisConnection:
    return await RedisConnection.open(Address.parse(stage.installation.redis.url))


async def _topics(redis: RedisConnection) -> list[str]:
    """All topics that have a stream."""
    start = NAMES.log("")
    found: list[str] = []
    cursor = b"0"
    while True:
        answer: Any = await redis.command("SCAN", cursor, "MATCH", f"{start}*", "COUNT", 1000)
        cursor = answer[0]
        found += [key.decode().removeprefix(start) for key in answer[1]]
        if cursor == b"0":
            return found
