"""How processes that run the tests side by side share them.

Tests that stand on something costly stay together, and begin first, each such group in a process of its own; all others
are handed out one by one. The groups go by paths, since what pytest-xdist does with its own marks for this relies on
names of tests that the newest pytest no longer lets it change: the marks are passed over without a word.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/soak/test_soak.py", "tests/chaos/")
"""The soak is first: it takes minutes, but next to nothing of a processor. Nothing waits behind it in its process."""


def group_of(nodeid: str) -> str:
    """The group of a test, or the test itself."""
    return next((path for path in TOGETHER if nodeid.startswith(path)), nodeid)


def _rank(item: pytest.Item) -> int:
    group = group_of(item.nodeid)
    return TOGETHER.index(group) if group in TOGETHER else len(TOGETHER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the groups in front."""
    items.sort(key=_rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """What hands out the tests with `--dist loadgroup`."""
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # the order is that of above, not of the sizes of groups
    return _Groups(config, log)


class _Groups(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
