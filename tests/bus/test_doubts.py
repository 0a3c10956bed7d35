"""A write that was cut off: when it was done after all, whoever missed the news starts anew, and not before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from server.bus.doubts import Doubts
from server.bus.event import Audience, Event
from server.bus.signals import Left
from server.cache import Cache
from server.config import Config
from server.context import Context, Services
from server.db import SQL, Pool, Unsure
from tests.bus.conftest import NewNode, Node, until

ADD = SQL("INSERT INTO systems (name, value) VALUES ($1, '')")
NAMES = SQL("SELECT name FROM systems ORDER BY name")
PID = SQL("SELECT pg_backend_pid()")

WAITING = SQL("""
    SELECT count(*)
      FROM pg_locks l
      JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
     WHERE l.locktype = 'advisory' AND NOT l.granted
""")

SLOW_COMMIT = """
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(1);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER lingers AFTER INSERT ON systems DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION linger()
"""


class Changed(Event, frozen=True):
    """Something changed in a channel."""

    name: ClassVar[str] = "changed_in_test"

    def audience(self) -> Audience:
        return Audience(channel_id="c")


class Writing:
    """A node that writes into a database where nobody commits until the test lets them."""

    def __init__(self, pool: Pool, node: Node, holder: Any) -> None:
        self.pool = pool
        self.node = node
        self._holder = holder
        """The connection that keeps all others from committing."""
        self.doubts = Doubts(pool, node.bus)
        self.ctx = Context(
            services=Services(
                config=Config(), db=pool, bus=node.bus, cache=Cache(), node_id="n", extras={Doubts: self.doubts}
            )
        )

    async def change(self) -> None:
        """A change that takes its time to commit."""
        async with self.ctx.begin() as tx:
            await tx.run(ADD, "changed")
            tx.invalidate("user:ada")
            tx.publish(Left(user_id="ada", rooms=("channel:c",)), Changed())

    async def is_committing(self) -> None:
        """Wait until a change or a write needs nothing more but to be let."""
        async with asyncio.timeout(30):
            while not await self._holder.fetchval(WAITING.text):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def let_commit(self) -> None:
        """Now they can."""
        await self._holder.execute("SELECT pg_advisory_unlock(1)")

    def cut(self) -> None:
        """Lose the connections that are in use."""
        for connection in list(self.pool._pulse._asked):
            connection.terminate()

    async def names(self) -> list[str]:
        return [str(name) for name in await self.pool.values(NAMES)]


@pytest_asyncio.fixture
async def writing(fresh_database: str, new_node: NewNode) -> AsyncIterator[Writing]:
    pool = Pool(fresh_database, size=4)
    await pool.open()
    holder = await pool.connect()
    await holder.execute(SLOW_COMMIT)
    await holder.execute("SELECT pg_advisory_lock(1)")
    writing = Writing(pool, await new_node(), holder)
    await writing.doubts.start()
    yield writing
    await holder.close()
    await writing.doubts.stop()
    await pool.close()


async def test_a_commit_that_is_done_after_all_is_told_when_it_is(writing: Writing, new_node: NewNode) -> None:
    other = await new_node()
    known: list[list[str]] = []
    tasks: set[asyncio.Task[Any]] = set()

    async def read() -> None:
        known.append(await writing.names())

    other.bus.on_lost.append(lambda: tasks.add(asyncio.create_task(read())))
    change = asyncio.create_task(writing.change())
    await writing.is_committing()
    writing.cut()
    with pytest.raises(Unsure):
        await change
    assert await writing.names() == []
    await writing.let_commit()

    await until(lambda: other.heard.lost)
    assert [sorted(lost) for lost in other.heard.lost if lost] == [["channel:c", "nodes", "user:ada"]]
    await until(lambda: known)
    other.bus.on_lost.clear()  # nodes that stop may be heard, too
    assert known == [["changed"]]  # who reads now reads the truth


async def test_after_a_single_write_that_was_cut_off_all_caches_are_dropped(
    writing: Writing, new_node: NewNode
) -> None:
    other = await new_node()
    dropped: list[int] = []
    other.bus.on_lost.append(lambda: dropped.append(1))
    write = asyncio.create_task(writing.pool.run(ADD, "written"))
    await writing.is_committing()
    writing.cut()
    await asyncio.gather(write, return_exceptions=True)
    await writing.let_commit()

    await until(lambda: dropped)
    assert await writing.names() == ["written"]
    assert other.heard.lost == [("nodes",)]


async def test_who_is_owed_news_of_a_single_write_that_was_cut_off_starts_anew(
    writing: Writing, new_node: NewNode
) -> None:
    other = await new_node()

    async def write() -> None:
        with writing.ctx.owing(["user:ada"]):
            await writing.pool.run(ADD, "written")
            await writing.ctx.tell((), [Changed()])

    under_way = asyncio.create_task(write())
    await writing.is_committing()
    writing.cut()
    with pytest.raises(Unsure):
        await under_way
    await writing.let_commit()

    await until(lambda: other.heard.lost)
    assert [sorted(lost) for lost in other.heard.lost if lost] == [["nodes", "user:ada"]]
    assert await writing.names() == ["written"]


async def test_reads_that_were_cut_off_and_writes_that_failed_are_no_news(writing: Writing, new_node: NewNode) -> None:
    other = await new_node()
    read = asyncio.create_task(writing.pool.value(SQL("SELECT pg_sleep(2)")))
    await until(lambda: writing.pool._pulse._asked)
    writing.cut()
    await asyncio.gather(read, return_exceptions=True)
    with contextlib.suppress(ZeroDivisionError):
        async with writing.ctx.begin() as tx:
            await tx.run(ADD, "never")
            tx.publish(Changed())
            raise ZeroDivisionError
    await asyncio.sleep(1)

    assert other.heard.lost == []
