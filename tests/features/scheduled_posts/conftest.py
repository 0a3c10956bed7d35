"""Fixtures of the tests of scheduled posts."""

from collections.abc import Callable
from typing import Any

import pytest

from server.ids import now_ms
from tests.features.posts.world import World, new_world
from tests.make import Make, Thing


@pytest.fixture
async def world(make: Make) -> World:
    """One of a test's own."""
    return await new_world(make)


@pytest.fixture(scope="module")
async def same_world(make: Make) -> World:
    """One world for all tests of a module that leave it as it is."""
    return await new_world(make)


@pytest.fixture
def later() -> Callable[..., dict[str, Any]]:
    """`later(town, "hello")` is the body that schedules a post for in an hour, or in other milliseconds."""

    def body(channel: Thing, message: str = "hello", ms: int = 3_600_000, **fields: Any) -> dict[str, Any]:
        return {"channel_id": channel.id, "message": message, "scheduled_at": now_ms() + ms, **fields}

    return body
