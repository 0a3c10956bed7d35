"""Fixtures of the tests of webhooks."""

import pytest

from tests.features.webhooks.world import Clients, World
from tests.make import Make


async def new_world(make: Make, client: Clients) -> World:
    """A new world."""
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob, eve], owner=ada)
    town = await make.channel(team, members=[ada, bob], owner=ada)
    return World(ada, bob, eve, team, town, client)


@pytest.fixture
async def world(make: Make, client: Clients) -> World:
    """One of a test's own."""
    return await new_world(make, client)


@pytest.fixture(scope="module")
async def same_world(make: Make, client: Clients) -> World:
    """One world for all tests of a module that leave it as it is."""
    return await new_world(make, client)
