"""The short form of each fault, on one installation for all of them."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.chaos.people import Stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    """Three nodes over engines of their own, and their people."""
    async with Stage.open() as stage:
        yield stage
