"""The table jobs: taking, finishing, retrying."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from server.db import SQL, Db
from server.db.pool import Backend

LEASE = 300_000
"""Milliseconds for which a taken job belongs to its node."""

KEEP_FAILED = 1000
KEEP_FAILED_FOR = 14 * 24 * 3600 * 1000


class StoredJob(Struct, frozen=True):
    """A job that was taken. `attempts` counts this one too."""

    id: str
    name: str
    payload: dict[str, Any]
    attempts: int


TAKE_JOBS = SQL("""
    UPDATE jobs
       SET attempts = attempts + 1, run_at = $2 + $4, again = false
     WHERE id IN (
           SELECT id
             FROM jobs
            WHERE failed_at = 0 AND run_at <= $2 AND name = ANY($1)
         ORDER BY run_at
            LIMIT $3
              FOR UPDATE SKIP LOCKED)
 RETURNING id, name, payload, attempts
""")


async def take_jobs(db: Db, names: Sequence[str], now: int, limit: int) -> list[StoredJob]:
    """Take up to `limit` due jobs of these names; nobody else gets them for LEASE. Index: jobs_run_at_idx."""
    return await db.many(StoredJob, TAKE_JOBS, names, now, limit, LEASE)


LOOK = SQL("""
    SELECT CASE WHEN $1::bigint <> 0 THEN pg_try_advisory_lock($1) ELSE false END,
           (SELECT run_at FROM jobs WHERE failed_at = 0 AND name = ANY($2) ORDER BY run_at LIMIT 1)
""")


class Look(Struct, frozen=True):
    """What a runner sees at one look."""

    locked: bool
    """Whether it got the lock that it asked for."""
    next_at: int | None
    """When the next job is due, None for never."""


async def look(connection: Backend, lock: int, names: Sequence[str]) -> Look:
    """Seek an advisory lock (0: none), and see when the next job of these names is due. Index: jobs_run_at_idx."""
    rows, *_ = await connection.ask(LOOK.text, (lock, names))
    return Look(*rows[0])


DELETE_JOB = SQL("DELETE FROM jobs WHERE id = $1 AND NOT again")
REPEAT_JOB = SQL("UPDATE jobs SET run_at = $2, attempts = 0, error = '' WHERE id = $1 AND again")


async def end_job(db: Db, id: str, now: int) -> bool:
    """Forget a job that is done, unless it was asked for again since it was taken: then it is due, and this is true."""
    return not await db.run(DELETE_JOB, id) and bool(await db.run(REPEAT_JOB, id, now))


RETRY_JOB = SQL("""
    UPDATE jobs
       SET run_at = $2,
           failed_at = CASE WHEN again THEN 0 ELSE $3::bigint END,
           attempts = CASE WHEN again THEN 0 ELSE attempts END,
           error = $4
     WHERE id = $1
""")


async def retry_job(db: Db, id: str, *, run_at: int, failed_at: int, error: str) -> None:
    """Let a job wait until `run_at`, or give it up when `failed_at` is not 0; one that was asked for again has all its
    tries before it."""
    await db.run(RETRY_JOB, id, run_at, failed_at, error)


# A failed job of the same key may lie there already; the unique index is for waiting ones only.
DELETE_FAILED = SQL("""
    DELETE FROM jobs
     WHERE failed_at > 0
       AND (failed_at < $1 OR id IN (SELECT id FROM jobs WHERE failed_at > 0 ORDER BY failed_at DESC OFFSET $2))
""")


async def delete_failed_jobs(db: Db, now: int) -> int:
    """Forget the failed jobs that are old or too many; how many went. Index: jobs_failed_at_idx."""
    return await db.run(DELETE_FAILED, now - KEEP_FAILED_FOR, KEEP_FAILED)
