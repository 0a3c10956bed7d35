"""Fixtures of the tests of actions and dialogs."""

import pytest

from tests.features.interactions.world import Clients, World
from tests.make import Make


@pytest.fixture
async def world(make: Make, client: Clients) -> World:
    """A new world."""
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob, eve], owner=ada)
    town = await make.channel(team, members=[bob], owner=ada, type="P")
    return World(ada, bob, eve, team, town, client)
