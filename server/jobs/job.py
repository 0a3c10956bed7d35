"""Jobs: work that must outlive a crash, stored in PostgreSQL by the commit that causes it."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct

from server.db import SQL, Db
from server.ids import new_id, now_ms

CHANNEL = "hubbub_jobs"
"""Where nodes hear of new jobs by their names ("" for any), and of timers."""

JOB_NAMES = "string_agg(DISTINCT name, ',')"
"""What nodes hear of stored jobs, in SQL."""

ONCE = """ON CONFLICT (key) WHERE key IS NOT NULL AND failed_at = 0
               DO UPDATE SET again = true, payload = excluded.payload"""
"""How jobs are stored that have a key, in SQL: no two of a key at a time. The row is locked, so that nobody takes the
job that waits before what this one is about is committed. One statement may bring a key but once."""


class Job(Struct, frozen=True, kw_only=True):
    """Base of all jobs: the fields are the payload; `name` says which handler runs it."""

    name: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """While a job of this key waits, another one only takes its place; while one runs, it runs once more.

        "" for none: every job counts.
        """
        return ""

    @property
    def delay(self) -> int:
        """How many milliseconds it waits at least."""
        return 0


WAKE = SQL(f"SELECT pg_notify('{CHANNEL}', $1)")


async def wake(db: Db, timer: str) -> None:
    """Let a timer of all nodes look again at what is due, as soon as the transaction commits."""
    await db.run(WAKE, timer)


INSERT_JOBS = SQL(f"""
    WITH stored AS (
        INSERT INTO jobs (id, name, payload, key, create_at, run_at)
        SELECT DISTINCT ON (coalesce(nullif(key, ''), id)) id, name, payload, nullif(key, ''), $6, $6 + delay
          FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::bigint[])
               WITH ORDINALITY AS new (id, name, payload, key, delay, turn)
      ORDER BY coalesce(nullif(key, ''), id), turn DESC
            {ONCE}
     RETURNING name
    )
    SELECT pg_notify('{CHANNEL}', names) FROM (SELECT {JOB_NAMES} AS names FROM stored) AS told WHERE names <> ''
""")


async def insert_jobs(db: Db, jobs: Sequence[Job]) -> None:
    """Store jobs to be run by any node; the nodes hear of them when the transaction commits."""
    await db.rows(
        INSERT_JOBS,
        [new_id() for _ in jobs],
        [job.name for job in jobs],
        [msgspec.to_builtins(job) for job in jobs],
        [job.key for job in jobs],
        [job.delay for job in jobs],
        now_ms(),
    )
