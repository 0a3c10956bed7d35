"""How processes that run the tests side by side share them.

`--dist worksteal` gives each process an even part of all tests, in their order; who is done takes from the end of the
longest part left. What stands on something costly therefore begins a part: the soak the first one, since it takes
minutes and next to nothing of a processor, the faults under load the second. (pytest-xdist's groups go by names of
tests, which are not unique here, and so would leave some out.)
"""

import os

import pytest

SOAK = "tests/soak/test_soak.py"
FAULTS = "tests/chaos/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them where the parts begin."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    soak = [item for item in items if item.nodeid.startswith(SOAK)]
    faults = [item for item in items if item.nodeid.startswith(FAULTS)]
    others = [item for item in items if item not in {*soak, *faults}]
    second = max(len(items) // processes - len(soak), 0) if processes > 1 else 0
    items[:] = [*soak, *others[:second], *faults, *others[second:]]
