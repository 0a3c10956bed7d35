"""Running coroutines at once: most requests are answered without waiting for anything, and need no task of their own.

A task takes a tenth of the time of such a request: it is made, is put into a set of all tasks, has its turn when the
loop comes to it, and goes again. So a few tasks stand by and lend their names to coroutines that are run where they
come up: `current_task()` and `asyncio.timeout` work as ever. A coroutine that has to wait is taken over by the task
whose name it bears, and goes on as if that had run it from the start.

Coroutines that bear the same name one after the other share its context variables, so they must not set any.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any
from weakref import WeakKeyDictionary

Work = Coroutine[Any, Any, None]
Waited = asyncio.Future[Any] | None
"""What a coroutine waits for; None for its next turn."""

KEPT = 16
"""So many tasks stand by at most."""


class Standbys:
    """The tasks that stand by on one loop."""

    def __init__(self) -> None:
        self._free: list[Standby] = []

    def run(self, work: Work, loop: asyncio.AbstractEventLoop, busy: set[asyncio.Task[None]]) -> None:
        """Run a coroutine that raises nothing. While it waits its task is among those that are `busy`."""
        if not self._free:
            Standby(self, loop)  # for the next one
            task = loop.create_task(work)
            busy.add(task)
            task.add_done_callback(busy.discard)
            return
        standby = self._free.pop()
        if standby.run(work, loop, busy):
            self._free.append(standby)

    def take_in(self, standby: "Standby") -> bool:
        """Let a task stand by, if there aren't enough."""
        if len(self._free) >= KEPT:
            return False
        self._free.append(standby)
        return True

    def strike_off(self, standby: "Standby") -> None:
        """A task was cancelled."""
        if standby in self._free:
            self._free.remove(standby)


class Standby:
    """One task that stands by until it has something to take over, and again when that is done."""

    __slots__ = ("_call", "_context", "_pool", "_task", "_work")

    def __init__(self, pool: Standbys, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._context = Context()
        self._call: asyncio.Future[None] = loop.create_future()
        self._work: tuple[Work, Waited, set[asyncio.Task[None]]] | None = None
        self._task = loop.create_task(self._stand_by(loop), context=self._context)

    def run(self, work: Work, loop: asyncio.AbstractEventLoop, busy: set[asyncio.Task[None]]) -> bool:
        """Run a coroutine until it ends or waits. Whether the task is free again: it isn't when it takes over."""
        asyncio._enter_task(loop, self._task)
        try:
            waited = self._context.run(work.send, None)
        except StopIteration:
            return not self._call.done()  # as it is when the coroutine has cancelled its task
        finally:
            asyncio._leave_task(loop, self._task)
        busy.add(self._task)
        self._work = work, waited, busy
        if not self._call.done():
            self._call.set_result(None)
        return False

    async def _stand_by(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._task.cancelling() and self._pool.take_in(self):
            cancelled = None
            try:
                await self._call
            except asyncio.CancelledError as error:
                cancelled = error
            taken, self._work = self._work, None
            if taken is None:
                self._pool.strike_off(self)
                raise cancelled or asyncio.CancelledError
            work, waited, busy = taken
            try:
                await _go_on(work, waited, cancelled)
            finally:
                busy.discard(self._task)
                del taken, work, waited, cancelled  # what came of it shall go with the coroutine
            self._call = loop.create_future()


@types.coroutine
def _go_on(work: Work, waited: Waited, error: BaseException | None) -> Generator[Any, None, None]:
    """Do for a coroutine that has begun what awaiting it would do; `error` is what is to be raised in it first."""
    while True:
        if error is None:
            try:
                if waited is not None:
                    waited._asyncio_future_blocking = True  # what says that it is awaited, not just yielded
                yield waited
            except BaseException as raised:  # noqa: BLE001 - it is the coroutine's
                error = raised
        waited = None  # an error and the frames that it went through, this one too, shall not keep each other
        try:
            waited = work.send(None) if error is None else work.throw(error)
        except StopIteration:
            return
        finally:
            error = None


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Standbys] = WeakKeyDictionary()


def standbys_of(loop: asyncio.AbstractEventLoop) -> Standbys:
    """Those of a loop."""
    return _OF_LOOPS.setdefault(loop, Standbys())
