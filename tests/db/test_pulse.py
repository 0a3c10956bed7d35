"""A database that takes questions and gives no answers: nobody waits for long, and it is noticed when it is back."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.db import SQL, Pool, Unsure
from server.engines.postgres import Postgres
from server.errors import Busy
from tests.chaos.relay import Relay
from tests.waiting import PATIENCE

SOCKET = ".s.PGSQL.5432"
STALL = 0.8

ADD = SQL("INSERT INTO systems (name, value) VALUES ($1, '')")
NOTES = SQL("SELECT name FROM systems ORDER BY name")
SLEEP = SQL("SELECT pg_sleep($1)")
ONE = SQL("SELECT 1")


def limit(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Wait for so long for anything that the database is to do."""
    for name in ("pulse.STALL_SECONDS", "pulse.PROBE_SECONDS", "pool.CONNECT_SECONDS"):
        patch.setattr(f"server.db.{name}", seconds)


class Line:
    """A pool, and the line between it and the database."""

    def __init__(self, pool: Pool, relay: Relay, patch: pytest.MonkeyPatch) -> None:
        self.pool = pool
        self.doubts: list[int] = []
        self._relay = relay
        self._patch = patch
        pool.on_doubt.append(self.doubts.append)

    def silence(self, seconds: float = STALL) -> None:
        """Let nothing pass any more, and only now wait for so short a time: a busy machine need not hang."""
        limit(self._patch, seconds)
        self._relay.silence()

    def mend(self) -> None:
        """Let all pass again, and wait for it as long as it takes."""
        limit(self._patch, PATIENCE)
        self._relay.mend()

    async def back(self) -> None:
        """Mend the line and wait until the pool serves again."""
        self.mend()
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(Busy):
                    await self.pool.value(ONE)
                    return
                await asyncio.sleep(0.02)

    async def notes(self) -> list[str]:
        return [str(name) for name in await self.pool.values(NOTES)]


@pytest_asyncio.fixture
async def line(postgres: Postgres, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    monkeypatch.setattr("server.db.pulse.LOOK_SECONDS", 0.05)
    name = fresh_database.partition("?")[0].rpartition("/")[2]
    with tempfile.TemporaryDirectory(prefix="hubbub-test-") as folder:
        relay = Relay(postgres._run / SOCKET)
        async with relay.listening(Path(folder) / SOCKET):
            pool = Pool(f"postgresql://postgres@/{name}?host={folder}", size=3)
            await pool.open()
            line = Line(pool, relay, monkeypatch)
            yield line
            line.mend()
            await pool.close()


async def is_busy(pool: Pool, sql: SQL = ONE, *args: object) -> None:
    with pytest.raises(Busy):
        await pool.run(sql, *args)


async def test_nobody_waits_long_for_a_database_that_hangs_and_then_not_at_all(line: Line) -> None:
    line.silence()

    async with asyncio.timeout(10):  # a third of what a statement may take
        await asyncio.gather(*(is_busy(line.pool) for _ in range(40)))
    line.silence(10 * PATIENCE)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(is_busy(line.pool) for _ in range(40)))
        with pytest.raises(Busy):
            async with line.pool.begin():
                pass
        with pytest.raises(Busy):
            await line.pool.connect()
    assert line.pool.in_use == 0

    await line.back()
    assert line.doubts == []
    assert line.pool.in_use == 0


async def test_a_short_pause_is_ridden_out(line: Line) -> None:
    line.silence(10 * STALL)
    waiting = [asyncio.create_task(line.pool.value(ONE)) for _ in range(10)]
    await asyncio.sleep(STALL / 2)
    line.mend()

    assert await asyncio.gather(*waiting) == [1] * 10


async def test_slow_statements_are_no_hanging_database(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = line.pool._pulse
    asked: list[bool] = []
    probe = pulse._probe

    async def counted() -> None:
        await probe()
        asked.append(True)

    monkeypatch.setattr(pulse, "_probe", counted)
    monkeypatch.setattr("server.db.pulse.STALL_SECONDS", STALL)
    begun = time.monotonic()
    await asyncio.gather(*(line.pool.run(SLEEP, 3 * STALL) for _ in range(3)))
    assert not pulse.away
    assert 1 <= len(asked) <= (time.monotonic() - begun) / STALL  # now and then, not all the time


async def test_a_connection_of_ones_own_ends_with_the_others(line: Line) -> None:
    connection = await line.pool.connect()
    line.silence()

    async with asyncio.timeout(30):
        with pytest.raises(Unsure) as raised, line.pool.watched(connection):
            await connection.execute(ADD.text, "own")

    assert connection.is_closed()
    assert line.doubts == [raised.value.backend]
    await line.back()


async def test_of_a_write_that_was_cut_off_it_is_known_who_may_yet_do_it(line: Line) -> None:
    backend = await line.pool.value(SQL("SELECT pg_backend_pid()"))
    await line.pool.run(ADD, "early")  # it is prepared now, so the next one is a single message
    line.silence()
    await is_busy(line.pool, ADD, "late")
    assert line.doubts == [backend]

    await line.back()
    async with asyncio.timeout(30):
        while len(await line.notes()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert await line.notes() == ["early", "late"]


async def test_a_commit_without_an_answer_is_unsure(line: Line) -> None:
    with pytest.raises(Unsure) as raised:
        async with line.pool.begin() as tx:
            backend = await tx.value(SQL("SELECT pg_backend_pid()"))
            await tx.run(ADD, "late")
            line.silence()

    assert raised.value.backend == backend
    assert line.doubts == [backend]
    await line.back()


async def test_a_rolled_back_change_is_no_doubt(line: Line) -> None:
    with pytest.raises(ZeroDivisionError):
        async with line.pool.begin() as tx:
            await tx.run(ADD, "never")
            raise ZeroDivisionError
    assert line.doubts == []
    assert await line.notes() == []


async def test_the_server_ends_a_statement_that_takes_too_long(fresh_database: str) -> None:
    pool = Pool(fresh_database, size=1, timeout=1.0)
    await pool.open()
    doubts: list[int] = []
    pool.on_doubt.append(doubts.append)
    backend = await pool.value(SQL("SELECT pg_backend_pid()"))

    with pytest.raises(Busy):
        await pool.run(SQL("WITH slept AS (SELECT pg_sleep(20)) SELECT 1 FROM slept"))

    assert await pool.value(SQL("SELECT pg_backend_pid()")) == backend
    assert doubts == []
    await pool.close()
