"""The beat that all keep who do something every so often: they wake the process up together, not each alone."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from random import random
from weakref import WeakKeyDictionary

TICK_SECONDS = 0.5


class Tick:
    """Something to be called at a tick."""

    __slots__ = ("_callback", "context")

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback
        self.context = copy_context()

    def cancel(self) -> None:
        """Don't call it."""
        self._callback = None

    def run(self) -> None:
        """Call it, unless it was cancelled."""
        if self._callback is not None:
            self._callback()


class _Beat:
    """The ticks of one loop. They begin at any moment, so that processes of one machine don't all wake up at once."""

    def __init__(self, now: float) -> None:
        self._start = now - random() * TICK_SECONDS  # noqa: S311 (not a secret)
        self._waiting: dict[int, list[Tick]] = {}

    def add(self, loop: asyncio.AbstractEventLoop, seconds: float, tick: Tick) -> None:
        """Call it at the tick that is nearest to so long from now, but not at once."""
        passed = (loop.time() - self._start) / TICK_SECONDS
        number = max(int(passed) + 1, round(passed + seconds / TICK_SECONDS))
        waiting = self._waiting.get(number)
        if waiting is None:
            self._waiting[number] = [tick]
            loop.call_at(self._start + number * TICK_SECONDS, self._ring, loop, number)
        else:
            waiting.append(tick)

    def _ring(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        for tick in self._waiting.pop(number):
            loop.call_soon(tick.run, context=tick.context)


_beats: WeakKeyDictionary[asyncio.AbstractEventLoop, _Beat] = WeakKeyDictionary()


def call_later(seconds: float, callback: Callable[[], object]) -> Tick:
    """Call something at the tick that is nearest to so many seconds from now; what is sooner than a tick, just then."""
    loop = asyncio.get_running_loop()
    tick = Tick(callback)
    if seconds < TICK_SECONDS:
        loop.call_later(seconds, tick.run)
        return tick
    beat = _beats.get(loop)
    if beat is None:
        beat = _beats[loop] = _Beat(loop.time())
    beat.add(loop, seconds, tick)
    return tick


async def pause(seconds: float) -> None:
    """Sleep until `call_later` would call."""
    rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring() -> None:
        if not rung.done():
            rung.set_result(None)

    tick = call_later(seconds, ring)
    try:
        await rung
    finally:
        tick.cancel()
