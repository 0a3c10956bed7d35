"""Fixtures of the tests of posts."""

import pytest

from tests.features.posts.world import Clients, Members, World, new_world
from tests.make import Make, Person, Thing


@pytest.fixture
async def world(make: Make) -> World:
    """One of a test's own."""
    return await new_world(make)


@pytest.fixture(scope="module")
async def same_world(make: Make) -> World:
    """One world for all tests of a module that leave it as it is."""
    return await new_world(make)


@pytest.fixture
def member(client: Clients) -> Members:
    """`await member(bob, town)` is Bob's membership."""

    async def get(person: Person, channel: Thing) -> dict[str, int]:
        found: dict[str, int] = (await client(person).get(f"/channels/{channel.id}/members/me")).ok()
        return found

    return get
