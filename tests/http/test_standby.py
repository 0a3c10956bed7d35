"""Coroutines that are run at once: they can't tell it from having a task of their own."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from server.http.standby import KEPT, Standbys


class Desk:
    """Runs coroutines by tasks that stand by."""

    def __init__(self) -> None:
        self.busy: set[asyncio.Task[None]] = set()
        self.standbys = Standbys()

    async def ready(self) -> "Desk":
        """With a task that stands by."""
        self.run(asyncio.sleep(0))
        while self.busy or not self.standbys._free:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        return self

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """From a callback, as the loop has it when bytes arrive."""
        asyncio.get_running_loop().call_soon(self.standbys.run, work, asyncio.get_running_loop(), self.busy)

    async def rest(self) -> None:
        """Until nothing is under way."""
        async with asyncio.timeout(30):
            await asyncio.sleep(0.01)
            while self.busy:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


async def test_what_waits_for_nothing_is_done_in_one_turn() -> None:
    desk = await Desk().ready()
    tasks: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        tasks.append(asyncio.current_task())

    desk.run(work())
    desk.run(work())
    await asyncio.sleep(0)

    assert tasks[0] is not None
    assert tasks[0] is tasks[1]
    assert not desk.busy


async def test_what_waits_goes_on_under_the_same_name() -> None:
    desk = await Desk().ready()
    seen: list[Any] = []
    gate = asyncio.get_running_loop().create_future()

    async def work() -> None:
        seen.append(asyncio.current_task())
        seen.append(await gate)
        await asyncio.sleep(0)
        seen.append(await asyncio.gather(asyncio.sleep(0, "a"), asyncio.sleep(0.01, "b")))
        seen.append(asyncio.current_task())

    desk.run(work())
    await asyncio.sleep(0)
    assert desk.busy == {seen[0]}
    gate.set_result("open")
    await desk.rest()

    assert seen[1:3] == ["open", ["a", "b"]]
    assert seen[3] is seen[0]


async def test_many_may_wait_for_the_same() -> None:
    desk = await Desk().ready()
    gate = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        seen.append(await asyncio.shield(gate) if len(seen) % 2 else await gate)

    for _ in range(4 * KEPT):
        desk.run(work())
    await asyncio.sleep(0)
    others = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert len(desk.busy) == 4 * KEPT
    gate.set_result("open")
    await asyncio.gather(*others)
    await desk.rest()

    assert seen == ["open"] * (4 * KEPT + 3)
    assert 0 < len(desk.standbys._free) <= KEPT


async def test_errors_of_what_is_waited_for_arrive() -> None:
    desk = await Desk().ready()
    gate, other = (asyncio.get_running_loop().create_future() for _ in range(2))
    seen: list[str] = []

    async def work() -> None:
        for each in (gate, other):
            try:
                await each
            except KeyError as error:
                seen.append(str(error))

    desk.run(work())
    await asyncio.sleep(0)
    gate.set_exception(KeyError("one"))
    await asyncio.sleep(0.01)
    other.set_exception(KeyError("two"))
    await desk.rest()

    assert seen == ["'one'", "'two'"]


class Thing:
    """Something large."""


@pytest.mark.parametrize("fails", [False, True])
async def test_what_came_of_waiting_goes_with_the_coroutine(fails: bool) -> None:
    """Not when the collector comes by, which is seldom, nor when the task has something else to do."""
    desk = await Desk().ready()
    loop = asyncio.get_running_loop()
    things: list[weakref.ref[Thing]] = []

    def gate(thing: Thing) -> asyncio.Future[Thing]:
        future: asyncio.Future[Thing] = loop.create_future()
        if fails:
            loop.call_soon(future.set_exception, KeyError())
        else:
            loop.call_soon(future.set_result, thing)
        things.append(weakref.ref(thing))
        return future

    async def work() -> None:
        for _ in range(2):
            thing = Thing()
            with contextlib.suppress(KeyError):
                await gate(thing)

    gc.disable()
    try:
        desk.run(work())
        await desk.rest()

        assert [thing() for thing in things] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_timeouts_end_what_takes_too_long_and_nothing_else(waits: int) -> None:
    desk = await Desk().ready()
    seen: list[str] = []

    async def work() -> None:
        for _ in range(waits):
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(10)
        except TimeoutError:
            seen.append("too long")
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        seen.append("done")

    for _ in range(3):
        desk.run(work())
    await desk.rest()

    assert sorted(seen) == ["done"] * 3 + ["too long"] * 3


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_who_is_cancelled_hears_of_it_once(turns: int) -> None:
    desk = await Desk().ready()
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
        await asyncio.sleep(0.01)
        seen.append("done")

    asyncio.get_running_loop().call_soon(cancel_after, desk, work(), turns)
    await asyncio.sleep(0.05)
    await desk.rest()

    assert seen == ["cancelled", "done"]
    await desk.ready()


def cancel_after(desk: Desk, work: Coroutine[Any, Any, None], turns: int) -> None:
    """Run a coroutine and cancel its task so many turns of the loop later."""
    loop = asyncio.get_running_loop()
    desk.standbys.run(work, loop, desk.busy)
    (task,) = desk.busy

    def cancel(left: int) -> None:
        if left:
            loop.call_soon(cancel, left - 1)
        else:
            task.cancel()

    cancel(turns)


async def test_a_task_that_is_cancelled_while_it_runs_at_once_does_not_stand_by_again() -> None:
    desk = await Desk().ready()
    tasks: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        task.cancel()

    async def other() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)

    desk.run(work())
    desk.run(other())
    await desk.rest()

    assert tasks[0] is not tasks[1]
    assert tasks[0] is not None
    assert tasks[0].cancelled()


async def test_tasks_that_stand_by_go_with_the_loop() -> None:
    desk = await Desk().ready()
    tasks = [each._task for each in desk.standbys._free]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert not desk.standbys._free
    await desk.ready()
