"""What the members of an archive are called and what they say."""

import hashlib
import re
from typing import Any

import msgspec
from msgspec import Struct

FORMAT = 1
VERSION = "VERSION"
VERSION_TEXT = f"hubbub backup {FORMAT}\n".encode()
TABLES = "tables/"
TABLE_ENDING = ".tsv.gz"
CONFIGURATION = "configuration.json"
STORE = "store/"
SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
MANIFEST_SUM = "manifest.json.sha256"

LARGEST_TEXT = 64 << 20
"""Bytes of a member that is read as a whole: the manifest or the settings."""
MOST_NAMED = 1000
"""So many files that were not there are named."""

_VERSION = re.compile(rb"hubbub backup ([1-9][0-9]{0,5})\n")
_TABLE = re.compile(rf"{TABLES}([a-z_][a-z0-9_]*){re.escape(TABLE_ENDING)}")


class BackupError(Exception):
    """A backup can't be made or restored; the message is one line that says why."""


class DamagedArchive(BackupError):
    """An archive is not, or not any more, what a backup has written."""


class TablePart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table: its columns with their types, and what COPY gave: bytes and SHA-256 before it was packed."""

    name: str
    columns: list[tuple[str, str]]
    rows: int
    bytes: int
    sha256: str


class FilesPart(Struct, kw_only=True, forbid_unknown_fields=True):
    """The files. `deleted` were named by the snapshot and deleted before they could be copied, `missing` ought to be
    in the store and are not; of each a number, and the names of the first."""

    count: int = 0
    bytes: int = 0
    deleted_count: int = 0
    deleted: list[str] = []
    missing_count: int = 0
    missing: list[str] = []


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an archive holds. Times in milliseconds."""

    format: int
    program: str
    """The version of Hubbub that has written it."""
    made_at: int
    """When it was begun: everything that was acknowledged before is in it."""
    installation: str
    """The diagnostic id of the service."""
    schema: int
    postgresql: str
    tables: list[TablePart]
    left_out: dict[str, str]
    """Tables whose rows are not in it, and why."""
    settings_from_environment: list[str]
    """Which settings the environment held; their values are not in it."""
    files: FilesPart
    sums: str
    """The SHA-256 of SHA256SUMS."""

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


class StoredSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version of the stored settings that is in force, secrets sealed as in the database; without, no id."""

    id: str = ""
    value: dict[str, Any] = {}


def format_of(content: bytes) -> int | None:
    """The format that VERSION says, None when it says nothing."""
    match = _VERSION.fullmatch(content)
    return int(match[1]) if match else None


def table_member(name: str) -> str:
    """The member that holds a table."""
    return f"{TABLES}{name}{TABLE_ENDING}"


def table_of(member: str) -> str | None:
    """The table that a member holds."""
    match = _TABLE.fullmatch(member)
    return match[1] if match else None


def line_of(sha256: str, name: str) -> bytes:
    """A line of SHA256SUMS."""
    return f"{sha256}  {name}\n".encode("ascii")


def encoded(struct: Struct) -> bytes:
    """A manifest or settings as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(struct), indent=2) + b"\n"


def decoded(content: bytes) -> Manifest:
    """The manifest of an archive; raises DamagedArchive."""
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedArchive(f"{MANIFEST} makes no sense: {error}") from error


def settings_of(content: bytes) -> StoredSettings:
    """The stored settings of an archive; raises DamagedArchive."""
    try:
        return msgspec.json.decode(content, type=StoredSettings)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedArchive(f"{CONFIGURATION} makes no sense: {error}") from error


def sha256_of(content: bytes) -> str:
    """The SHA-256 of some bytes as text."""
    return hashlib.sha256(content).hexdigest()
