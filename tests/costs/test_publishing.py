"""What it costs to tell everyone: one command for a write, one statement for all posts that wait for each other."""

import asyncio
from typing import cast

from server.features.posts.writer import PostWriter
from tests.costs.calls import World
from tests.costs.metering import Meter
from tests.gateway.events import in_channel

POSTS = 20


async def test_messages_that_go_out_together_are_one_command(world: World, meter: Meter) -> None:
    bus = world.node.services.bus

    async with meter.measured() as together:
        await bus.publish([in_channel(number, world.town.id) for number in range(POSTS)])
    async with meter.measured() as alone:
        for number in range(POSTS):
            await bus.publish([in_channel(number, world.town.id)])

    assert together().commands == ("EVALSHA",)
    assert alone().commands == ("EVALSHA",) * POSTS


async def test_posts_that_come_during_a_commit_are_one_statement_and_one_command(world: World, meter: Meter) -> None:
    """The first commit is held up by a lock until all others wait."""
    writer = cast(PostWriter, world.node.services.extras[PostWriter])
    first = await world.make.post(world.ada, world.town, "which warms the caches")
    holder = await world.node.services.db.connect()

    async with meter.measured() as cost:
        async with holder.transaction():
            await holder.execute("SELECT id FROM channels WHERE id = $1 FOR UPDATE", world.town.id)
            posting = [asyncio.create_task(world.make.post(world.ada, world.town, "1"))]
            await until_waiting(writer, 0)
            posting += [asyncio.create_task(world.make.post(world.ada, world.town, "2")) for _ in range(1, POSTS)]
            await until_waiting(writer, POSTS - 1)
        posts = await asyncio.gather(*posting)
    await holder.close()

    assert (cost().statements, cost().transactions) == (2, 0)
    assert cost().commands == ("EVALSHA",) * 2
    assert cost().messages == ("Posted",) * POSTS
    times = sorted(post["create_at"] for post in posts)
    assert len(set(times)) == POSTS
    assert times[0] > first["create_at"]


async def until_waiting(writer: PostWriter, count: int) -> None:
    """Wait until a commit is under way and so many posts wait for its end."""
    async with asyncio.timeout(30):
        while writer._running is None or len(writer._waiting) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
