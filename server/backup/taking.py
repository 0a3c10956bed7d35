"""Taking a backup while the service runs."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import asyncpg
import msgspec
import structlog

from server import __version__
from server.backup import archive, tables
from server.backup.archive import BackupError, FilesPart, Manifest, StoredSettings
from server.backup.contents import is_named, named_places
from server.backup.part import new_file
from server.backup.tar import Writer
from server.config import Config, Overrides, merge
from server.config.operation import FileSection
from server.db import SQL, Tx
from server.db.migrate import LOCK, schema_files, schema_folder, schema_of
from server.db.pool import Backend, DbStats, prepare_connection
from server.errors import Busy
from server.features.secrets.service import require_key
from server.features.system.queries import ACTIVE_SETTINGS, opened_settings
from server.ids import now_ms
from server.sealing import Seals
from server.storage.blobs import Blob, Blobs

AHEAD = 8
"""So many files are asked for before it is their turn, since a bucket takes its time."""
TRIES = 4
AGAIN_SECONDS = 0.5
PATIENCE_MS = 3_600_000
"""How long the store may take for one file."""

SHARE_LOCK = SQL("SELECT pg_advisory_lock_shared($1)")

FACTS = SQL("""
    SELECT coalesce((SELECT value FROM systems WHERE name = 'DiagnosticId'), ''), current_setting('server_version')
