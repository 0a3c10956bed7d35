"""Reading an archive through: every byte of it must be as it was written. Nothing else is touched."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from msgspec import Struct

from server.backup import archive
from server.backup.archive import BackupError, DamagedArchive, Manifest, StoredSettings
from server.backup.tables import unpacked
from server.backup.tar import Damaged, Member, Reader
from server.storage.blobs import is_path

MOST_TABLES = 10_000

FOLLOWS = {
    archive.TABLES: (archive.VERSION, archive.TABLES),
    archive.CONFIGURATION: (archive.TABLES,),
    archive.STORE: (archive.CONFIGURATION, archive.STORE),
    archive.SUMS: (archive.CONFIGURATION, archive.STORE),
    archive.MANIFEST: (archive.SUMS,),
    archive.MANIFEST_SUM: (archive.MANIFEST,),
}
"""What each part of an archive comes after."""


class Contents(Struct, frozen=True):
    """What an archive holds; `tables` are the members of each table."""

    manifest: Manifest
    settings: StoredSettings
    tables: dict[str, Member]


class Measured(Struct):
    """What a table was found to hold, unpacked."""

    member: Member
    rows: int
    bytes: int
    sha256: str


def check(file: BinaryIO) -> Contents:
    """What an archive holds; raises DamagedArchive for one that is not just as a backup has written it."""
    try:
        return _Check(Reader(file)).run()
    except Damaged as error:
        raise DamagedArchive(f"the archive is damaged, {error}") from error


def files_in(file: BinaryIO, sums: str) -> Iterator[tuple[str, Member, Callable[[], Iterator[bytes]]]]:
    """The files of an archive that was checked: place, member, and what gives the content, to be read before the next.

    Raises DamagedArchive at the end when anything in the archive has changed since, by the checksum of its checksums.
    """
    reader = Reader(file)
    found = hashlib.sha256()
    try:
        for member in reader.members():
            if member.name == archive.SUMS:
                break
            digest = hashlib.sha256()

            def content(member: Member = member, digest: Any = digest) -> Iterator[bytes]:
                for chunk in reader.content(member):
                    digest.update(chunk)
                    yield chunk

            if member.name.startswith(archive.STORE):
                yield member.name.removeprefix(archive.STORE), member, content
            else:
                for _ in content():
                    pass
            found.update(archive.line_of(digest.hexdigest(), member.name))
    except Damaged as error:
        raise DamagedArchive(f"the archive is damaged, {error}") from error
    if found.hexdigest() != sums:
        raise DamagedArchive("the archive has changed since it was checked")


def places_in(file: BinaryIO) -> Iterator[str]:
    """Where the files of an archive lie."""
    for member in Reader(file).members():
        if member.name.startswith(archive.STORE):
            yield member.name.removeprefix(archive.STORE)


class _Check:
    """One way through an archive."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lines = hashlib.sha256()
        self._tables: dict[str, Measured] = {}
        self._settings = StoredSettings()
        self._files = 0
        self._file_bytes = 0
        self._last_place = ""
        self._sums = ""
        self._manifest: Manifest | None = None
        self._manifest_sum = b""
        self._mtime = -1

    def run(self) -> Contents:
        """All members one after the other, then what the manifest says of them."""
        members = self._reader.members()
        self._version(next(members, None))
        kind = archive.VERSION
        for member in members:
            if member.mtime != self._mtime:
                raise Damaged(f"{member.name} is of another time")
            kind, read = self._reading(member, kind)
            read(member)
        if self._manifest is None or kind != archive.MANIFEST_SUM:
            raise Damaged("there is no manifest")
        self._compare(self._manifest)
        return Contents(self._manifest, self._settings, {name: table.member for name, table in self._tables.items()})

    def _version(self, member: Member | None) -> None:
        if member is None or member.name != archive.VERSION or member.size > 100:
            raise Damaged("it does not begin as a backup of Hubbub does")
        content = self._small(member)
        if (found := archive.format_of(content)) != archive.FORMAT:
            if found is None:
                raise Damaged(f"{archive.VERSION} makes no sense")
            raise BackupError(f"the archive has format {found}, and this version of Hubbub reads {archive.FORMAT}")
        self._mtime = member.mtime

    def _reading(self, member: Member, before: str) -> tuple[str, Callable[[Member], None]]:
        """What a member is and how it is read, if that may follow what was before."""
        single = {
            archive.CONFIGURATION: self._configuration,
            archive.SUMS: self._read_sums,
            archive.MANIFEST: self._read_manifest,
            archive.MANIFEST_SUM: self._read_manifest_sum,
        }
        if archive.table_of(member.name) is not None:
            kind, read = archive.TABLES, self._table
        elif member.name.startswith(archive.STORE):
            kind, read = archive.STORE, self._file
        elif member.name in single:
            kind, read = member.name, single[member.name]
        else:
            raise Damaged(f"{member.name!r} is nothing that a backup has")
        if before not in FOLLOWS[kind]:
            raise Damaged(f"{member.name} is not at its place, or there is something missing before it")
        return kind, read

    def _table(self, member: Member) -> None:
        name = archive.table_of(member.name) or ""
        if name in self._tables or len(self._tables) >= MOST_TABLES:
            raise Damaged(f"{member.name} is there twice")
        rows, size, digest, packed = 0, 0, hashlib.sha256(), hashlib.sha256()
        for chunk in unpacked(self._counted(member, packed)):
            rows += chunk.count(b"\n")
            size += len(chunk)
            digest.update(chunk)
        self._lines.update(archive.line_of(packed.hexdigest(), member.name))
        self._tables[name] = Measured(member, rows, size, digest.hexdigest())

    def _configuration(self, member: Member) -> None:
        content = self._small(member)
        self._settings = archive.settings_of(content)

    def _file(self, member: Member) -> None:
        place = member.name.removeprefix(archive.STORE)
        if not is_path(place) or place <= self._last_place:
            raise Damaged(f"{member.name!r} is there twice, or not a name that a file has")
        self._last_place = place
        digest = hashlib.sha256()
        for _ in self._counted(member, digest):
            pass
        self._lines.update(archive.line_of(digest.hexdigest(), member.name))
        self._files += 1
        self._file_bytes += member.size

    def _read_sums(self, member: Member) -> None:
        digest = hashlib.sha256()
        for _ in self._counted(member, digest):
            pass
        self._sums = digest.hexdigest()
        if self._sums != self._lines.hexdigest():
            raise Damaged(f"checksums differ from those in {archive.SUMS}")

    def _read_manifest(self, member: Member) -> None:
        content = self._small(member, noted=False)
        self._manifest_sum = archive.line_of(archive.sha256_of(content), archive.MANIFEST)
        self._manifest = archive.decoded(content)

    def _read_manifest_sum(self, member: Member) -> None:
        if self._small(member, noted=False) != self._manifest_sum:
            raise Damaged(f"{archive.MANIFEST} is not as it was written")

    def _compare(self, manifest: Manifest) -> None:
        if manifest.format != archive.FORMAT or manifest.made_at // 1000 != self._mtime:
            raise Damaged(f"{archive.MANIFEST} is of another archive")
        if manifest.sums != self._sums:
            raise Damaged(f"{archive.SUMS} is not as it was written")
        if [part.name for part in manifest.tables] != list(self._tables):
            raise Damaged("there are other tables than the manifest names")
        for part in manifest.tables:
            found = self._tables[part.name]
            if (part.rows, part.bytes, part.sha256) != (found.rows, found.bytes, found.sha256):
                raise Damaged(f"the rows of {part.name} are not those that the manifest says")
        if (manifest.files.count, manifest.files.bytes) != (self._files, self._file_bytes):
            raise Damaged("there are not as many files as the manifest says")

    def _small(self, member: Member, *, noted: bool = True) -> bytes:
        if member.size > archive.LARGEST_TEXT:
            raise Damaged(f"{member.name} is too large")
        content = b"".join(self._reader.content(member))
        if noted:
            self._lines.update(archive.line_of(archive.sha256_of(content), member.name))
        return content

    def _counted(self, member: Member, digest: Any) -> Iterator[bytes]:
        for chunk in self._reader.content(member):
            digest.update(chunk)
            yield chunk
