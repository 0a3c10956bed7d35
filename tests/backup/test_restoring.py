"""Restoring: into what is empty and used by nobody, as a whole or not at all, and clients start anew."""

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from server.backup import restoring, tables, taking
from server.backup.archive import BackupError, Manifest
from server.backup.restoring import restore_backup
from server.bus.redis import Address, RedisConnection, RedisError
from server.config import read_environment
from server.config.environment import variable_of
from server.db.migrate import migrate, schema_files, schema_folder
from server.engines.redis import Redis
from server.errors import Busy
from server.features.files.places import original
from tests.backup.commands import Place, files_below, hubbub, killed, stored_in
from tests.backup.small import backed_up, furnish, store
from tests.backup.test_taking import in_bucket
from tests.clients_of import Socket
from tests.make import Make
from tests.nodes import start_node
from tests.storage.test_blobs import Bucket, serving


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where the archive is."""
    return tmp_path / "service.hubbub"


async def restored(place: Place, archive: Path, *, replace: bool = False) -> Manifest:
    """A restore in this process."""
    return await restore_backup(read_environment(place.environ), archive, replace=replace)


async def run(place: Place, *statements: str) -> None:
    """Run SQL."""
    connection = await asyncpg.connect(place.dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def rows_in(place: Place) -> dict[str, int]:
    """How many rows each table has."""
    connection = await asyncpg.connect(place.dsn)
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    found = {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for (name,) in names}
    await connection.close()
    return found


SCHEMA = (
    """
    SELECT table_name, column_name, data_type, column_default, is_nullable, generation_expression
      FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
    """,
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """,
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    """
    SELECT relname, reloptions, relpersistence
      FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1
    """,
    "SELECT number FROM schema_migrations ORDER BY 1",
)


async def schema_in(place: Place) -> list[Any]:
    """Columns, indexes, constraints, triggers and functions of a database."""
    connection = await asyncpg.connect(place.dsn)
    try:
        return [[tuple(row) for row in await connection.fetch(sql)] for sql in SCHEMA]
    finally:
        await connection.close()


async def test_the_schema_is_that_of_a_migrated_database(
    source: Place, target: Place, other_target: Place, archive: Path
) -> None:
    await furnish(source)
    await backed_up(source, archive)

    await restored(target, archive)

    assert await schema_in(target) == await schema_in(other_target)
    assert await rows_in(target) == await rows_in(source)


async def test_a_database_that_a_node_has_only_started_on_is_empty(
    source: Place, other_target: Place, archive: Path
) -> None:
    await furnish(source)
    await backed_up(source, archive)
    async with start_node(other_target.dsn, other_target.redis_url, other_target.files):
        pass

    await restored(other_target, archive)

    assert await rows_in(other_target) == await rows_in(source)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "INSERT INTO audits (id, create_at, user_id, action) VALUES ('x', 1, 'y', 'z')",
            "not empty, there are audits",
        ),
        ("CREATE TABLE their_own (id integer)", "does not know: their_own"),
    ],
)
async def test_what_is_not_empty_is_refused(
    source: Place, other_target: Place, archive: Path, statement: str, why: str
) -> None:
    await furnish(source)
    await backed_up(source, archive)
    await run(other_target, statement)
    before = await rows_in(other_target)

    with pytest.raises(BackupError, match=why):
        await restored(other_target, archive)

    assert await rows_in(other_target) == before
    assert files_below(other_target.files) == set()


async def test_a_store_that_is_not_empty_is_refused(source: Place, target: Place, archive: Path) -> None:
    await furnish(source)
    await backed_up(source, archive)
    store(target, "files/aa/other/original", b"theirs")

    ended = await hubbub("restore", archive, environ=target.environ)

    assert ended.code == 1
    assert "the store of files is not empty, there is files/aa/other/original" in ended.said
    assert await rows_in(target) == {}
    assert files_below(target.files) == {"files/aa/other/original"}


async def test_another_service_is_replaced_if_that_is_wanted(source: Place, other_target: Place, archive: Path) -> None:
    await furnish(source)
    await backed_up(source, archive)
    await furnish(other_target, files=5)
    await run(other_target, "INSERT INTO posts_to_note VALUES ('theirs', 1)")

    await restored(other_target, archive, replace=True)

    assert await rows_in(other_target) == await rows_in(source)
    assert files_below(other_target.files) == set(stored_in(archive)) == files_below(source.files)


async def test_tables_of_others_are_never_replaced(source: Place, other_target: Place, archive: Path) -> None:
    await backed_up(source, archive)
    await run(other_target, "CREATE TABLE their_own AS SELECT 1 AS id")

    with pytest.raises(BackupError, match="does not know: their_own"):
        await restored(other_target, archive, replace=True)

    assert (await rows_in(other_target))["their_own"] == 1


