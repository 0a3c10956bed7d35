"""Five minutes of the soak: what it may not lose, and what may not grow by it."""

import pytest

from tests.soak.soak import MINUTES, soak

PROMISES = ("talk", "memory", "descriptors", "connections", "redis", "tables", "latency", "left")


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_everything_stays_as_it_is() -> None:
    report = await soak(MINUTES)

    assert [promise for promise in PROMISES if not report.of(promise)] == []
    rows = [row for promise in PROMISES for row in report.of(promise)]
    assert [(row.name, row.before, row.after, row.fault, row.details[:3]) for row in rows if row.fault] == []
