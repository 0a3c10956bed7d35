"""Five minutes of the soak, for all tests of what they brought."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.soak.report import Report
from tests.soak.soak import MINUTES, soak


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def report() -> AsyncIterator[Report]:
    """What has been found."""
    yield await soak(MINUTES)