async def test_nodes_must_be_gone(source: Place, target: Place, other_target: Place, archive: Path) -> None:
    await furnish(source)
    await backed_up(source, archive)
    async with start_node(other_target.dsn, other_target.redis_url, other_target.files):
        for replace in (False, True):
            with pytest.raises(BackupError, match="connected to the database"):
                await restored(other_target, archive, replace=replace)
        beside = Place(target.dsn, other_target.redis_url, target.files)
        with pytest.raises(BackupError, match="connected to Redis"):
            await restored(beside, archive)
    await run(other_target, f"INSERT INTO nodes VALUES ('killed', '', '', 0, {time.time_ns() // 1_000_000})")
    with pytest.raises(BackupError, match="less than half a minute ago"):
        await restored(other_target, archive)

    assert await rows_in(target) == {}
    assert (await rows_in(other_target))["users"] == 0


async def test_a_node_that_comes_up_meanwhile_stops_it(
    source: Place, target: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    await backed_up(source, archive)
    stored = restoring._Restore._store_files
    nodes: list[Any] = []

    async def late(self: Any) -> None:
        await stored(self)
        assert files_below(target.files) == set(stored_in(archive))
        nodes.append(await asyncpg.connect(target.dsn, server_settings={"application_name": "hubbub"}))

    monkeypatch.setattr(restoring._Restore, "_store_files", late)
    with pytest.raises(BackupError, match="connected to the database"):
        await restored(target, archive)
    await nodes[0].close()

    assert await rows_in(target) == {}
    assert files_below(target.files) == set()


async def test_a_node_that_starts_meanwhile_waits(
    source: Place, target: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    await backed_up(source, archive)
    filled = restoring._Restore._fill_database
    migrating: list[asyncio.Task[list[int]]] = []

    async def with_node(self: Any) -> None:
        migrating.append(asyncio.create_task(migrate(target.dsn)))
        await filled(self)
        assert not migrating[0].done()

    monkeypatch.setattr(restoring._Restore, "_fill_database", with_node)
    await restored(target, archive)

    assert await migrating[0] == []
    assert await rows_in(target) == await rows_in(source)


async def test_an_older_schema_is_brought_up(
    source: Place, target: Place, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    await backed_up(source, archive)
    newer = tmp_path / "schema"
    await asyncio.to_thread(shutil.copytree, schema_folder(), newer)
    number = len(schema_files(newer)) + 1
    text = "ALTER TABLE users ADD COLUMN shoes text NOT NULL DEFAULT 'red'; UPDATE users SET shoes = 'of ' || username"
    await asyncio.to_thread((newer / f"{number:04}_shoes.sql").write_text, text)
    for module in (restoring, tables, taking):
        monkeypatch.setattr(module, "schema_folder", lambda: newer)

    manifest = await restored(target, archive)

    assert manifest.schema == number - 1
    connection = await asyncpg.connect(target.dsn)
    assert await connection.fetchval("SELECT string_agg(shoes, ' ' ORDER BY shoes) FROM users") == (
        "of user1 of user2 of user3"
    )
    assert await connection.fetchval("SELECT max(number) FROM schema_migrations") == number
    await connection.close()


async def test_a_wrong_key_is_refused(source: Place, target: Place, archive: Path) -> None:
    async with start_node(source.dsn, source.redis_url, source.files) as node:
        make = Make(node)
        await make.sign_up_admin()
        secret = {"EmailSettings": {"SMTPPassword": "hunter2"}}
        (await node.client(make.admin.token).put("/config/patch", secret)).ok()
    await backed_up(source, archive)
    assert b"hunter2" not in await asyncio.to_thread(archive.read_bytes)
    key = variable_of("SqlSettings.AtRestEncryptKey")

    for other in ("", "another-another-another-another-another"):
        with pytest.raises(BackupError, match=key):
            await restore_backup(read_environment(target.environ | {key: other}), archive)
    assert await rows_in(target) == {}
    assert files_below(target.files) == set()


async def test_a_killed_one_leaves_the_database_as_it_was(source: Place, target: Place, archive: Path) -> None:
    await furnish(source, files=1500)
    await backed_up(source, archive)

    def storing() -> bool:
        return target.files.exists() and len(files_below(target.files)) > 0

    ended = await killed("restore", archive, place=target, when=storing)
    assert ended.code == -signal.SIGKILL
    await gone_from(target)
    assert await rows_in(target) == {}
    assert 0 < len(files_below(target.files)) < 1501
    with pytest.raises(BackupError, match="the store of files is not empty"):
        await restored(target, archive)

    await restored(target, archive, replace=True)
    assert await rows_in(target) == await rows_in(source)
    # What was being written when it was killed stays under another name.
    whole = {path for path in files_below(target.files) if "#" not in path}
    assert whole == files_below(source.files)


async def test_a_stopped_one_leaves_nothing(source: Place, target: Place, archive: Path) -> None:
    await furnish(source, files=1500)
    await backed_up(source, archive)

    def storing() -> bool:
        return (target.files / "files").exists()

    ended = await killed("restore", archive, place=target, when=storing, by=signal.SIGTERM)

    assert (ended.code, ended.said.splitlines()[-1]) == (1, "hubbub: stopped by a signal")
    assert await rows_in(target) == {}
    assert files_below(target.files) == set()


async def gone_from(place: Place) -> None:
    """Wait until PostgreSQL has noticed that a killed command is gone."""
    connection = await asyncpg.connect(place.dsn)
    ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'hubbub%'"
    while await connection.fetchval(ask):  # noqa: ASYNC110 - PostgreSQL has no event for it
        await asyncio.sleep(0.02)
    await connection.close()


async def test_files_that_can_t_be_stored_leave_the_service_that_was_there(
    source: Place, other_target: Place, archive: Path
) -> None:
    file_ids = await furnish(source)
    await backed_up(source, archive)
    await furnish(other_target)
    before, there = await rows_in(other_target), files_below(other_target.files)
    last = original(file_ids[-1])
    store(other_target, os.path.dirname(last), b"in the way")  # noqa: PTH120

    with pytest.raises(Busy):
        await restored(other_target, archive, replace=True)

    assert await rows_in(other_target) == before
    assert files_below(other_target.files) == there | {os.path.dirname(last)}  # noqa: PTH120


async def test_when_nobody_knows_whether_it_is_committed_the_files_stay(
    source: Place, target: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    await backed_up(source, archive)
    commit = Transaction.commit

    async def unheard(transaction: Transaction) -> None:
        await commit(transaction)
        raise ConnectionResetError

    monkeypatch.setattr(Transaction, "commit", unheard)
    with pytest.raises(BackupError, match="no answer came to the very last step"):
        await restored(target, archive)

    assert await rows_in(target) == await rows_in(source)
    assert files_below(target.files) == files_below(source.files)


async def test_a_commit_that_is_refused_leaves_nothing(
    source: Place, target: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    await backed_up(source, archive)

    async def refused(transaction: Transaction) -> None:
        await transaction.rollback()
        raise asyncpg.SerializationError("refused")

    monkeypatch.setattr(Transaction, "commit", refused)
    with pytest.raises(asyncpg.SerializationError):
        await restored(target, archive)

    assert await rows_in(target) == {}
    assert files_below(target.files) == set()


async def test_redis_must_be_there(source: Place, target: Place, archive: Path) -> None:
    await backed_up(source, archive)
    away = Place(target.dsn, "redis://127.0.0.1:1", target.files)

    with pytest.raises(RedisError):
        await restored(away, archive)

    assert await rows_in(target) == {}


async def test_files_come_back_into_a_bucket(source: Place, target: Place, archive: Path) -> None:
    await furnish(source)
    store(source, original(await furnish_large(source)), bytes(3 << 20) + b"end")
    await backed_up(source, archive)
    bucket = Bucket()
    async with serving(bucket) as port:
        await restore_backup(in_bucket(target, port), archive)
        with pytest.raises(BackupError, match="is not empty"):
            await restore_backup(in_bucket(target, port), archive)

    stored = {path.removeprefix("files/"): content for path, content in bucket.objects.items()}
    assert stored == {path: (source.files / path).read_bytes() for path in files_below(source.files)}
    assert len(stored) == 5


async def furnish_large(place: Place) -> str:
    """One more file; its id."""
    connection = await asyncpg.connect(place.dsn)
    file_id = "large" + "0" * 21
    await connection.execute(
        "INSERT INTO files (id, user_id, channel_id, create_at, update_at, name, size, mime_type)"
        " VALUES ($1, '', '', 1, 1, 'large', 3, 'x/y')",
        file_id,
    )
    await connection.close()
    return file_id


async def test_clients_start_anew_on_the_same_redis(
    source: Place, target: Place, archive: Path, redis_server: Redis
) -> None:
    """Else a client would be told that it has missed nothing, and keep what is no longer there."""
    again = Place(target.dsn, source.redis_url, target.files)
    async with start_node(source.dsn, source.redis_url, source.files) as node:
        make = Make(node)
        await make.sign_up_admin()
        team = await make.team()
        channel = await make.channel(team)
        await backed_up(source, archive)
        async with Socket.open(node, make.admin.token) as events:
            await make.post(make.admin, channel, "in another life")
            await events.next("posted")
            query = f"?connection_id={events.connection_id}&sequence_number={events.next_seq}"
    address = Address.parse(source.redis_url)
    redis = await RedisConnection.open(address)
    await redis.command("SET", "somebody:else", "1")

    await restored(again, archive)

    assert await redis.command("KEYS", "*") == [b"somebody:else"]
    await redis.command("DEL", "somebody:else")
    redis.close()
    async with start_node(again.dsn, again.redis_url, again.files) as node:
        async with Socket.open(node, make.admin.token, query) as events:
            hello = await events.next("hello")
            assert hello.seq == 0
            assert hello.data["connection_id"] not in query
        posts = (await node.client(make.admin.token).get(f"/channels/{channel.id}/posts")).ok()["posts"]
        assert "in another life" not in {post["message"] for post in posts.values()}
