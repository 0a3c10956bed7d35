"""A small service without any node: a few rows and files, and what an archive of it is made of."""

import gzip
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import msgspec

from server.backup import archive
from server.backup.archive import Manifest, TablePart
from server.backup.taking import take_backup
from server.backup.tar import Reader, Writer
from server.config import read_environment
from server.features.files.places import original
from server.ids import id_at, now_ms
from tests.backup.commands import Place

Members = list[tuple[str, bytes]]

USERS = """
    INSERT INTO users (id, create_at, update_at, username, email, roles, last_picture_update)
    SELECT id, 1, 1, 'user' || number, 'user' || number || '@example.org', 'system_user', (number = 1)::int
      FROM unnest($1::text[]) WITH ORDINALITY AS made (id, number)
"""

FILES = """
    INSERT INTO files (id, user_id, channel_id, create_at, update_at, name, size, mime_type)
    SELECT id, $2, '', 1, 1, 'a.txt', 7, 'text/plain' FROM unnest($1::text[]) AS made (id)
"""

SETTINGS = """
    INSERT INTO configurations (id, create_at, value, active)
    VALUES ($1, 1, '{"TeamSettings": {"SiteName": "Attic"}}', true)
"""


async def furnish(place: Place, *, files: int = 3) -> list[str]:
    """Put a few users with sessions, a picture, files and settings where a service is; the ids of the files."""
    user_ids = [id_at(now_ms()) for _ in range(3)]
    file_ids = sorted((id_at(now_ms()) for _ in range(files)), key=lambda made: (made[-2:], made))
    connection = await asyncpg.connect(place.dsn)
    await connection.execute(USERS, user_ids)
    await connection.execute(FILES, file_ids, user_ids[0])
    await connection.execute("INSERT INTO credentials (user_id, password) SELECT id, E'a\\\\b\\tc' FROM users")
    await connection.execute(SETTINGS, id_at(now_ms()))
    await connection.close()
    store(place, f"users/{user_ids[0]}/profile.png", b"\x89PNG")
    for number, file_id in enumerate(file_ids):
        store(place, original(file_id), b"file %02d" % number)
    return file_ids


def store(place: Place, path: str, content: bytes) -> Path:
    """Put a file into the store."""
    file = place.files / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


async def backed_up(place: Place, path: Path) -> Manifest:
    """A backup, made in this process."""
    return await take_backup(read_environment(place.environ), path)


def members_of(content: bytes) -> Members:
    """Names and contents of all members."""
    reader = Reader(io.BytesIO(content))
    return [(member.name, b"".join(reader.content(member))) for member in reader.members()]


def written(members: Sequence[tuple[str, bytes]], mtime: int) -> bytes:
    """An archive of these members."""
    file = io.BytesIO()
    tar = Writer(file, mtime)
    for name, content in members:
        tar.begin(name)
        tar.write(content)
        tar.end()
    tar.finish()
    return file.getvalue()


def sealed(members: Members, change: Callable[[Manifest], Manifest] = lambda manifest: manifest) -> bytes:
    """An archive of these members whose checksums are right: no more than the rules can tell that it was changed."""
    parts = dict(members)
    tail = (archive.SUMS, archive.MANIFEST, archive.MANIFEST_SUM)
    body = [(name, content) for name, content in members if name not in tail]
    sums = b"".join(archive.line_of(hashlib.sha256(content).hexdigest(), name) for name, content in body)
    manifest = change(archive.decoded(parts[archive.MANIFEST]))
    manifest = msgspec.structs.replace(manifest, sums=archive.sha256_of(sums))
    text = archive.encoded(manifest)
    ends = zip(tail, (sums, text, archive.line_of(archive.sha256_of(text), archive.MANIFEST)), strict=True)
    return written([*body, *ends], manifest.made_at // 1000)


def with_table(members: Members, table: str, rows: bytes) -> bytes:
    """An archive whose checksums are right, with other rows of a table."""

    def change(manifest: Manifest) -> Manifest:
        return msgspec.structs.replace(manifest, tables=[_with_rows(part, table, rows) for part in manifest.tables])

    name = archive.table_member(table)
    return sealed([(each, gzip.compress(rows) if each == name else content) for each, content in members], change)


def _with_rows(part: TablePart, table: str, rows: bytes) -> TablePart:
    if part.name != table:
        return part
    sha256 = archive.sha256_of(rows)
    return msgspec.structs.replace(part, rows=rows.count(b"\n"), bytes=len(rows), sha256=sha256)
