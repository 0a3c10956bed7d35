"""Fixtures of the tests of reminders."""

import pytest

from tests.features.posts.world import World, new_world
from tests.make import Make


@pytest.fixture
async def world(make: Make) -> World:
    """One of a test's own."""
    return await new_world(make)


@pytest.fixture(scope="module")
async def same_world(make: Make) -> World:
    """One world for all tests of a module that leave it as it is."""
    return await new_world(make)
