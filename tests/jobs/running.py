"""Jobs, a database and a runner for the tests of this folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest_asyncio

from server.db import SQL, Pool
from server.jobs.handlers import Jobs
from server.jobs.job import Job
from server.jobs.runner import Runner


class Greet(Job, frozen=True, kw_only=True):
    """A job of these tests."""

    name: ClassVar[str] = "greet"
    whom: str


class GreetOnce(Job, frozen=True, kw_only=True):
    """One that waits once only."""

    name: ClassVar[str] = "greet_once"
    whom: str
    words: str = ""

    @property
    def key(self) -> str:
        """One for each person."""
        return f"greet:{self.whom}"


ELECTED = SQL("""
    SELECT l.pid
      FROM pg_locks l
      JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
     WHERE l.locktype = 'advisory'
""")
ALL_JOBS = SQL("SELECT name, payload, attempts, run_at, failed_at, error FROM jobs ORDER BY id")


@pytest_asyncio.fixture
async def db(fresh_database: str) -> AsyncIterator[Pool]:
    pool = Pool(fresh_database, size=4)
    await pool.open()
    yield pool
    await pool.close()


@asynccontextmanager
async def running(db: Pool, jobs: Jobs, *, poll: float = 5.0, grace: float = 5.0) -> AsyncIterator[Runner]:
    runner = Runner(db, jobs, lambda: "context", poll=poll, grace=grace)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


async def eventually(check: object, timeout: float = 30) -> None:
    assert callable(check)
    async with asyncio.timeout(timeout):
        while True:
            result = check()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.02)


async def count(db: Pool) -> int:
    return len(await db.rows(ALL_JOBS))


async def is_empty(db: Pool) -> bool:
    return await count(db) == 0
