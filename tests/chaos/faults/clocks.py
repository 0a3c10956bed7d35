"""Clocks that are wrong: one node an hour ahead and one an hour behind, and then right again."""

import asyncio
import signal
import time
from pathlib import Path

from tests.chaos.fault import Scale
from tests.chaos.installation import ChaosNode
from tests.chaos.jumping_node import VARIABLE
from tests.chaos.people import Stage
from tests.chaos.talk import Outcome, Talk

PROGRAM = ("-m", "tests.chaos.jumping_node")
HOUR = 3600
SAME_TIME = "SELECT 1 FROM posts WHERE original_id = '' GROUP BY channel_id, create_at HAVING count(*) > 1"


async def jump_clocks(stage: Stage, scale: Scale) -> Outcome:
    """Clocks jump apart under load, and nodes with a wrong one die, so that posts are repeated where it is another."""
    ahead, behind, right = stage.installation.nodes
    for node in (ahead, behind):
        node.kill(signal.SIGKILL)
        await node.until_ended()
        node.start(PROGRAM, **{VARIABLE: str(_clock_of(stage, node))})
    await asyncio.gather(ahead.until_serving(), behind.until_serving())
    slowest = 0.0
    async with Talk.begin(stage) as talk:
        await asyncio.sleep(scale.calm)
        _set_clock(stage, ahead, HOUR)
        _set_clock(stage, behind, -HOUR)
        await asyncio.sleep(scale.calm)
        for node in (behind, ahead) if scale.long else (behind,):
            for poster in talk.posters[::2]:
                poster.go_to(node.port)
            await asyncio.sleep(scale.calm)
            moment = time.monotonic()
            node.kill(signal.SIGKILL)
            slowest = max(slowest, await talk.heard_again(since=moment))
            await stage.installation.restart(node.number)
        if not scale.long:
            _set_clock(stage, ahead, 0)
        for poster in talk.posters[::2]:
            poster.go_to(right.port)
        await asyncio.sleep(scale.calm)
    broken = sum(poster.broken for poster in talk.posters)
    found = talk.outcome("clocks jump by an hour", slowest, f"{broken} posts cut off")
    times = [answered.create_at for answered in talk.answered]
    if max(times) - min(times) < HOUR * 900:
        found.complaints.append("no post has the time of a clock that is ahead: the fault did not happen")
    if same := await stage.installation.rows(SAME_TIME):
        found.complaints.append(f"{len(same)} times two posts of a channel have the same time")
    return found


def _clock_of(stage: Stage, node: ChaosNode) -> Path:
    return stage.installation.directory.folder("clocks") / f"node-{node.number}"


def _set_clock(stage: Stage, node: ChaosNode, seconds: int) -> None:
    _clock_of(stage, node).write_text(str(seconds))
    node.kill(signal.SIGUSR1)
