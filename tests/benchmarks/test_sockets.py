"""The receiving processes and the posters, with a real node; and the baseline in C."""

import shutil

import pytest

from benchmarks.floor import COMPILERS, baseline
from benchmarks.people import Person
from benchmarks.posting import Posting
from benchmarks.sockets import DEFLATE, Sockets, SocketsError
from benchmarks.world import Channel, World, dealt
from tests.make import Make
from tests.nodes import TestNode
from tests.waiting import PATIENCE


async def test_deliveries_are_counted_by_post_and_connection(make: Make, two_nodes: tuple[TestNode, TestNode]) -> None:
    people = await make.users(3)
    team = await make.team(people)
    both, few = await make.channel(team, people), await make.channel(team, people[:2])
    channels = [Channel(both.id, range(3)), Channel(few.id, range(2))]
    world = World([Person(one.id, one.username, one.token) for one in people], team.id, channels[0], channels[1:])
    async with Sockets.start(processes=2) as sockets:
        await sockets.open([node.url for node in two_nodes], world.tokens(5))
        await sockets.open(two_nodes[0].url, [people[2].token], extensions=DEFLATE)
        posting = Posting(two_nodes[0].url, world, channels, sockets)
        await posting.begin()
        await posting.go(0.2, posters=2)
        await posting.go(0.2, rate=50)
        await sockets.until(posting.expected, quiet=PATIENCE)
        came = await posting.end()
        assert came.exact, came
        assert came.received == came.expected == posting.expected > 0
        assert posting.failed == 0

        # The same deliveries against an account that has one post more and one less, of the channel that all are in.
        more, less = [0, 2, 10**6], [0]
        places = [[0]] * 6
        wanted = await sockets.end([more], places)
        assert wanted.lost == 6
        assert wanted.wrong == 6
        assert (await sockets.end([less], places)).strange == came.received - 6
        assert not wanted.exact


async def test_sockets_say_why_they_could_not_be_opened(node: TestNode) -> None:
    async with Sockets.start() as sockets:
        with pytest.raises(SocketsError, match="closed before hello"):
            await sockets.open(node.url, ["nobodys-token"])


@pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C compiler")
async def test_the_baseline_delivers_all_that_it_counts() -> None:
    found = await baseline(sockets=7, event_bytes=900, events_per_write=2.5, writes_per_s=50, seconds=0.2)
    assert found.deliveries == 7 * 25  # ten rounds, of two and of three frames in turn
    assert found.writes >= 70
    assert found.user + found.system > 0


def test_everybody_is_dealt_into_as_many_channels() -> None:
    hands = dealt(50, 20, 200)
    assert [len(set(hand)) for hand in hands] == [20] * 50
    assert {sum(user in hand for hand in hands) for user in range(200)} == {5}
    assert hands == dealt(50, 20, 200)
