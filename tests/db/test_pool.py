"""The pool: a connection goes back only when nothing is left open on it."""

import asyncio

import pytest

from server.db import SQL, Pool
from server.errors import BadRequest

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
