"""Events that keep one order over all nodes, each published once, whoever stored them and lived or not."""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import ClassVar

import pytest

from server.bus import publisher
from server.bus.bus import Bus
from server.bus.event import Audience, Event, Turn
from server.bus.publisher import TURN_SECONDS
from server.bus.scripts import LINE_SECONDS
from server.bus.signals import EventsLost, Signal
from server.engines.redis import Redis
from tests.bus.conftest import NewNode, Node, until
from tests.bus.test_bus import raw, said


class Stored(Event, frozen=True, kw_only=True):
    """Something that was stored before it is published."""

    name: ClassVar[str] = "stored_in_test"
    channel_id: str
    text: str
    place: tuple[int, int]

    def audience(self) -> Audience:
        return Audience(channel_id=self.channel_id)

    def turn(self) -> Turn:
        return Turn(self.channel_id, *self.place)


def stored(at: int, after: int, channel_id: str = "c") -> Stored:
    return Stored(channel_id=channel_id, text=str(at), place=(at, after))


def keep(node: Node, *events: Stored) -> list[tuple[str, int, int]]:
    """Let a node find these events where they are stored; gives the list of what it was asked for."""
    asked: list[tuple[str, int, int]] = []

    async def find_missing(line: str, after: int, until: int) -> Sequence[Event | Signal]:
        asked.append((line, after, until))
        return [event for event in events if event.channel_id == line and after < event.place[0] <= until]

    node.bus.find_missing_by(find_missing)
    return asked


async def far(node: Node, url: str) -> int:
    """A place that no other message of the line can have been published at."""
    since = await raw(url, "return redis.call('GET', ARGV[1])", f"{node.bus.names.prefix}since")
    return int(since) + 1_000_000


async def test_what_was_stored_later_waits_for_what_was_stored_before(
    new_node: NewNode, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "TURN_SECONDS", 30.0)
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c", "channel:d"])
    first = await far(one, redis_server.url)
    await one.bus.publish([stored(first, 0)])

    later = asyncio.create_task(
        two.bus.publish([stored(first + 9, first + 5), said("x", "d"), stored(first + 12, first + 9)])
    )
    await until(lambda: two.bus.publisher.waited)
    assert not later.done()
    await one.bus.publish([stored(first + 5, first)])
    assert await later

    await until(lambda: len(two.heard.events) == 5)
    assert [text for text in two.heard.texts if text != "x"] == [str(first + n) for n in (0, 5, 9, 12)]
    assert two.heard.texts.index("x") < 3, "what has no turn does not wait"
    assert two.bus.publisher.waited == 2


async def test_lines_of_many_publishers_keep_their_order(new_node: NewNode, redis_server: Redis) -> None:
    nodes = [await new_node() for _ in range(3)]
    await nodes[0].bus.subscribe(["channel:c"])
    first = await far(nodes[0], redis_server.url)
    events = [stored(first, 0), *(stored(number, number - 1) for number in range(first + 1, first + 300))]
    given_out = iter(events)  # in order, as the database does it
    for node in nodes:
        keep(node, *events)

    async def publish(node: Node) -> None:
        for event in given_out:
            await asyncio.sleep(0.001 * (event.place[0] % 3))
            assert await node.bus.publish([event])

    await asyncio.gather(*(publish(node) for node in nodes for _ in range(3)))

    await until(lambda: len(nodes[0].heard.events) == 300)
    assert nodes[0].heard.texts == [str(number) for number in range(first, first + 300)]
    assert sum(node.bus.publisher.waited for node in nodes) > 0


async def test_what_a_node_stored_and_did_not_publish_comes_from_where_it_is_stored(
    new_node: NewNode, redis_server: Redis
) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    first = await far(one, redis_server.url)
    await one.bus.publish([stored(first, 0)])
    dead = [stored(first + 1, first), stored(first + 2, first + 1)]
    asked = keep(two, *dead)

    started = asyncio.get_running_loop().time()
    assert await two.bus.publish([stored(first + 3, first + 2), stored(first + 4, first + 3)])
    took = asyncio.get_running_loop().time() - started
    assert await one.bus.publish(dead), "the node was only slow"

    await one.bus.publish([stored(first + 5, first + 4)])
    await until(lambda: len(two.heard.events) >= 6)
    assert two.heard.texts == [str(first + n) for n in range(6)]
    assert asked == [("c", first, first + 2)]
    assert TURN_SECONDS <= took < TURN_SECONDS + 5
    assert two.bus.publisher.made_good == 2


