"""Fixtures of the tests of scheduled posts."""

from collections.abc import Callable
from typing import Any

import pytest

from server.ids import now_ms
from tests.features.posts.world import World
from tests.make import Make, Thing


@pytest.fixture
async def world(make: Make) -> World:
    """A new world."""
    ada, bob, carol = await make.users(3)
    team = await make.team(members=[ada, bob, carol])
    return World(ada, bob, carol, team, await make.channel(team, members=[ada, bob]))


@pytest.fixture
def later() -> Callable[..., dict[str, Any]]:
    """`later(town, "hello")` is the body that schedules a post for in an hour, or in other milliseconds."""

    def body(channel: Thing, message: str = "hello", ms: int = 3_600_000, **fields: Any) -> dict[str, Any]:
        return {"channel_id": channel.id, "message": message, "scheduled_at": now_ms() + ms, **fields}

    return body
