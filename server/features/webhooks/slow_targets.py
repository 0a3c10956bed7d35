"""Addresses that let this node wait in vain: they are left alone for a while, so that nobody waits behind them."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct

PATIENCE = 3
"""Calls in a row that may get no answer in time."""
PAUSE = 60.0
"""Seconds for which an address is left alone then; after them one call tries whether it answers again."""
MOST = 1000
"""Addresses that are remembered; the one that failed longest ago is forgotten."""


class _Slow(Struct):
    failures: int = 0
    until: float = 0.0


class SlowTargets:
    """What a node knows of the programs behind outgoing webhooks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slow: dict[str, _Slow] = {}

    def rests(self, url: str) -> bool:
        """Whether an address is to be left alone now; False lets the caller be the one who tries."""
        known = self._slow.get(_place(url))
        if known is None or known.failures < PATIENCE:
            return False
        if self._clock() < known.until:
            return True
        known.until = self._clock() + PAUSE
        return False

    def was_late(self, url: str) -> None:
        """An address gave no answer in time."""
        place = _place(url)
        known = self._slow.pop(place, None) or _Slow()
        known.failures += 1
        known.until = self._clock() + PAUSE
        self._slow[place] = known
        if len(self._slow) > MOST:
            del self._slow[next(iter(self._slow))]

    def answered(self, url: str) -> None:
        """An address did answer."""
        self._slow.pop(_place(url), None)


def _place(url: str) -> str:
    return urlsplit(url).netloc.lower()