""")

log = structlog.get_logger()


async def take_backup(overrides: Overrides, path: Path) -> Manifest:
    """Write everything that the service holds to a new file at `path`; what that is.

    Raises BackupError, Busy when the store of files can't be read, and what asyncpg raises; then there is no file.
    """
    given = overrides.apply(Config())
    dsn, seals = given.SqlSettings.DataSource, Seals(given.SqlSettings.AtRestEncryptKey)
    with new_file(path) as file, contextlib.ExitStack() as stack:
        made_at = now_ms()
        backup = _Backup(file, made_at, *(stack.enter_context(_spool(path)) for _ in range(2)))
        connection = await _connect(dsn)
        try:
            schema = await _hold_schema(connection)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await tables.settle(connection)
                db = Tx(connection, DbStats(), seals)
                await require_key(db)
                installation, postgresql = await connection.fetchrow(FACTS.text)
                parts = [await backup.table(connection, table) for table in await tables.tables_in(connection)]
                stored = await db.one(_stored, ACTIVE_SETTINGS) or StoredSettings()
                backup.whole(archive.CONFIGURATION, archive.encoded(stored))
                await backup.note_places(connection)
        finally:
            await connection.close(timeout=5)
        config = overrides.apply(merge(Config(), opened_settings(seals, stored.id, stored.value)))
        files = await backup.files(_patient(config.FileSettings), dsn)
        return backup.finish(
            Manifest(
                format=archive.FORMAT,
                program=__version__,
                made_at=made_at,
                installation=installation,
                schema=schema,
                postgresql=postgresql,
                tables=[part for part in parts if part is not None],
                left_out=tables.LEFT_OUT,
                settings_from_environment=sorted(overrides.values),
                files=files,
                sums="",
            )
        )


async def _connect(dsn: str) -> Any:
    """A connection whose statements may take as long as they need."""
    connection = await asyncpg.connect(
        dsn, timeout=30, connection_class=Backend, server_settings={"application_name": "hubbub backup"}
    )
    await prepare_connection(connection)
    return connection


def _stored(id: str, value: dict[str, Any]) -> StoredSettings:
    return StoredSettings(id=id, value=value)


async def _hold_schema(connection: Any) -> int:
    """The schema, which stays as it is as long as the connection is there: a node of a newer version waits."""
    await connection.execute(SHARE_LOCK.text.replace("$1", str(LOCK)))
    schema, known = await schema_of(connection), len(schema_files(schema_folder()))
    if schema != known:
        how = "run `hubbub migrate` first" if schema < known else "use the version of Hubbub that serves it"
        raise BackupError(f"the database has schema {schema}, this version knows {known}: {how}")
    return schema


@contextlib.contextmanager
def _spool(path: Path) -> Iterator[IO[bytes]]:
    """A file without a name, where the archive will be: lists of millions of files are not kept in memory."""
    with tempfile.TemporaryFile(dir=path.parent) as file:
        yield file


def _patient(settings: FileSection) -> Blobs:
    patient = msgspec.structs.replace(settings, AmazonS3RequestTimeoutMilliseconds=PATIENCE_MS)
    return Blobs(lambda: patient)


class _Backup:
    """An archive that is being written; `sums` and `places` are empty files for what must wait."""

    def __init__(self, file: BinaryIO, made_at: int, sums: IO[bytes], places: IO[bytes]) -> None:
        self._tar = Writer(file, made_at // 1000)
        self._sums = sums
        self._places = places
        self._found = FilesPart()
        self._asking: Any = None
        """A connection that says what the database names now."""
        self.whole(archive.VERSION, archive.VERSION_TEXT)

    def whole(self, name: str, content: bytes) -> None:
        """A member that is at hand."""
        self._tar.begin(name)
        self._tar.write(content)
        self._end(name)

    async def table(self, connection: Any, table: tables.Table) -> archive.TablePart | None:
        """All rows of a table; None when it is not for a backup."""
        if table.name in tables.LEFT_OUT:
            return None
        member = archive.table_member(table.name)
        self._tar.begin(member)
        part = await tables.read_table(connection, table, self._tar.write)
        self._end(member)
        return part

    async def note_places(self, connection: Any) -> None:
        """Note where all files lie. They are copied later: a transaction must not be open for that long."""
        async for place in named_places(connection):
            self._places.write(f"{place}\n".encode("ascii"))
        self._places.seek(0)

    async def files(self, blobs: Blobs, dsn: str) -> FilesPart:
        """Copy the files that were noted."""
        ahead: deque[tuple[str, asyncio.Task[Blob | None]]] = deque()
        try:
            for line in self._places:
                place = line.decode("ascii").rstrip("\n")
                ahead.append((place, asyncio.create_task(blobs.open(place))))
                if len(ahead) > AHEAD:
                    await self._file(blobs, dsn, *ahead.popleft())
            while ahead:
                await self._file(blobs, dsn, *ahead.popleft())
        finally:
            if self._asking is not None:
                await self._asking.close(timeout=5)
            for _, opening in ahead:
                opening.cancel()
            await asyncio.gather(*(opening for _, opening in ahead), return_exceptions=True)
        return self._found

    async def _file(self, blobs: Blobs, dsn: str, place: str, opening: asyncio.Task[Blob | None]) -> None:
        """Copy a file. One that is not there is asked for again if the database still names it: it may be a new one."""
        for tries_left in reversed(range(TRIES)):
            try:
                blob = await (opening if tries_left == TRIES - 1 else blobs.open(place))
                if blob is not None:
                    await self._copy(place, blob)
                    return
            except Busy:
                if not tries_left:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if not await self._is_named(dsn, place):
                self._found.deleted_count += 1
                if len(self._found.deleted) < archive.MOST_NAMED:
                    self._found.deleted.append(place)
                return
        self._found.missing_count += 1
        if len(self._found.missing) < archive.MOST_NAMED:
            self._found.missing.append(place)

    async def _is_named(self, dsn: str, place: str) -> bool:
        if self._asking is None or self._asking.is_closed():
            self._asking = await _connect(dsn)
        return await is_named(self._asking, place)

    async def _copy(self, place: str, blob: Blob) -> None:
        member = f"{archive.STORE}{place}"
        self._tar.begin(member)
        copied = 0
        try:
            async for chunk in blob.chunks:
                self._tar.write(chunk)
                copied += len(chunk)
            if copied != blob.size:  # a picture that was replaced in this moment
                raise Busy("api.file.file_backend.app_error", f"{place} changed while it was read.")
        except Busy:
            self._tar.forget()
            raise
        self._end(member)
        self._found.count += 1
        self._found.bytes += copied

    def finish(self, manifest: Manifest) -> Manifest:
        """Write what the archive holds, and end it; `sums` of the manifest is filled in."""
        digest = hashlib.sha256()
        self._sums.seek(0)
        self._tar.begin(archive.SUMS)
        while chunk := self._sums.read(1 << 20):
            digest.update(chunk)
            self._tar.write(chunk)
        self._tar.end()
        manifest = msgspec.structs.replace(manifest, sums=digest.hexdigest())
        content = archive.encoded(manifest)
        self._tar.begin(archive.MANIFEST)
        self._tar.write(content)
        self._tar.end()
        self._tar.begin(archive.MANIFEST_SUM)
        self._tar.write(archive.line_of(archive.sha256_of(content), archive.MANIFEST))
        self._tar.end()
        self._tar.finish()
        return manifest

    def _end(self, name: str) -> None:
        _, sha256 = self._tar.end()
        self._sums.write(archive.line_of(sha256, name))
