"""How PostgreSQL goes about what clients ask for all day: by the indexes meant for it, and over few rows.

PostgreSQL itself tells each plan that it has carried out, by auto_explain, on a database that `hubbub seed` has filled.
Rows are the same on every machine, so that a statement which begins to depend on the size of a table fails here.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct

from benchmarks.growth_calls import BY_CHANNELS, BY_POSTS, Call
from benchmarks.growth_world import Reader, members_of_many, readers
from server.db import SQL, pool
from server.engines.redis import Redis
from server.features.channels.counts import contents_tag
from tests.cli.test_commands import run
from tests.engines import Databases
from tests.nodes import TestNode, start_node

SEED = ["seed", "--posts", "10000", "--with-channels", "100"]
GROWING = {"posts", "threads", "thread_memberships", "channel_members", "post_terms", "reactions"}
"""Tables that are never read as a whole."""
ROUNDS = 3


class Work(Struct):
    """What the statements of a request did with growing tables."""

    indexes: set[str]
    whole: list[str]
    """Tables that were read as a whole."""
    rows: int
    """Rows that were looked at."""


class Meant(Struct):
    """What they are meant to do."""

    indexes: tuple[str, ...]
    """Each the name of an index that is used, or how the names of indexes begin of which one is."""
    rows: int
    """Twice what they look at, about."""


MEMBER, FOLLOWER = "channel_members_", "thread_memberships_user_idx"
POSTS_MEANT = {
    "newest page of a channel": Meant(("posts_channel_root_idx", "threads_pkey"), 280),
    "the same with all replies": Meant(("posts_channel_idx", "posts_thread_idx"), 240),
    "page far back (before=)": Meant(("posts_channel_root_idx", "posts_pkey"), 280),
    "page far back (page=)": Meant(("posts_channel_root_idx", "posts_pkey"), 300),
    "thirty posts since": Meant(("posts_since_idx",), 90),
    "around the first unread": Meant(("posts_channel_", MEMBER), 320),
    "threads: totals": Meant((FOLLOWER, "threads_pkey", MEMBER), 260),
    "threads: a page": Meant((FOLLOWER, "threads_pkey", MEMBER), 400),
    "threads: unread ones": Meant((FOLLOWER, "threads_pkey", MEMBER), 350),
    "page of a thread": Meant(("posts_thread_idx", "posts_pkey"), 40),
    "search, a usual word": Meant(("post_terms_idx", MEMBER), 300),
    "search, a rare word": Meant(("post_terms_idx", MEMBER), 80),
    "view of a channel": Meant((MEMBER,), 6),
    "unread of teams": Meant((MEMBER,), 120),
    "unread of teams and threads": Meant((FOLLOWER, "threads_pkey", MEMBER), 380),
    "channels of the user": Meant((MEMBER,), 60),
    "statistics of a channel": Meant(("posts_pinned_idx",), 4),
    "post": Meant((MEMBER,), 30),
    "reply": Meant((MEMBER, "posts_pkey", "threads_pkey"), 360),
}
CHANNELS_MEANT = {
    "channels of the user": Meant((MEMBER,), 200),
    "memberships of the user": Meant((MEMBER,), 200),
    "unread of teams": Meant((MEMBER,), 400),
    "categories of the sidebar": Meant((MEMBER,), 200),
    "view of a channel": Meant((MEMBER,), 4),
}
"""Of a user who is in a hundred."""


def faults(work: Work, meant: Meant) -> list[str]:
    """What is done in other ways than it is meant."""
    found = [f"reads all of {table}" for table in work.whole]
    for name in meant.indexes:
        if not any(index.startswith(name) for index in work.indexes):
            found += [f"does without {name}, with {sorted(work.indexes)}"]
    if work.rows > meant.rows:
        found.append(f"looks at {work.rows} rows, more than {meant.rows}")
    return found


class Explained:
    """Collects the plans of all statements of the nodes that are started meanwhile."""

    def __init__(self) -> None:
        self._plans: list[Any] = []

    def hear(self, connection: object, message: Any) -> None:
        """A notice of auto_explain."""
        _, found, plan = message.message.partition("plan:\n")
        if found:
            self._plans.append(json.loads(plan)["Plan"])

    def take(self) -> Work:
        """What was done since the last time."""
        plans, self._plans = self._plans, []
        work = Work(set(), [], 0)
        for plan in plans:
            _look(plan, work, "")
        return work


def _look(node: dict[str, Any], work: Work, table: str) -> None:
    table = node.get("Relation Name", table)
    index = node.get("Index Name")
    kind, loops = node["Node Type"], node["Actual Loops"]
    if index is not None and loops and (not table or table in GROWING):
        work.indexes.add(index)
    if table in GROWING and (index is not None or kind in ("Seq Scan", "Bitmap Heap Scan")):
        removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
        work.rows += round((node["Actual Rows"] + removed) * loops)
    if table in GROWING and kind == "Seq Scan":
        work.whole.append(table)
    for part in node.get("Plans", ()):
        _look(part, work, table if kind == "Bitmap Heap Scan" else "")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(databases: Databases, redis_server: Redis) -> AsyncIterator[str]:
    """A database with many posts, whose plans are told to those who run them."""
    dsn = databases.fresh()
    environ = {"MM_SQLSETTINGS_DATASOURCE": dsn, "MM_CACHESETTINGS_REDISADDRESS": redis_server.url}
    code, lines = await asyncio.to_thread(run, SEED, environ)
    assert code == 0, lines
    name = dsn.partition("?")[0].rpartition("/")[2]
    database = await asyncpg.connect(dsn)
    for setting, value in {
        "session_preload_libraries": "auto_explain",
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_analyze": "on",
        "auto_explain.log_timing": "off",
        "auto_explain.log_format": "json",
        "auto_explain.log_level": "notice",
    }.items():
        await database.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    await database.close()
    yield dsn
    databases.drop(dsn)


@pytest.fixture(scope="module")
def explained() -> Iterator[Explained]:
    """The plans of all nodes of this file."""
    explained = Explained()
    prepare = pool.prepare_connection

    async def prepared(connection: Any, timeout: float = 0) -> None:
        await prepare(connection, timeout)
        connection.add_log_listener(explained.hear)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "prepare_connection", prepared)
        yield explained


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(
    filled: str,
    explained: Explained,
    redis_server: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[TestNode]:
    """A node whose plans are told, and which does nothing but what it is asked for."""
    files: Path = tmp_path_factory.mktemp("files")
    quiet = {"MM_JOBSETTINGS_RUNJOBS": "false", "MM_JOBSETTINGS_RUNSCHEDULER": "false"}
    async with start_node(filled, redis_server.url, files, **quiet) as node:
        yield node


async def work_of(node: TestNode, explained: Explained, reader: Reader, call: Call) -> Work:
    """What a request makes PostgreSQL do, when everything is known that a node keeps in mind but what it counted."""
    method, path, body = call
    client = node.client(reader.person.token)
    for _ in range(2):
        node.services.cache.drop([contents_tag(channel_id) for channel_id in reader.channels])
        explained.take()
        reply = await client.request(method, path, body)
        assert reply.status in (200, 201), reply
    return explained.take()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asking(node: TestNode, filled: str) -> list[Reader]:
    """Some who are in as many channels as most."""
    return (await readers(node.url, filled))[:ROUNDS]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sociable(node: TestNode, filled: str) -> Reader:
    """One who is in a hundred channels."""
    people, team_id, town = await members_of_many(node.url, filled, 100)
    return Reader(people[0], team_id, town, [town], [], [], 0, 0, [])


def test_every_kind_is_looked_at() -> None:
    assert set(POSTS_MEANT) == set(BY_POSTS)
    assert set(CHANNELS_MEANT) < set(BY_CHANNELS)


async def test_statements_are_planned_once_for_any_arguments(node: TestNode) -> None:
    several = SQL("SELECT count(*) FROM users WHERE id = ANY($1::text[])")
    planned = SQL("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1")

    async with node.services.db.begin() as tx:
        for _ in range(3):
            await tx.value(several, ["a", "b"])
        counts = await tx.row(planned, several.text)

    assert tuple(counts or ()) == (3, 0)


@pytest.mark.parametrize("kind", POSTS_MEANT)
async def test_requests_use_indexes(node: TestNode, explained: Explained, asking: list[Reader], kind: str) -> None:
    chance = random.Random(7)
    found = []
    for reader in asking:
        work = await work_of(node, explained, reader, BY_POSTS[kind](chance, reader))
        found += faults(work, POSTS_MEANT[kind])

    assert found == []


@pytest.mark.parametrize("kind", CHANNELS_MEANT)
async def test_lists_of_many_channels_use_indexes(
    node: TestNode, explained: Explained, sociable: Reader, kind: str
) -> None:
    work = await work_of(node, explained, sociable, BY_CHANNELS[kind](random.Random(7), sociable))

    assert faults(work, CHANNELS_MEANT[kind]) == []


async def test_a_scan_would_be_found(node: TestNode, explained: Explained, asking: list[Reader]) -> None:
    explained.take()

    await node.services.db.rows(SQL("SELECT count(*) FROM posts WHERE message LIKE '%ferry%'"))
    work = explained.take()

    assert work.rows >= 10_000
    found = faults(work, Meant(("posts_channel_idx",), 500))
    assert found[0] == "reads all of posts"
    assert found[1].startswith("does without posts_channel_idx, with [")
    assert found[2] == f"looks at {work.rows} rows, more than 500"
