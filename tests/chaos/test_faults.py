"""Nearly every fault in its short form: nothing is lost, doubled or swapped, and everybody hears again."""

import pytest

from tests.chaos.fault import SHORT, Fault
from tests.chaos.faults import FAULTS, LONG_ONLY
from tests.chaos.people import Stage


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault not in LONG_ONLY], ids=lambda fault: fault.__name__
)
async def test_the_promises_are_kept(stage: Stage, fault: Fault) -> None:
    outcome = await fault(stage, SHORT)

    assert outcome.complaints == []
    assert (outcome.lost, outcome.doubled) == (0, 0)
