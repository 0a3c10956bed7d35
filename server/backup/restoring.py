"""Writing a backup back: into an empty database and an empty store of files, or over what is there if that is wanted.

In this order: the archive is read through; nobody may be using database and Redis, and both stores must be empty; the
tables are filled in one transaction; the files are stored; Redis forgets its clients; the transaction is committed.
Whatever goes wrong, the database is as it was, and of the files are gone those that were not there before.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import asyncpg
import msgspec
import structlog

from server.backup import quiet, tables
from server.backup.archive import BackupError, DamagedArchive, Manifest, StoredSettings
from server.backup.checking import Contents, check, files_in, places_in
from server.backup.tar import Reader
from server.bus.redis import Address, RedisConnection
from server.config import Config, Overrides, merge
from server.config.environment import variable_of
from server.config.operation import FileSection
from server.db import Tx
from server.db.migrate import run_file, schema_files, schema_folder
from server.db.pool import Backend, DbStats
from server.errors import Busy
from server.features.secrets.service import KEY, require_key
from server.features.system.queries import opened_settings
from server.sealing import Seals, Unreadable
from server.storage.blobs import Blobs

SMALL = 1 << 20
"""Bytes of a file that may wait in memory to be stored together with others."""
TOGETHER = 16
PATIENCE_MS = 3_600_000
ALIVE_SECONDS = 20.0
"""How long a connection may be silent while files are stored."""

log = structlog.get_logger()


def check_backup(path: Path) -> Manifest:
    """What an archive holds, if every byte of it is right and this version can restore it; raises BackupError."""
    with _opened(path) as file:
        return _readable(file).manifest


async def restore_backup(overrides: Overrides, path: Path, *, replace: bool = False) -> Manifest:
    """Write the service of an archive to the database, the store of files and the Redis of the settings.

    `replace` writes over a service that is there. Raises BackupError, Busy when files can't be stored, RedisError, and
    what asyncpg raises; then nothing has changed but, with `replace`, perhaps pictures of people, teams and bots.
    """
    with _opened(path) as file:
        contents = _readable(file)
        config = overrides.apply(Config())
        seals = Seals(config.SqlSettings.AtRestEncryptKey)
        settings = overrides.apply(_stored_settings(contents.settings, seals)).FileSettings
        address = Address.parse(config.CacheSettings.RedisAddress)
        redis = await RedisConnection.open(address)
        connection = await asyncpg.connect(
            config.SqlSettings.DataSource,
            timeout=30,
            connection_class=Backend,
            server_settings={"application_name": "hubbub restore"},
        )
        try:
            await _Restore(file, contents, connection, redis, address, seals, _patient(settings)).run(replace)
        finally:
            redis.close()
            await connection.close(timeout=5)
        return contents.manifest


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"can't read {path}: {error.strerror}") from error
    with file:
        yield file


def _readable(file: BinaryIO) -> Contents:
    contents = check(file)
    known = len(schema_files(schema_folder()))
    if not 0 < contents.manifest.schema <= known:
        raise BackupError(
            f"the backup has schema {contents.manifest.schema} (Hubbub {contents.manifest.program}), this version knows"
            f" {known}: restore it with a newer one"
        )
    return contents


def _stored_settings(stored: StoredSettings, seals: Seals) -> Config:
    try:
        return merge(Config(), opened_settings(seals, stored.id, stored.value))
    except Unreadable as error:
        raise BackupError(
            f"the secrets of the backup were sealed with a key that {variable_of(KEY)} does not hold"
        ) from error


def _patient(settings: FileSection) -> Blobs:
    patient = msgspec.structs.replace(settings, AmazonS3RequestTimeoutMilliseconds=PATIENCE_MS)
    return Blobs(lambda: patient)


async def _all_ended(tasks: Iterable[asyncio.Future[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _unknown() -> BackupError:
    return BackupError(
        "no answer came to the very last step: if the database holds the service now, all is well,"
        " otherwise restore again with --replace"
    )


class _Restore:
    """One restore, of an archive that was checked."""

    def __init__(
        self,
        file: BinaryIO,
        contents: Contents,
        connection: Any,
        redis: RedisConnection,
        address: Address,
        seals: Seals,
        blobs: Blobs,
    ) -> None:
        self._file = file
        self._contents = contents
        self._connection = connection
        self._redis = redis
        self._address = address
        self._seals = seals
        self._blobs = blobs
        self._before: set[str] = set()
        """The files that were there before."""
        self._storing = False
        self._spoken = time.monotonic()

    async def run(self, replace: bool) -> None:
        """All of it."""
        await quiet.hold_schema(self._connection)
        await self._require_no_nodes()
        there = await quiet.require_ours(self._connection)
        if not replace:
            await quiet.require_empty(self._connection, there)
        async for path in self._blobs.paths():
            if not replace:
                raise BackupError(f"the store of files is not empty, there is {path}; --replace would write over it")
            self._before.add(path)
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            await self._fill_database()
            await self._store_files()
            await self._require_no_nodes()
            await quiet.forget_clients(self._redis, self._address)
        except BaseException:
            await self._take_back(transaction)
            raise
        await self._commit(transaction)
        # All is there by now, whatever happens to what is left to do.
        with contextlib.suppress(asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Busy):
            await self._remove_others()
            await self._connection.execute("ANALYZE")

    async def _require_no_nodes(self) -> None:
        await quiet.require_no_nodes(self._connection, self._redis, self._address)

    async def _fill_database(self) -> None:
        """Make the tables of the backup's schema, fill them, and bring them to the newest schema."""
        connection, manifest = self._connection, self._contents.manifest
        files = schema_files(schema_folder())
        await tables.settle(connection)
        await tables.clear(connection)
        for number, path in files[: manifest.schema]:
            await run_file(connection, number, path)
        made = [table for table in await tables.tables_in(connection) if table.name not in manifest.left_out]
        if {table.name: table.columns for table in made} != {part.name: part.columns for part in manifest.tables}:
            raise BackupError(
                f"tables or columns of the backup are not those of schema {manifest.schema} as this version knows it"
            )
        await tables.empty(connection, made)
        ties = await tables.without_ties(connection)
        reader = Reader(self._file)
        for part in manifest.tables:
            rows = await tables.write_table(connection, part, reader.content(self._contents.tables[part.name]))
            if rows != part.rows:
                raise DamagedArchive(f"{rows} rows of {part.name} were written, and the manifest says {part.rows}")
        await require_key(Tx(connection, DbStats(), self._seals))
        for statement in ties:
            await connection.execute(statement)
        for number, path in files[manifest.schema :]:
            await run_file(connection, number, path)

    async def _store_files(self) -> None:
        """Store the files, small ones several at a time; they are on the disk when this returns."""
        self._storing = True
        small: list[tuple[str, bytes]] = []
        for place, member, content in files_in(self._file, self._contents.manifest.sums):
            if member.size <= SMALL:
                small.append((place, b"".join(content())))
                if len(small) >= TOGETHER:
                    await self._store(small)
                    small = []
            else:
                await self._blobs.write(place, self._streamed(content()))
        await self._store(small)
        await asyncio.to_thread(os.sync)

    async def _store(self, files: list[tuple[str, bytes]]) -> None:
        # All have ended before the first failure is told: nothing is stored after what was stored is taken back.
        writes = [asyncio.ensure_future(self._blobs.write(place, content)) for place, content in files]
        try:
            await asyncio.shield(_all_ended(writes))
        except asyncio.CancelledError:
            await _all_ended(writes)
            raise
        for write in writes:
            write.result()
        await self._say_something()

    async def _streamed(self, content: Iterator[bytes]) -> AsyncIterator[bytes]:
        for chunk in content:
            await self._say_something()
            yield chunk

    async def _say_something(self) -> None:
        """Firewalls forget connections that are silent."""
        if time.monotonic() - self._spoken > ALIVE_SECONDS:
            await self._connection.execute("SELECT 1")
            self._spoken = time.monotonic()

    async def _commit(self, transaction: Any) -> None:
        """Commit. When no answer comes nobody knows whether it is done, and the files must stay."""
        try:
            await transaction.commit()
        except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as error:
            raise _unknown() from error
        except asyncpg.PostgresError:
            await self._remove_stored()
            raise
        except (asyncio.CancelledError, asyncpg.InterfaceError, OSError) as error:
            raise _unknown() from error

    async def _take_back(self, transaction: Any) -> None:
        """After a failure: leave database and files as they were."""
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await transaction.rollback()
        await self._remove_stored()

    async def _remove_stored(self) -> None:
        """Take out of the store what was not there before."""
        for place in places_in(self._file) if self._storing else ():
            if place not in self._before:
                with contextlib.suppress(Busy):  # the others may go well
                    await self._blobs.delete(place)

    async def _remove_others(self) -> None:
        """Take out of the store what is not of the backup."""
        if self._before:
            for place in self._before.difference(places_in(self._file)):
                await self._blobs.delete(place)
