"""Jobs of a key: of those that wait there is one, with the newest contents, and never two are run at a time."""

import asyncio

from server.db import SQL, Pool
from server.ids import now_ms
from server.jobs.handlers import Jobs
from server.jobs.job import insert_jobs
from tests.jobs.running import ALL_JOBS, Greet, GreetOnce, db, eventually, is_empty, running

__all__ = ["db"]


async def test_a_job_of_a_key_waits_once(db: Pool) -> None:
    await insert_jobs(db, [GreetOnce(whom="Ada"), GreetOnce(whom="Ada"), GreetOnce(whom="Bob")])
    await insert_jobs(db, [GreetOnce(whom="Ada")])

    assert sorted(row["payload"]["whom"] for row in await db.rows(ALL_JOBS)) == ["Ada", "Bob"]


async def test_of_the_jobs_of_a_key_that_wait_the_last_one_is_run(db: Pool) -> None:
    jobs, greeted = Jobs(), list[str]()

    @jobs.on(GreetOnce)
    async def greet(ctx: str, job: GreetOnce) -> None:
        greeted.append(job.words)

    for words in ("hello", "good morning"):
        await insert_jobs(db, [GreetOnce(whom="Ada", words=words)])
    await insert_jobs(db, [GreetOnce(whom="Ada", words=words) for words in ("good day", "good evening")])
    async with running(db, jobs):
        await eventually(lambda: is_empty(db))

    assert greeted == ["good evening"]


async def test_a_job_of_a_key_that_is_asked_for_while_one_runs_is_run_after_it(db: Pool) -> None:
    jobs, begun, go_on = Jobs(), asyncio.Queue[str](), asyncio.Queue[None]()
    at_work = 0

    @jobs.on(GreetOnce)
    async def greet(ctx: str, job: GreetOnce) -> None:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        begun.put_nowait(job.words)
        await go_on.get()
        at_work -= 1

    async with running(db, jobs, poll=60), running(db, jobs, poll=60):
        await insert_jobs(db, [GreetOnce(whom="Ada", words="hello")])
        assert await asyncio.wait_for(begun.get(), 30) == "hello"
        for words in ("are you", "still there?"):
            await insert_jobs(db, [GreetOnce(whom="Ada", words=words)])
        await asyncio.sleep(0.2)
        assert begun.empty()

        go_on.put_nowait(None)
        assert await asyncio.wait_for(begun.get(), 30) == "still there?"
        (row,) = await db.rows(ALL_JOBS)
        assert row["attempts"] == 1
        go_on.put_nowait(None)
        await eventually(lambda: is_empty(db))

    assert begun.empty()


async def test_a_job_that_waits_is_not_run_before_who_asks_for_it_again_has_committed(db: Pool) -> None:
    jobs, read = Jobs(), list[int]()
    failed = SQL("SELECT count(*) FROM jobs WHERE failed_at > 0")

    @jobs.on(GreetOnce)
    async def greet(ctx: str, job: GreetOnce) -> None:
        read.append(await db.value(failed))

    await insert_jobs(db, [GreetOnce(whom="Ada")])
    async with db.begin() as tx:
        await insert_jobs(tx, [Greet(whom="Bob"), GreetOnce(whom="Ada")])
        await tx.run(SQL("UPDATE jobs SET failed_at = $1 WHERE name = 'greet'"), now_ms())
        async with running(db, jobs, poll=60):
            await asyncio.sleep(0.3)
    assert read == []

    async with running(db, jobs, poll=60):
        await eventually(lambda: read)
    assert read == [1]


async def test_a_job_that_is_asked_for_again_has_all_its_tries_again(db: Pool) -> None:
    jobs, tries = Jobs(), list[str]()

    @jobs.on(GreetOnce, attempts=1)
    async def greet(ctx: str, job: GreetOnce) -> None:
        tries.append(job.words)
        if job.words == "hello":
            await insert_jobs(db, [GreetOnce(whom="Ada", words="good morning")])
            raise LookupError("nobody there")

    await insert_jobs(db, [GreetOnce(whom="Ada", words="hello")])
    async with running(db, jobs, poll=0.1):
        await eventually(lambda: tries == ["hello"])

        async def waits() -> bool:
            return bool((await db.rows(ALL_JOBS))[0]["error"])

        await eventually(waits)
        (row,) = await db.rows(ALL_JOBS)
        assert (row["attempts"], row["failed_at"]) == (0, 0)
        await db.run(SQL("UPDATE jobs SET run_at = 0"))
        await eventually(lambda: is_empty(db))

    assert tries == ["hello", "good morning"]
