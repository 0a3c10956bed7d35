"""What is done every so often is done together, and as often as was asked for."""

import asyncio
from contextvars import ContextVar
from itertools import pairwise
from statistics import median
from typing import cast

import pytest
import uvloop

from server import ticks

TICK = 0.05

asked_by: ContextVar[str] = ContextVar("asked_by")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "TICK_SECONDS", TICK)


class Clock:
    """The little of a loop that beats need, at any time."""

    now = 0.0

    def __init__(self) -> None:
        self.wakes: list[float] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, *_: object) -> None:
        self.wakes.append(at)


def test_those_who_wait_for_the_same_tick_wake_up_together() -> None:
    clock, tick = Clock(), ticks.Tick(lambda: None)
    loop = cast(asyncio.AbstractEventLoop, clock)
    beat = ticks._Beat(100.0)
    start = beat._start

    def wait(ticks_from_start: float, ticks_more: float) -> None:
        clock.now = start + ticks_from_start * TICK
        beat.add(loop, ticks_more * TICK, tick)

    for part in (0.1, 0.2, 0.3, 0.4):
        wait(10 + part, 4)
    wait(12.9, 1.2)
    assert clock.wakes == [pytest.approx(start + 14 * TICK)]
    wait(10.6, 4)
    assert clock.wakes[1:] == [pytest.approx(start + 15 * TICK)]
    assert 100.0 - TICK <= start <= 100.0


def test_a_beat_keeps_its_time_on_the_loop_of_production(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = 2 * TICK
    monkeypatch.setattr(ticks, "TICK_SECONDS", tick)

    async def pauses(seconds: float) -> list[float]:
        loop = asyncio.get_running_loop()
        await ticks.pause(tick)
        times = [loop.time()]
        for _ in range(11):
            await ticks.pause(seconds)
            times.append(loop.time())
        return [after - before for before, after in pairwise(times)]

    # One or the other is longer where the machine does something else meanwhile.
    assert 1.9 * tick < median(uvloop.run(pauses(2 * tick))) < 2.9 * tick
    assert 0.09 * tick < median(uvloop.run(pauses(tick / 10))) < 0.9 * tick


async def test_what_is_cancelled_is_not_called_and_the_others_are_in_their_own_context() -> None:
    called: list[str] = []
    for name in ("ada", "bob", "cy"):
        asked_by.set(name)
        tick = ticks.call_later(TICK, lambda: called.append(asked_by.get()))
        if name == "bob":
            tick.cancel()
    waiting = asyncio.create_task(ticks.pause(TICK))
    await asyncio.sleep(0)
    waiting.cancel()

    await ticks.pause(2 * TICK)

    assert called == ["ada", "cy"]
    assert waiting.cancelled()


async def test_one_that_fails_keeps_none_from_being_called() -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    called: list[int] = []
    ticks.call_later(TICK, [].pop)
    ticks.call_later(TICK, lambda: called.append(1))

    await ticks.pause(3 * TICK)

    loop.set_exception_handler(None)
    assert called == [1]
    assert [type(error) for error in told] == [IndexError]
