"""News that a node owed when it died: whoever should have had them starts anew, and caches are dropped."""

import asyncio

import pytest

from server.bus import pledges
from server.engines.redis import Redis
from tests.bus.conftest import NewNode, Node, until
from tests.bus.test_bus import Whispered, raw, said


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are taken for dead at once."""
    monkeypatch.setattr(pledges, "DOUBT_SECONDS", 0.1)


async def kill(redis_server: Redis, node: Node) -> None:
    """Let it say nothing more, and what it said last be so long ago that Redis has forgotten it."""
    beating = node.bus.pledges._task
    assert beating is not None
    beating.cancel()
    await node.bus.publisher.command("PING")
    alive = node.bus.names.alive(node.bus.node_id)
    assert 0 < await raw(redis_server.url, "return redis.call('TTL', ARGV[1])", alive) <= pledges.ALIVE_SECONDS
    await raw(redis_server.url, "return redis.call('DEL', ARGV[1])", alive)


async def owes_nothing(redis_server: Redis, node: Node) -> None:
    """Wait until a node has no pledge left."""
    owed = node.bus.names.owed(node.bus.node_id)
    async with asyncio.timeout(30):
        while await raw(redis_server.url, "return redis.call('HLEN', ARGV[1])", owed):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_a_dead_node_owed_makes_listeners_start_anew(new_node: NewNode, redis_server: Redis) -> None:
    one, two, three = await new_node(), await new_node(), await new_node()
    dropped: list[str] = []
    three.bus.on_lost.append(lambda: dropped.append("dropped"))
    told = one.bus.pledges.make(["channel:told"])
    one.bus.pledges.make(["channel:owed", "user:ada"])
    one.bus.pledges.fulfil(told)
    assert two.bus.pledges.make(["channel:living"])

    assert await two.bus.pledges.settle() == 0
    await kill(redis_server, one)
    assert await two.bus.pledges.settle() == 1
    assert await two.bus.pledges.settle() == 0

    await until(lambda: three.heard.lost)
    assert [set(lost or ()) for lost in three.heard.lost] == [{"nodes", "channel:owed", "user:ada"}]
    assert dropped == ["dropped"]
    left = await raw(redis_server.url, "return redis.call('KEYS', ARGV[1])", f"*{one.bus.node_id}*")
    assert left == []


@pytest.mark.parametrize("whom", [["ada"], []], ids=["somebody", "nobody"])
async def test_what_is_told_is_owed_no_more(new_node: NewNode, redis_server: Redis, whom: list[str]) -> None:
    one = await new_node()
    pledge = one.bus.pledges.make(["user:ada"])
    await one.bus.publish([*map(said, range(300)), Whispered(to=tuple(whom), text="at last")], pledge)
    await owes_nothing(redis_server, one)

    pledge = one.bus.pledges.make(["user:ada"])
    await one.bus.publish([Whispered(to=tuple(whom), text="alone")], pledge)
    await owes_nothing(redis_server, one)


async def test_of_more_than_can_be_noted_everybody_is_concerned(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    one.bus.pledges.make([f"channel:{number}" for number in range(pledges.MOST_TOPICS + 1)])
    await kill(redis_server, one)
    await two.bus.pledges.settle()
    await until(lambda: two.heard.lost == [None])


async def test_a_node_that_stops_owes_nothing(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    one.bus.pledges.make(["channel:c"])
    await one.bus.stop()
    assert await raw(redis_server.url, "return redis.call('KEYS', ARGV[1])", f"*{one.bus.names.alive('node0')}*") == []
    assert await two.bus.pledges.settle() == 0
    assert two.heard.lost == []


async def test_without_redis_nothing_is_noted(new_node: NewNode) -> None:
    one = await new_node()
    await one.bus.publisher.stop()
    one.bus.publisher._ready.clear()
    assert one.bus.pledges.make(["channel:c"]) == 0
    one.bus.pledges.fulfil(0)
