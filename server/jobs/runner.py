"""The runner of a node: takes due jobs, runs a few at a time, and when elected also does the periodic work."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from random import random
from typing import Any

import asyncpg
import msgspec
import structlog

from server import ticks
from server.db import Pool
from server.errors import ApiError
from server.ids import now_ms
from server.jobs import queries
from server.jobs.handlers import Jobs, Sweep, Timer
from server.jobs.job import CHANNEL

log = structlog.get_logger()

ELECTION = 0x68756264
"""The advisory lock that the node doing the periodic work holds."""

UNHEARD = 12
"""A timer is looked for so many times less often than jobs."""
AGAIN = 1.0
"""Seconds until a timer runs again what could not be done, or what other nodes are doing."""

_FAILURES = (ApiError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class _Lane:
    """Jobs that share their places: so many of them run at a time."""

    def __init__(self, names: list[str], concurrency: int) -> None:
        self.names = frozenset(names)
        self.concurrency = concurrency
        self.running: set[asyncio.Task[None]] = set()
        self.news = asyncio.Event()

    @property
    def free(self) -> int:
        """How many more may run."""
        return self.concurrency - len(self.running)

    def add(self, task: asyncio.Task[None]) -> None:
        """Give a place to a job until it ends."""
        self.running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        full = self.free <= 0
        self.running.discard(task)
        if full:
            self.news.set()


class Runner:
    """Runs jobs on this node as long as it is up, `concurrency` at a time, and as many again for each of those that
    jobs wait for.

    `make_context` gives the first argument of handlers. `runs` and `schedules` say, each time anew, whether this
    node takes jobs and whether it may be elected. `poll` (seconds): how often it looks for jobs whose news got lost or
    that are to be tried again, and how late another node follows one that was elected. `grace` (seconds) is how long a
    stop waits for jobs under way.
    """

    def __init__(
        self,
        db: Pool,
        jobs: Jobs,
        make_context: Callable[[], Any],
        *,
        runs: Callable[[], bool] = lambda: True,
        schedules: Callable[[], bool] = lambda: True,
        concurrency: int = 8,
        poll: float = 5.0,
        grace: float = 5.0,
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._make_context = make_context
        self._runs = runs
        self._schedules = schedules
        self._poll = poll
        self._grace = grace
        kinds: dict[str, list[str]] = {}
        for name, handler in jobs.handlers.items():
            kinds.setdefault(handler.waits_for, []).append(name)
        self._names = list(jobs.handlers)
        self._lanes = [_Lane(names, concurrency) for names in kinds.values()]
        self._sweeps: list[Sweep] = [*jobs.sweeps, Sweep("delete_failed_jobs", 3600, self._delete_failed)]
        self._sweeps_due = asyncio.Event()
        self._due: dict[str, float] = {}
        self._timers = jobs.timers
        self._alarms = {timer.name: asyncio.Event() for timer in jobs.timers}
        self._aside = db.aside()
        self._connection: Any = None
        self.elected = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to take jobs."""
        self._tasks = [
            *(asyncio.create_task(self._take(lane)) for lane in self._lanes),
            asyncio.create_task(self._schedule()),
            asyncio.create_task(self._sweep_forever()),
            *(asyncio.create_task(self._keep(timer)) for timer in self._timers),
        ]

    async def stop(self) -> None:
        """Take no more jobs and wait a little for those under way; what is cut off runs again elsewhere."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        running = [task for lane in self._lanes for task in lane.running]
        if running:
            await asyncio.wait(running, timeout=self._grace)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._connection is not None:
            with contextlib.suppress(*_FAILURES):
                await self._connection.close(timeout=2)

    async def _take(self, lane: _Lane) -> None:
        while True:
            lane.news.clear()
            free = lane.free
            taken = 0
            if free > 0 and self._runs():
                try:
                    found = await queries.take_jobs(self._aside, list(lane.names), now_ms(), free)
                except _FAILURES as error:
                    log.warning("jobs can't be taken", error=str(error))
                    found = []
                for job in found:
                    lane.add(asyncio.create_task(self._run(job)))
                taken = len(found)
            if taken < free or free <= 0:
                await lane.news.wait()

    def _hear(self, names: str = "") -> None:
        """Look for jobs of these names, by commas, or for all."""
        told = names.split(",")
        for lane in self._lanes:
            if not names or not lane.names.isdisjoint(told):
                lane.news.set()

    async def _run(self, stored: queries.StoredJob) -> None:
        handler = self._jobs.handlers[stored.name]
        lease = time.monotonic() + queries.LEASE / 1000
        try:
            # Ended before the lease is over, so that nobody else runs it at the same time.
            async with asyncio.timeout(queries.LEASE / 1000 * 0.8):
                await handler.run(self._make_context(), msgspec.convert(stored.payload, handler.job))
        except asyncio.CancelledError:
            with contextlib.suppress(*_FAILURES):
                await queries.retry_job(self._db, stored.id, run_at=now_ms(), failed_at=0, error="the node stopped")
            raise
        except Exception as error:  # noqa: BLE001 (whatever a handler raises: the job is tried again)
            await self._failed(stored, lease, handler.attempts, error)
            return
        await self._note(stored, lease, lambda: self._end(stored))

    async def _end(self, stored: queries.StoredJob) -> None:
        if await queries.end_job(self._aside, stored.id, now_ms()):
            self._hear(stored.name)

    async def _failed(self, stored: queries.StoredJob, lease: float, attempts: int, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"[:1000].replace("\0", "")
        given_up = stored.attempts >= attempts
        log.warning("job failed", job=stored.name, attempt=stored.attempts, given_up=given_up, error=text)
        now = now_ms()
        run_at = now + int(backoff(stored.attempts) * 1000)
        failed_at = now if given_up else 0
        await self._note(
            stored,
            lease,
            lambda: queries.retry_job(self._aside, stored.id, run_at=run_at, failed_at=failed_at, error=text),
        )

    async def _note(self, stored: queries.StoredJob, lease: float, write: Callable[[], Awaitable[None]]) -> None:
        """Write how a job ended, again and again while it belongs to this node: else another one would repeat it."""
        while True:
            try:
                await write()
                break
            except _FAILURES as error:
                if time.monotonic() > lease - 2 * AGAIN:
                    log.warning("a job that has ended runs again", job=stored.name, error=str(error))
                    break
            await asyncio.sleep(AGAIN)

    async def _schedule(self) -> None:
        """Listen for new jobs, see what is due, and hold or seek the election, all on one connection of their own."""
        while True:
            wait = self._poll * (0.8 + 0.4 * random())  # noqa: S311 (only spreads the nodes)
            try:
                if self._connection is None or self._connection.is_closed():
                    self.elected = False
                    self._connection = await self._db.connect()
                    await self._connection.add_listener(CHANNEL, self._heard)
                    self._hear_all()
                with self._db.watched(self._connection):
                    next_at = await self._look(self._connection)
            except _FAILURES as error:
                log.warning("no connection to listen for jobs", error=str(error))
                self.elected = False
                if self._connection is not None:
                    self._connection.terminate()  # it may be dead without saying so
                self._hear_all()  # other connections may still do
            else:
                left = (next_at - now_ms()) / 1000 if next_at is not None else wait
                if left <= 0:
                    self._hear()
                else:
                    wait = min(wait, max(left, AGAIN))
            if self.elected:
                self._sweeps_due.set()
            await ticks.pause(wait)

    def _hear_all(self) -> None:
        """Look for whatever may have come unheard."""
        self._hear()
        for alarm in self._alarms.values():
            alarm.set()

    async def _look(self, connection: Any) -> int | None:
        """When the next job is due, None for never; on the way hold the election, seek it, or give it up."""
        seeks = self._schedules() and not self.elected
        found = await queries.look(connection, ELECTION if seeks else 0, self._names)
        if seeks:
            # The lock ends with the connection, so a node that dies is followed by another one.
            self.elected = found.locked
            self._due.clear()
        elif self.elected and not self._schedules():
            await connection.fetchval("SELECT pg_advisory_unlock($1)", ELECTION)
            self.elected = False
        return found.next_at

    def _heard(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        alarm = self._alarms.get(str(payload))
        if alarm is not None:
            alarm.set()
        else:
            self._hear(str(payload))

    async def _keep(self, timer: Timer) -> None:
        """Run what a timer is for whenever it is due, until then sleep."""
        alarm = self._alarms[timer.name]
        while True:
            alarm.clear()
            wait = await self._until_due(timer)
            if wait <= 0:
                try:
                    async with asyncio.timeout(300):
                        await timer.run(self._make_context())
                    wait = await self._until_due(timer)
                except Exception as error:  # noqa: BLE001 (it is tried again)
                    log.warning("timer failed", timer=timer.name, error=f"{type(error).__name__}: {error}")
                    wait = AGAIN
                wait = wait if wait > 0 else AGAIN
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await alarm.wait()

    async def _until_due(self, timer: Timer) -> float:
        """Seconds until a timer is due, or until it is looked for though nobody said anything.

        Who makes something due wakes it, and when that could not be heard `_schedule` does.
        """
        if not self._runs():
            return self._poll
        try:
            at = await timer.due(self._aside)
        except _FAILURES as error:
            log.warning("what is due can't be read", timer=timer.name, error=str(error))
            return self._poll
        longest = self._poll * UNHEARD
        return min((at - now_ms()) / 1000, longest) if at else longest

    async def _sweep_forever(self) -> None:
        while True:
            await self._sweeps_due.wait()
            self._sweeps_due.clear()
            await self._sweep()

    async def _sweep(self) -> None:
        for sweep in self._sweeps:
            now = time.monotonic()
            if now < self._due.get(sweep.name, 0.0):
                continue
            self._due[sweep.name] = now + sweep.seconds
            try:
                async with asyncio.timeout(300):
                    await sweep.run(self._make_context())
            except Exception as error:  # noqa: BLE001 (one sweep must not end the others)
                log.warning("sweep failed", sweep=sweep.name, error=f"{type(error).__name__}: {error}")

    async def _delete_failed(self, ctx: Any) -> None:
        await queries.delete_failed_jobs(self._db, now_ms())


def backoff(attempts: int) -> float:
    """Seconds until the next try: 4, 16, 64, … at most an hour, plus a little chance to spread them."""
    return float(min(4**attempts, 3600)) * (1 + 0.2 * random())  # noqa: S311 (not a secret)
