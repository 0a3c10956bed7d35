"""The pool: a connection goes back only when nothing is left open on it."""

import asyncio
from urllib.parse import urlsplit

import pytest

from server.db import SQL, Pool
from server.db.pool import STATEMENTS
from server.errors import BadRequest, Busy

NUMBER = SQL("SELECT $1::bigint")
TRANSACTION = SQL("SELECT pg_current_xact_id()::text")


async def test_a_transaction_interrupted_at_its_beginning_is_nobody_elses(database: str) -> None:
    pool = Pool(database, size=1)
    await pool.open()

    async def work() -> None:
        async with pool.begin() as tx:
            await tx.value(NUMBER, 1)

    try:
        for turns in range(8):  # at each step of the way
            task = asyncio.create_task(work())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await pool.value(TRANSACTION) != await pool.value(TRANSACTION)
            assert pool.in_use == 0
    finally:
        await pool.close()


async def test_input_that_fits_no_column_is_a_bad_request_and_costs_no_connection(database: str) -> None:
    pool = Pool(database, size=1)
    await pool.open()
    try:
        backend = await pool.value(SQL("SELECT pg_backend_pid()"))
        with pytest.raises(BadRequest):
            await pool.value(NUMBER, 1 << 70)

        assert await pool.value(SQL("SELECT pg_backend_pid()")) == backend
    finally:
        await pool.close()


async def test_a_table_that_was_changed_meanwhile_is_read_as_it_is_now(database: str) -> None:
    pool = Pool(database, size=1)
    await pool.open()
    everything = SQL("SELECT * FROM drafts")  # in a temporary table of that name
    try:
        await pool.run(SQL("CREATE TEMP TABLE drafts AS SELECT 1 AS one"))
        assert [tuple(row) for row in await pool.rows(everything)] == [(1,)]
        await pool.run(SQL("ALTER TABLE drafts ADD COLUMN two bigint NOT NULL DEFAULT 2"))

        assert [tuple(row) for row in await pool.rows(everything)] == [(1, 2)]

        async with pool.begin() as tx:
            assert [tuple(row) for row in await tx.rows(everything)] == [(1, 2)]
            await tx.run(SQL("ALTER TABLE drafts DROP COLUMN one"))
        with pytest.raises(Busy):
            async with pool.begin() as tx:
                await tx.rows(everything)
        async with pool.begin() as tx:
            assert [tuple(row) for row in await tx.rows(everything)] == [(2,)]
    finally:
        await pool.close()


async def test_more_statements_than_a_connection_keeps_prepared_work_all_the_same(database: str) -> None:
    pool = Pool(database, size=1)
    await pool.open()
    many = [SQL(f"SELECT $1::bigint + {number}") for number in range(STATEMENTS + 5)]
    try:
        for _ in range(2):
            assert [await pool.value(each, 1) for each in many] == [1 + number for number in range(len(many))]

        prepared = await pool.value(SQL("SELECT count(*) FROM pg_prepared_statements"))
        assert prepared <= STATEMENTS + 1
    finally:
        await pool.close()


REFUSALS = {
    "40001": "another transaction was first",
    "53100": "the disk is full",
    "58030": "the disk fails",
    "58P01": "a file is missing",
    "25006": "the database is read-only",
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_database_that_can_not_do_it_just_now_is_busy_and_costs_no_connection(database: str, code: str) -> None:
    failing = SQL(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
    pool = Pool(database, size=1)
    await pool.open()
    try:
        backend = await pool.value(SQL("SELECT pg_backend_pid()"))
        with pytest.raises(Busy):
            await pool.run(failing)
        with pytest.raises(Busy):
            async with pool.begin() as tx:
                await tx.run(failing)

        assert await pool.value(SQL("SELECT pg_backend_pid()")) == backend
    finally:
        await pool.close()


async def test_a_database_that_refuses_new_connections_is_busy(database: str) -> None:
    pool = Pool(urlsplit(database)._replace(path="/not-there-just-now").geturl(), size=1)
    for ask in (pool.value(NUMBER, 1), pool.connect(), _begin(pool)):
        with pytest.raises(Busy):
            await ask
    await pool.close()


async def _begin(pool: Pool) -> None:
    async with pool.begin():
        pass