async def test_where_it_cannot_be_found_everybody_starts_anew(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    first = await far(one, redis_server.url)

    async def find_missing(line: str, after: int, until: int) -> Sequence[Event | Signal]:
        raise OSError("the database is away")

    one.bus.find_missing_by(find_missing)
    assert await one.bus.publish([stored(first + 1, first)])

    await until(lambda: two.heard.lost == [("channel:c",)])
    assert two.heard.texts == [str(first + 1)]


async def test_a_sweep_publishes_what_nobody_waits_for(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c", "channel:d", "channel:e"])
    first = await far(one, redis_server.url)
    await one.bus.publish([stored(first, 0), stored(first + 3, 0, "d")])
    asked = keep(one, stored(first + 1, first), stored(first + 2, first + 1), stored(first, 0, "e"))

    assert await one.bus.make_good({"c": first + 2, "d": first + 3, "e": first}) == 2
    assert await one.bus.make_good({"c": first + 2, "d": first + 3, "e": first}) == 0

    await one.bus.publish([said("end", "d")])
    await until(lambda: two.heard.texts[-1:] == ["end"])
    assert two.heard.texts == [str(first), str(first + 3), str(first + 1), str(first + 2), str(first), "end"]
    assert [line for line, _, _ in asked] == ["c", "e"]


async def test_what_was_confessed_is_not_made_good_as_well(mortal_redis: Redis) -> None:
    one, two = Node(Bus(mortal_redis.url, "n1")), Node(Bus(mortal_redis.url, "n2"))
    nodes = [one, two]
    try:
        for node in nodes:
            await node.bus.start()
        await two.bus.subscribe(["channel:c"])
        first = await far(one, mortal_redis.url)
        await one.bus.publish([stored(first, 0)])
        asked = keep(one, stored(first + 1, first))
        pid = mortal_redis.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            assert not await one.bus.publish([stored(first + 1, first)])
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(lambda: all(node.bus.connected for node in nodes) and two.heard.lost)

        assert await one.bus.publish([stored(first + 2, first + 1)])

        await until(lambda: two.heard.texts[-1:] == [str(first + 2)])
        assert ["channel:c"] in [list(lost) for lost in two.heard.lost if lost]
        assert (one.bus.publisher.waited, asked) == (0, [])
    finally:
        for node in nodes:
            await node.bus.stop()


async def test_published_twice_it_arrives_once(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    first = await far(one, redis_server.url)
    for node in (one, two, one):
        await node.bus.publish([stored(first, 0), stored(first + 1, first)])
    await one.bus.publish([said("end")])
    await until(lambda: two.heard.texts[-1:] == ["end"])
    assert two.heard.texts == [str(first), str(first + 1), "end"]
    ttl = "return redis.call('TTL', ARGV[1])"
    assert await raw(redis_server.url, ttl, f"{one.bus.names.prefix}turn:{one.bus.epoch.decode()}c") > LINE_SECONDS - 60


async def test_after_a_flush_nothing_waits_for_what_was_published_before(
    new_node: NewNode, redis_server: Redis
) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    asked = keep(one)
    before = await far(one, redis_server.url) - 1_000_000
    await one.bus.publish([stored(before - 1, 0), stored(before, before - 1)])
    flush = "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', key) end"
    await raw(redis_server.url, flush, one.bus.names.prefix)

    assert await one.bus.publish([stored(before + 1_000_000, before)])

    await until(lambda: len(two.heard.events) == 3)
    assert (one.bus.publisher.waited, asked) == (0, [])
    assert not any(isinstance(lost, EventsLost) for lost in two.heard.lost)


async def test_who_should_have_what_was_only_believed_to_be_published_starts_anew(
    new_node: NewNode, redis_server: Redis
) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    old = await far(one, redis_server.url) - 2_000_000

    await two.bus.publish([stored(old + 9, old)])
    for _ in range(2):
        await one.bus.publish([stored(old + 9, old), stored(old + 10, old + 9)])
    await one.bus.publish([stored(old, old - 5)])

    await until(lambda: two.heard.lost)
    assert [set(lost or ()) for lost in two.heard.lost] == [{"channel:c"}]
    assert two.heard.texts == [str(old + 9), str(old + 10)]
    assert (one.bus.publisher.waited, two.bus.publisher.waited) == (0, 0)
