"""The runner on a real database: jobs are run once, tried again, given up, and survive the node that took them."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import pytest

from server.db import SQL, Db, Pool
from server.errors import Busy
from server.ids import now_ms
from server.jobs import queries
from server.jobs.handlers import Jobs
from server.jobs.job import Job, insert_jobs, wake
from server.jobs.runner import backoff
from tests.jobs.running import ALL_JOBS, ELECTED, Greet, count, db, eventually, is_empty, running

__all__ = ["db"]


async def test_a_job_of_a_committed_transaction_runs_at_once_and_is_forgotten(db: Pool) -> None:
    jobs, greeted = Jobs(), asyncio.Queue[tuple[str, str]]()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        greeted.put_nowait((ctx, job.whom))

    async with running(db, jobs, poll=60):
        await asyncio.sleep(0.3)  # idle: only the news of the commit can wake it
        async with db.begin() as tx:
            await insert_jobs(tx, [Greet(whom="Ada"), Greet(whom="Bob")])
        found = {await asyncio.wait_for(greeted.get(), 30) for _ in range(2)}
        await eventually(lambda: is_empty(db))

    assert found == {("context", "Ada"), ("context", "Bob")}


async def test_a_rolled_back_transaction_leaves_no_job(db: Pool) -> None:
    with pytest.raises(LookupError):
        async with db.begin() as tx:
            await insert_jobs(tx, [Greet(whom="Ada")])
            raise LookupError

    assert await count(db) == 0


async def test_two_runners_run_each_job_once(db: Pool) -> None:
    jobs, greeted = Jobs(), list[str]()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        await asyncio.sleep(0.001)
        greeted.append(job.whom)

    names = [f"user {number}" for number in range(200)]
    async with running(db, jobs, poll=0.1), running(db, jobs, poll=0.1):
        await insert_jobs(db, [Greet(whom=name) for name in names])
        await eventually(lambda: is_empty(db))

    assert sorted(greeted) == sorted(names)


async def test_no_more_jobs_run_at_a_time_than_allowed(db: Pool) -> None:
    jobs, now, most = Jobs(), 0, 0
    all_run = asyncio.Barrier(8)

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await all_run.wait()
        await asyncio.sleep(0.01)
        now -= 1

    await insert_jobs(db, [Greet(whom=str(number)) for number in range(40)])
    async with running(db, jobs):
        await eventually(lambda: is_empty(db))

    assert most == 8


async def test_a_failing_job_is_tried_again_later_and_given_up_at_last(db: Pool) -> None:
    jobs, tries = Jobs(), list[int]()

    @jobs.on(Greet, attempts=2)
    async def greet(ctx: str, job: Greet) -> None:
        tries.append(now_ms())
        raise LookupError("nobody\0there")

    await insert_jobs(db, [Greet(whom="Ada")])
    async with running(db, jobs, poll=0.1):

        async def waits() -> bool:
            return bool((await db.rows(ALL_JOBS))[0]["error"])

        await eventually(waits)
        (row,) = await db.rows(ALL_JOBS)
        assert (row["attempts"], row["failed_at"], row["error"]) == (1, 0, "LookupError: nobodythere")
        assert tries[0] + 4000 <= row["run_at"] <= now_ms() + 4800
        await db.run(SQL("UPDATE jobs SET run_at = 0"))

        async def is_given_up() -> bool:
            return bool((await db.rows(ALL_JOBS))[0]["failed_at"])

        await eventually(is_given_up)
        await db.run(SQL("UPDATE jobs SET run_at = 0"))
        await asyncio.sleep(0.3)

    assert len(tries) == 2


async def test_a_job_cut_off_by_a_stop_is_given_back(db: Pool) -> None:
    jobs, started = Jobs(), asyncio.Event()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        started.set()
        await asyncio.sleep(60)

    await insert_jobs(db, [Greet(whom="Ada")])
    async with running(db, jobs, grace=0.05):
        await asyncio.wait_for(started.wait(), 30)

    (taken,) = await queries.take_jobs(db, ["greet"], now_ms(), 10)
    assert taken.payload == {"whom": "Ada"}


async def test_news_that_come_while_it_stops_keep_no_runner_going(db: Pool) -> None:
    jobs = Jobs()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        raise AssertionError("nothing is stored")

    for _ in range(5):
        async with running(db, jobs) as runner:
            await asyncio.sleep(0.05)
            runner._hear()
            async with asyncio.timeout(30):
                await runner.stop()


async def test_a_job_whose_node_died_comes_back_when_its_lease_is_over(db: Pool) -> None:
    await insert_jobs(db, [Greet(whom="Ada")])

    (first,) = await queries.take_jobs(db, ["greet"], now_ms(), 10)
    assert await queries.take_jobs(db, ["greet"], now_ms(), 10) == []
    (second,) = await queries.take_jobs(db, ["greet"], now_ms() + queries.LEASE + 1, 10)

    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)


async def test_jobs_that_this_version_does_not_know_are_left_to_others(db: Pool) -> None:
    await insert_jobs(db, [Greet(whom="Ada")])

    async with running(db, Jobs(), poll=0.05):
        await asyncio.sleep(0.3)

    (row,) = await db.rows(ALL_JOBS)
    assert row["attempts"] == 0


async def test_one_runner_does_the_periodic_work_and_another_follows_it(db: Pool) -> None:
    swept: list[str] = []

    def registry(name: str) -> Jobs:
        jobs = Jobs()

        @jobs.every(0.01)
        async def sweep(ctx: str) -> None:
            swept.append(name)

        @jobs.every(0.01)
        async def failing(ctx: str) -> None:
            raise LookupError

        return jobs

    async with running(db, registry("first"), poll=0.05) as first:
        await eventually(lambda: first.elected and len(swept) > 2)
        async with running(db, registry("second"), poll=0.05) as second:
            await asyncio.sleep(0.3)
            assert set(swept) == {"first"}
            assert not second.elected
            await first.stop()
            await eventually(lambda: "second" in swept)


async def test_the_runner_goes_on_after_it_lost_its_connection(db: Pool) -> None:
    jobs, greeted = Jobs(), asyncio.Event()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        greeted.set()

    async with running(db, jobs, poll=0.1) as runner:
        await eventually(lambda: runner.elected)
        before = await db.values(ELECTED)
        assert len(before) == 1
        await db.rows(SQL("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS elected (pid)"), before)

        async def is_elected_anew() -> bool:
            return bool(set(await db.values(ELECTED)) - set(before))

        await eventually(is_elected_anew)
        await insert_jobs(db, [Greet(whom="Ada")])
        await asyncio.wait_for(greeted.wait(), 30)


async def test_a_job_that_ends_while_the_database_is_away_is_not_run_again(
    db: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.runner.AGAIN", 0.05)
    jobs = Jobs()
    greeted: list[str] = []
    tries: list[str] = []
    end = queries.end_job

    async def ending(database: Db, id: str, now: int) -> bool:
        tries.append(id)
        if len(tries) < 4:
            raise Busy("api.context.server_busy.app_error")
        return await end(database, id, now)

    monkeypatch.setattr(queries, "end_job", ending)

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        greeted.append(job.whom)

    await insert_jobs(db, [Greet(whom="Ada")])
    async with running(db, jobs, poll=0.1):
        await eventually(lambda: is_empty(db))
    assert greeted == ["Ada"]
    assert len(tries) == 4


async def test_failed_jobs_are_kept_for_a_while_and_only_so_many(db: Pool) -> None:
    now = now_ms()
    await insert_jobs(db, [Greet(whom=str(number)) for number in range(queries.KEEP_FAILED + 5)])
    await db.run(SQL("UPDATE jobs SET failed_at = $1"), now)
    await insert_jobs(db, [Greet(whom="old"), Greet(whom="waits")])
    await db.run(SQL("UPDATE jobs SET failed_at = 1 WHERE payload ->> 'whom' = 'old'"))

    await queries.delete_failed_jobs(db, now)

    left = [row["payload"]["whom"] for row in await db.rows(ALL_JOBS)]
    assert len(left) == queries.KEEP_FAILED + 1
    assert "waits" in left
    assert "old" not in left


def test_tries_are_ever_farther_apart_up_to_an_hour() -> None:
    for attempts, least in ((1, 4), (2, 16), (3, 64), (10, 3600)):
        assert least <= backoff(attempts) <= least * 1.2


def test_two_handlers_of_one_job_are_refused() -> None:
    jobs, others = Jobs(), Jobs()

    async def greet(ctx: str, job: Greet) -> None: ...

    jobs.on(Greet)(greet)
    others.on(Greet)(greet)

    with pytest.raises(TypeError):
        jobs.on(Greet)(greet)
    with pytest.raises(TypeError):
        jobs.include(others)


async def test_a_timer_runs_on_every_node_when_it_is_due_and_is_woken_for_what_comes_earlier(db: Pool) -> None:
    due, ran = [now_ms() + 60_000], list[tuple[str, int]]()
    both = asyncio.Barrier(2)

    async def next_due(database: Db) -> int:
        return due[0]

    def registry(name: str) -> Jobs:
        jobs = Jobs()

        @jobs.when_due("bell", next_due)
        async def ring(ctx: str) -> None:
            ran.append((name, now_ms()))
            await both.wait()  # it is due until it is done, and the other may hear of it late
            due[0] = 0

        return jobs

    async with running(db, registry("first"), poll=60), running(db, registry("second"), poll=60):
        await asyncio.sleep(0.3)
        assert ran == []
        due[0] = at = now_ms() + 100
        await wake(db, "bell")
        await eventually(lambda: len(ran) == 2)

    assert sorted(name for name, _ in ran) == ["first", "second"]
    assert all(at <= when < at + 10_000 for _, when in ran)


async def test_a_timer_that_fails_runs_again(db: Pool) -> None:
    due, runs = [1], list[int]()

    async def next_due(database: Db) -> int:
        return due[0]

    jobs = Jobs()

    @jobs.when_due("bell", next_due)
    async def ring(ctx: str) -> None:
        runs.append(now_ms())
        if len(runs) == 1:
            raise LookupError
        due[0] = 0

    async with running(db, jobs, poll=60):
        await eventually(lambda: len(runs) == 2)
        await asyncio.sleep(0.1)

    assert len(runs) == 2


class Dawdle(Job, frozen=True, kw_only=True):
    """A job that waits for others."""

    name: ClassVar[str] = "dawdle"


class Linger(Job, frozen=True, kw_only=True):
    """A job that waits for somebody else."""

    name: ClassVar[str] = "linger"


async def test_jobs_that_wait_for_others_keep_none_waiting(db: Pool) -> None:
    jobs, greeted, waiting, over = Jobs(), asyncio.Event(), [], asyncio.Event()
    lingered = asyncio.Event()

    @jobs.on(Linger, waits_for="somebody else")
    async def linger(ctx: str, job: Linger) -> None:
        lingered.set()

    @jobs.on(Dawdle, waits_for="others")
    async def dawdle(ctx: str, job: Dawdle) -> None:
        waiting.append(job)
        await over.wait()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None:
        greeted.set()

    await insert_jobs(db, [Dawdle() for _ in range(20)])
    async with running(db, jobs):
        await eventually(lambda: len(waiting) == 8)
        await insert_jobs(db, [Greet(whom="Ada"), Linger()])
        await asyncio.wait_for(greeted.wait(), 30)
        await asyncio.wait_for(lingered.wait(), 30)
        assert len(waiting) == 8
        over.set()
        await eventually(lambda: len(waiting) == 20)


async def test_news_of_jobs_wake_only_those_who_run_them(db: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, asked, done = Jobs(), [], asyncio.Event()
    take = queries.take_jobs

    async def taking(db: Pool, names: Sequence[str], now: int, limit: int) -> list[queries.StoredJob]:
        asked.append(sorted(names))
        return await take(db, names, now, limit)

    @jobs.on(Dawdle, waits_for="others")
    async def dawdle(ctx: str, job: Dawdle) -> None:
        done.set()

    @jobs.on(Greet)
    async def greet(ctx: str, job: Greet) -> None: ...

    monkeypatch.setattr(queries, "take_jobs", taking)
    async with running(db, jobs, poll=60):
        await eventually(lambda: len(asked) >= 4)
        asked.clear()
        await insert_jobs(db, [Dawdle()])
        await asyncio.wait_for(done.wait(), 30)
        await asyncio.sleep(0.1)

    assert {tuple(names) for names in asked} == {("dawdle",)}
