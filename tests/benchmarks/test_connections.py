"""The programs about connections: who parts and comes back misses nothing, and compressing for each socket is real."""

import asyncio

import pytest

from benchmarks import wire
from benchmarks.people import Person
from benchmarks.posting import Posting
from benchmarks.sockets import DEFLATE, Sockets
from benchmarks.wire import alone
from benchmarks.world import Channel, World
from tests.make import Make
from tests.nodes import TestNode
from tests.waiting import PATIENCE


async def test_sockets_part_and_come_back_for_what_they_missed(make: Make, node: TestNode) -> None:
    people = await make.users(2)
    team = await make.team(people)
    town = await make.channel(team, people)
    world = World([Person(one.id, one.username, one.token) for one in people], team.id, Channel(town.id, range(2)), [])
    async with Sockets.start(processes=2) as sockets:
        await sockets.open(node.url, world.tokens(4))
        await sockets.open(node.url, [people[0].token], query="format=msgpack")
        await sockets.open(node.url, [people[1].token], extensions=DEFLATE)
        posting = Posting(node.url, world, [world.big], sockets)
        await posting.begin()
        for _ in range(2):  # what came before the second time was partly resumed itself
            await posting.go(0.1, rate=30)
            await sockets.until(posting.expected, quiet=PATIENCE)
            await sockets.part()
            await posting.go(0.1, rate=30)
            await sockets.resume()
            await sockets.until(posting.expected, quiet=PATIENCE)
        came = await posting.end()

        assert posting.posts == 12
        assert came.exact, came
        assert came.received == 12 * 6

        posting = Posting(node.url, world, [world.big], sockets)
        await posting.begin()
        await sockets.part()
        registry = node.node.gateway._registry
        registry.end(list(registry.connections.values()))
        await asyncio.gather(*registry._tasks)  # until then they might be resumed
        await sockets.resume()
        await posting.go(0.1, rate=10)
        await sockets.until(posting.expected, quiet=PATIENCE)
        came = await posting.end()

        assert (came.anew, came.received) == (6, 6)
        assert not came.exact


def test_compressing_for_each_socket_knows_what_it_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SOCKETS", 3)
    events = [
        b'{"event":"posted","data":{"post":"%b%d"},"seq":' % (b"a tale of two kettles " * 9, n) for n in range(20)
    ]

    anew, going_on = alone(events, goes_on=False), alone(events, goes_on=True)

    assert 40 < anew.bytes < len(events[0])
    assert going_on.bytes < anew.bytes / 2
    assert anew.us > 0
