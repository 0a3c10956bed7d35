"""Fixtures of the tests of posts."""

import pytest

from tests.features.posts.world import Clients, Members, World
from tests.make import Make, Person, Thing


@pytest.fixture
async def world(make: Make) -> World:
    """A new world."""
    ada, bob, carol = await make.users(3)
    team = await make.team(members=[ada, bob, carol])
    return World(ada, bob, carol, team, await make.channel(team, members=[ada, bob]))


@pytest.fixture
def member(client: Clients) -> Members:
    """`await member(bob, town)` is Bob's membership."""

    async def get(person: Person, channel: Thing) -> dict[str, int]:
        found: dict[str, int] = (await client(person).get(f"/channels/{channel.id}/members/me")).ok()
        return found

    return get
