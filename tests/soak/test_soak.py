"""Five minutes of the soak: what it may not lose, and what may not grow by it."""

import pytest

from tests.soak.report import Report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    "promise", ["talk", "memory", "descriptors", "connections", "redis", "tables", "latency", "left"]
)
async def test_everything_stays_as_it_is(report: Report, promise: str) -> None:
    rows = report.of(promise)

    assert rows
    assert [(row.name, row.before, row.after, row.fault, row.details[:3]) for row in rows if row.fault] == []
