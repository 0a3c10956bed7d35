"""Thousands of sockets whose node dies, and who all come to the same other node at once."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence

import psutil

from server.bus.redis import Address, RedisConnection
from tests.chaos.crowd import Crowd, room_for
from tests.chaos.fault import Scale
from tests.chaos.faults.streams import NAMES
from tests.chaos.installation import ChaosNode, Installation
from tests.chaos.people import Stage
from tests.chaos.posting import Answered, Poster
from tests.chaos.talk import Outcome

MANY, SOME = 5_000, 200
PATIENCE = 60.0
STEADY_SECONDS = 5.0
STATEMENTS = 0.25
"""Statements a socket that the database may be asked for, besides those of posts, for which as many are allowed as in
peace: it may all take its time. Those of the nodes themselves are included, and weigh more in a small crowd."""
FEW_POSTS = 5
"""So many at least show what a post takes."""
GROWTH = 2.0
"""The node's memory at its worst, against what it needs with all sockets in peace."""


async def a_crowd_comes_over(stage: Stage, scale: Scale) -> Outcome:
    """A node with thousands of sockets is killed: all of them come to one other node at once."""
    installation = stage.installation
    dying, taking, _ = installation.nodes
    stage.talks += 1
    size = room_for(MANY if scale.long else SOME)
    crowd = await Crowd.make(installation, f"crowd{stage.talks}", size)
    poster = Poster(crowd.name, crowd.people[0], [crowd.place], [taking.port], 0, 0.2 if scale.long else 0.05)
    memory = Memory(taking)
    enough = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    try:
        await crowd.connect(dying.port)
        calm = await _statements(installation)
        tasks = [asyncio.create_task(poster.post_until(enough)), asyncio.create_task(memory.watch())]
        await asyncio.sleep(2 * scale.calm)
        await _until(lambda: len(poster.answered) >= FEW_POSTS)
        await _until_saved(installation, crowd)
        before, posts = await _statements(installation), len(poster.answered)
        crowd.go_next_to(taking.port)
        crowd.answers.clear()
        moment = time.monotonic()
        dying.kill(signal.SIGKILL)
        seconds = await _live_again(crowd, poster, moment)
        of_posts = (len(poster.answered) - posts) * (before - calm) / posts
        statements = (await _statements(installation) - before - of_posts) / size
        rush = memory.worst
        await asyncio.sleep(STEADY_SECONDS if scale.long else scale.calm)
        enough.set()
        await tasks[0]
        await _until(lambda: all(crowd.counts[_number(one)] >= size for one in poster.answered[-1:]))
        steady = memory.now()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await crowd.leave()
        await installation.restart(dying.number)
    found = _compare(crowd, poster, moment, seconds)
    found.notes += f", {statements:.2f} statements a socket, {rush / 1e6:.0f} MB, then {steady / 1e6:.0f} MB"
    if rush > GROWTH * steady:
        found.complaints.append(f"{rush} bytes of memory in the rush, {steady} in peace")
    if statements > STATEMENTS * (1 if scale.long else 2):
        found.complaints.append(f"{statements:.2f} statements a socket")
    return found


class Memory:
    """The resident memory of a node's process, in bytes."""

    def __init__(self, node: ChaosNode) -> None:
        self._process = psutil.Process(node.pid)
        self.worst = 0

    async def watch(self) -> None:
        """Look often."""
        while True:
            self.worst = max(self.worst, self.now())
            await asyncio.sleep(0.02)

    def now(self) -> int:
        """What it is."""
        return int(self._process.memory_info().rss)


async def _statements(installation: Installation) -> int:
    """How many statements all nodes have sent to the database."""
    await installation.rows("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    (row,) = await installation.rows("SELECT sum(calls)::bigint AS calls FROM pg_stat_statements")
    return int(row["calls"])


async def _until_saved(installation: Installation, crowd: Crowd) -> None:
    """Wait until nobody's connection is so young that another node would know nothing of it."""
    redis = await RedisConnection.open(Address.parse(installation.redis.url))
    records = [f"{NAMES.prefix}connection:{member.connection_id}" for member in crowd.members]
    async with asyncio.timeout(PATIENCE):
        while await redis.command("EXISTS", *records) < len(records):  # noqa: ASYNC110 - it comes from processes
            await asyncio.sleep(0.02)
    redis.close()


async def _live_again(crowd: Crowd, poster: Poster, moment: float) -> float:
    """Wait until everybody has heard a post that was sent after a moment; seconds from then on."""

    def heard_by_all() -> bool:
        return any(
            one.sent_at >= moment and crowd.counts[_number(one)] >= len(crowd.members) for one in poster.answered
        )

    await _until(heard_by_all)
    return time.monotonic() - moment


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it comes from processes
            await asyncio.sleep(0.02)


def _number(answered: Answered) -> int:
    return int(answered.message.rpartition(" ")[2])


def _compare(crowd: Crowd, poster: Poster, moment: float, seconds: float) -> Outcome:
    size = len(crowd.members)
    found = Outcome(fault=f"{size} sockets come over at once", seconds=seconds, complaints=[])
    found.acknowledged = len(poster.answered)
    found.expected = found.acknowledged * size
    found.reconnects, found.exact = size, size - sum(bool(member.anew) for member in crowd.members)
    said = [_number(one) for one in poster.answered]
    for member in crowd.members:
        found.lost += len(set(said) - set(member.heard))
        found.doubled += len(member.heard) - len(set(member.heard))
        found.swapped += member.heard != sorted(member.heard)
    if found.lost or found.doubled or found.swapped:
        found.complaints.append(f"{found.lost} lost, {found.doubled} doubled, {found.swapped} heard them out of order")
    if found.exact < size:
        found.complaints.append(f"{size - found.exact} had to start anew")
    if crowd.answers != {101: size} or crowd.closed or crowd.refused:
        told = f"{dict(crowd.answers)}, {dict(crowd.closed)}, {crowd.refused} refused"
        found.complaints.append(f"upgrades were answered, sockets closed with, connections: {told}")
    found.complaints += [*crowd.faults[:5], *poster.faults]
    if poster.broken or poster.unavailable or poster.refused:
        found.complaints.append(f"posts failed: {poster.broken}, {poster.unavailable} with 503, {poster.refused}")
    calm = _slowest(crowd, [one for one in poster.answered if one.sent_at < moment - 1])
    found.notes = f"the last delivery of a post after {calm * 1000:.0f} ms before, "
    found.notes += f"so again {_steady_after(crowd, poster, moment, calm):.1f} s after"
    return found


def _slowest(crowd: Crowd, posts: Sequence[Answered]) -> float:
    return max((crowd.last_heard[_number(one)] - one.sent_at for one in posts), default=0.0)


def _steady_after(crowd: Crowd, poster: Poster, moment: float, calm: float) -> float:
    """How long after a moment the first of those posts was sent that all came no later than twice the time before."""
    late = [one for one in poster.answered if crowd.last_heard[_number(one)] - one.sent_at > max(2 * calm, 0.1)]
    return max((one.sent_at + one.seconds - moment for one in late), default=0.0)
