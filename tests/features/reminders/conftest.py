"""Fixtures of the tests of reminders."""

import pytest

from tests.features.posts.world import World
from tests.make import Make


@pytest.fixture
async def world(make: Make) -> World:
    """A new world."""
    ada, bob, carol = await make.users(3)
    team = await make.team(members=[ada, bob, carol])
    return World(ada, bob, carol, team, await make.channel(team, members=[ada, bob]))
