"""Taking a backup: the archive is there as a whole or not at all, it says what it lacks, and it overwrites nothing."""

import asyncio
import fcntl
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.backup import tables
from server.backup.archive import BackupError
from server.backup.checking import check
from server.backup.taking import take_backup
from server.config import Overrides, read_environment
from server.config.environment import variable_of
from server.db.migrate import LOCK
from server.features.files.places import original
from server.storage.blobs import Blob, Blobs
from tests.backup.commands import Place, hubbub, killed, stored_in
from tests.backup.small import backed_up, furnish
from tests.engines import Databases
from tests.storage.test_blobs import Bucket, serving


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where the archive will be; nothing else is in that folder."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "service.hubbub"


def read(path: Path) -> bytes:
    """What is in a file."""
    return path.read_bytes()


def put(path: Path, content: bytes) -> None:
    """Write a file."""
    path.write_bytes(content)


def left_in(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(each.name for each in folder.iterdir())


async def test_only_its_owner_may_read_it(source: Place, archive: Path) -> None:
    await furnish(source)
    before = os.umask(0)
    try:
        await backed_up(source, archive)
    finally:
        os.umask(before)

    assert stat.S_IMODE(os.stat(archive).st_mode) == 0o600  # noqa: PTH116
    assert left_in(archive.parent) == [archive.name]


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
async def test_nothing_is_overwritten(source: Place, archive: Path, kind: str) -> None:
    if kind == "file":
        put(archive, b"mine")
    elif kind == "link":
        os.symlink("x", archive)  # noqa: PTH211
    else:
        os.mkdir(archive)  # noqa: PTH102
    before = os.lstat(archive)

    with pytest.raises(BackupError, match="overwrites nothing"):
        await backed_up(source, archive)

    assert left_in(archive.parent) == [archive.name]
    assert os.lstat(archive) == before


async def test_what_came_there_meanwhile_is_not_overwritten(
    source: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    opened = Blobs.open

    async def late(blobs: Blobs, path: str) -> Blob | None:
        put(archive, b"mine")
        return await opened(blobs, path)

    monkeypatch.setattr(Blobs, "open", late)
    with pytest.raises(BackupError, match="overwrites nothing"):
        await backed_up(source, archive)

    assert read(archive) == b"mine"
    assert left_in(archive.parent) == [archive.name]


async def test_two_don_t_write_one_archive(source: Place, archive: Path) -> None:
    part = archive.with_name(archive.name + ".part")
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="another backup is writing"):
            await backed_up(source, archive)
        assert left_in(archive.parent) == [part.name]

    await backed_up(source, archive)  # nobody holds it any more
    assert left_in(archive.parent) == [archive.name]


async def test_a_part_that_is_the_same_file_as_an_older_archive_does_not_spoil_it(source: Place, archive: Path) -> None:
    await backed_up(source, archive)
    content = read(archive)
    moved = archive.with_name("older")
    os.rename(archive, moved)  # noqa: PTH104
    os.link(moved, f"{archive}.part")  # killed right after it got its name

    await backed_up(source, archive)

    assert read(moved) == content
    assert left_in(archive.parent) == sorted(["older", archive.name])


async def test_a_killed_one_leaves_no_archive_and_is_no_hindrance(source: Place, archive: Path) -> None:
    await furnish(source, files=1500)
    part = archive.with_name(archive.name + ".part")

    def under_way() -> bool:
        return part.exists() and part.stat().st_size > 200_000

    ended = await killed("backup", archive, place=source, when=under_way, by=signal.SIGTERM)
    assert (ended.code, ended.said) == (1, "hubbub: stopped by a signal")
    assert left_in(archive.parent) == []

    ended = await killed("backup", archive, place=source, when=under_way)
    assert (ended.code, left_in(archive.parent)) == (-signal.SIGKILL, [part.name])

    assert (await hubbub("backup", archive, environ=source.environ)).code == 0
    assert left_in(archive.parent) == [archive.name]


async def test_a_full_disk_leaves_nothing(source: Place, archive: Path) -> None:
    await furnish(source, files=300)
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'ulimit -f 128; exec "$0" -m server backup "$1"', sys.executable, archive),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **source.environ},
    )
    _, said = await process.communicate()

    expected = f"hubbub: can't write {archive}.part: File too large"
    assert (process.returncode, said.decode().strip()) == (1, expected)
    assert left_in(archive.parent) == []


async def test_missing_files_are_named_and_the_rest_is_saved(source: Place, archive: Path) -> None:
    first, second, _ = await furnish(source)
    (source.files / original(second)).unlink()

    ended = await hubbub("backup", archive, environ=source.environ)

    assert ended.code == 4
    assert f"1 files that the database names are not in the store: {original(second)}" in ended.said
    with archive.open("rb") as file:
        files = check(file).manifest.files
    assert (files.count, files.missing_count, files.missing, files.deleted_count) == (3, 1, [original(second)], 0)
    assert original(first) in stored_in(archive)
    assert original(second) not in stored_in(archive)


async def test_a_file_that_was_deleted_meanwhile_is_no_fault(
    source: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, gone, _ = await furnish(source)
    opened = Blobs.open

    async def deleted(blobs: Blobs, path: str) -> Blob | None:
        if path == original(gone):
            connection = await asyncpg.connect(source.dsn)
            await connection.execute("DELETE FROM files WHERE id = $1", gone)
            await connection.close()
            await blobs.delete(path)
        return await opened(blobs, path)

    monkeypatch.setattr(Blobs, "open", deleted)
    manifest = await backed_up(source, archive)

    assert (manifest.files.count, manifest.files.deleted, manifest.files.missing) == (3, [original(gone)], [])
    assert next(part.rows for part in manifest.tables if part.name == "files") == 3
    with archive.open("rb") as file:
        assert check(file).manifest == manifest


async def test_a_file_that_changes_while_it_is_read_is_read_again(
    source: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(source)
    opened = Blobs.open
    asked = []

    async def changing(blobs: Blobs, path: str) -> Blob | None:
        blob = await opened(blobs, path)
        asked.append(path)
        if blob is not None and path.endswith("profile.png") and asked.count(path) < 3:
            return Blob(blob.size + 1, 0, blob.size + 1, blob.chunks)
        return blob

    monkeypatch.setattr(Blobs, "open", changing)
    manifest = await backed_up(source, archive)

    assert manifest.files.count == 4
    assert sorted(asked)[-3:] == [asked[-1]] * 3
    with archive.open("rb") as file:
        check(file)


async def test_the_schema_stays_as_it_is_while_tables_are_read(
    source: Place, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of a newer version waits; without that, its change of a table would wait, and all others behind it."""
    await furnish(source)
    read_table = tables.read_table
    free: list[bool] = []

    async def looked_at(connection: Any, *rest: Any) -> Any:
        other = await asyncpg.connect(source.dsn)
        free.append(await other.fetchval(f"SELECT pg_try_advisory_lock({LOCK})"))
        await other.close()
        return await read_table(connection, *rest)

    monkeypatch.setattr(tables, "read_table", looked_at)
    await backed_up(source, archive)

    assert (len(free) > 40, any(free)) == (True, False)


async def test_a_service_of_another_version_is_not_backed_up(source: Place, archive: Path) -> None:
    connection = await asyncpg.connect(source.dsn)
    newest = await connection.fetchval("SELECT max(number) FROM schema_migrations")
    for change, how in (
        ("UPDATE schema_migrations SET number = number + 1 WHERE number = $1", "use the version of Hubbub"),
        ("DELETE FROM schema_migrations WHERE number >= $1", "run `hubbub migrate` first"),
    ):
        await connection.execute(change, newest)
        with pytest.raises(BackupError, match=how):
            await backed_up(source, archive)
    await connection.close()
    assert left_in(archive.parent) == []


async def test_a_service_with_another_key_is_not_backed_up(source: Place, archive: Path) -> None:
    connection = await asyncpg.connect(source.dsn)
    await connection.execute("INSERT INTO systems VALUES ('AtRestKeyCheck', 'sealed:r:0123456789:AAAA')")
    await connection.close()

    ended = await hubbub("backup", archive, environ=source.environ)

    assert ended.code == 1
    assert "AtRestEncryptKey".upper() in ended.said
    assert left_in(archive.parent) == []


async def test_what_is_wrong_is_one_line(source: Place, archive: Path, tmp_path: Path) -> None:
    dsn = variable_of("SqlSettings.DataSource")
    for environ, line in (
        ({dsn: ""}, f"hubbub: {dsn} is not set"),
        (source.environ | {dsn: "postgres://x@127.0.0.1:1/x"}, "hubbub: the database does not help: "),
    ):
        ended = await hubbub("backup", archive, environ=environ)
        assert ended.code == 1
        assert ended.said.splitlines()[-1].startswith(line)
    with pytest.raises(BackupError, match="can't write"):
        await backed_up(source, tmp_path / "no" / "folder")
    assert left_in(archive.parent) == []


def in_bucket(place: Place, port: int) -> Overrides:
    """The settings of a service that keeps its files in a bucket."""
    settings = {
        "DriverName": "amazons3",
        "AmazonS3Bucket": "files",
        "AmazonS3Endpoint": f"127.0.0.1:{port}",
        "AmazonS3SSL": "false",
        "AmazonS3AccessKeyId": "key",
        "AmazonS3SecretAccessKey": "secret",
    }
    return read_environment(
        place.environ | {variable_of(f"FileSettings.{key}"): value for key, value in settings.items()}
    )


async def test_files_in_a_bucket_are_saved_too(source: Place, archive: Path) -> None:
    await furnish(source)
    bucket = Bucket()
    bucket.objects = {
        f"files/{path.relative_to(source.files)}": path.read_bytes()
        for path in source.files.rglob("*.*")
        if path.is_file()
    } | {f"files/{path.relative_to(source.files)}": path.read_bytes() for path in source.files.rglob("original")}
    async with serving(bucket) as port:
        manifest = await take_backup(in_bucket(source, port), archive)

    assert manifest.files.count == len(bucket.objects) == 4
    with archive.open("rb") as file:
        check(file)


async def test_the_schema_has_nothing_that_a_backup_would_miss(databases: Databases) -> None:
    """Sequences, large objects, policies and partitions need more than copying rows: teach the backup first."""
    dsn = databases.fresh()
    connection = await asyncpg.connect(dsn)
    kinds = await connection.fetch(
        "SELECT DISTINCT relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    policies = await connection.fetchval("SELECT count(*) FROM pg_policy")
    large = await connection.fetchval("SELECT count(*) FROM pg_largeobject_metadata")
    await connection.close()
    databases.drop(dsn)

    assert {kind for (kind,) in kinds} == {"r", "i", "v"}
    assert (policies, large) == (0, 0)
