"""The tables of the database: which there are, and how they are read and written as a whole."""

import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from server.backup.archive import TablePart
from server.backup.tar import CHUNK, Damaged
from server.db import SQL
from server.db.migrate import schema_files, schema_folder

LEFT_OUT = {
    "nodes": "says which nodes are running now",
    "schema_migrations": "the manifest says the schema; a restore makes it anew",
    "upload_sessions": "uploads under way begin again: their clients are gone by then, and their parts would be holes",
}
"""Tables whose rows are no part of a backup, and why."""

BY_THEMSELVES = frozenset(("nodes", "posts_to_note", "roles", "schema_migrations", "systems"))
"""What the migrations and the start of a node fill: with rows here and nowhere else a database counts as empty."""

# Alike wherever it is written and read, and as long as it takes.
SETTLE = SQL("""
    SELECT set_config(name, wanted, true)
      FROM pg_settings
      JOIN (VALUES ('DateStyle', 'ISO'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'), ('bytea_output', 'hex'),
                   ('extra_float_digits', '3'), ('row_security', 'off'), ('statement_timeout', '0'),
                   ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'))
           AS settled (setting_name, wanted) ON setting_name = name
""")

TABLES_AND_COLUMNS = SQL("""
    SELECT t.relname::text, array_agg(a.attname::text ORDER BY a.attnum),
           array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
      FROM pg_class t
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')
  GROUP BY t.relname
  ORDER BY t.relname
""")

FOREIGN_KEYS = SQL("""
    SELECT k.conrelid::regclass::text, quote_ident(k.conname), pg_get_constraintdef(k.oid)
      FROM pg_constraint k
     WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace
  ORDER BY k.oid
""")

# Those that don't belong to a constraint.
PLAIN_INDEXES = SQL("""
    SELECT c.oid::regclass::text, pg_get_indexdef(c.oid)
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relnamespace = current_schema()::regnamespace
       AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indrelid AND d.deptype = 'e')
  ORDER BY c.oid
""")

FUNCTIONS = SQL("""
    SELECT p.oid::regprocedure::text
      FROM pg_proc p
     WHERE p.pronamespace = current_schema()::regnamespace
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
""")

_CREATES = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?([a-z_][a-z0-9_]*)", re.MULTILINE)


class Table(Struct, frozen=True):
    """A table with those of its columns that hold what was put there, and their types."""

    name: str
    columns: list[tuple[str, str]]

    @property
    def column_names(self) -> list[str]:
        """The names alone."""
        return [name for name, _ in self.columns]


async def settle(connection: Any) -> None:
    """Let the transaction speak one form of text, and take as long as it needs."""
    await connection.fetch(SETTLE.text)


async def tables_in(connection: Any) -> list[Table]:
    """All tables of the database, by name."""
    return [
        Table(name, list(zip(columns, types, strict=True)))
        for name, columns, types in await connection.fetch(TABLES_AND_COLUMNS.text)
    ]


def own_tables() -> frozenset[str]:
    """The tables that this version makes."""
    texts = (path.read_text(encoding="utf-8") for _, path in schema_files(schema_folder()))
    return frozenset(name for text in texts for name in _CREATES.findall(text)) | {"schema_migrations"}


class Packer:
    """Packs what COPY gives of a table, and counts it. What is packed goes to `write`."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.bytes = 0
        self._write = write
        self._digest = hashlib.sha256()
        # With the header of gzip, and no time in it.
        self._packer = zlib.compressobj(1, zlib.DEFLATED, 31)

    async def take(self, data: bytes) -> None:
        """Some more of it."""
        self.bytes += len(data)
        self._digest.update(data)
        if packed := self._packer.compress(data):
            self._write(packed)

    def end(self) -> str:
        """The SHA-256 of all before it was packed."""
        self._write(self._packer.flush())
        return self._digest.hexdigest()


async def read_table(connection: Any, table: Table, write: Callable[[bytes], None]) -> TablePart:
    """Read all rows of a table, packed by gzip, in the text format of COPY: any PostgreSQL reads it, people too."""
    packer = Packer(write)
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    told = await connection.copy_from_query(f'SELECT {columns} FROM "{table.name}"', output=packer.take)
    sha256 = packer.end()
    return TablePart(name=table.name, columns=table.columns, rows=_count_of(told), bytes=packer.bytes, sha256=sha256)


def unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """What a packed table holds, in chunks; raises Damaged. A little text that says very much is never whole here."""
    unpacker = zlib.decompressobj(31)
    try:
        for data in packed:
            while data:
                if unpacker.eof:
                    raise Damaged("there is something behind the end of a table")
                chunk = unpacker.decompress(data, CHUNK)
                data = unpacker.unconsumed_tail or unpacker.unused_data
                if chunk:
                    yield chunk
    except zlib.error as error:
        raise Damaged("a table can't be unpacked") from error
    if not unpacker.eof:
        raise Damaged("a table is cut off")


async def write_table(connection: Any, part: TablePart, packed: Iterable[bytes]) -> int:
    """Fill a table with packed rows; how many those were. Raises as PostgreSQL does, and Damaged."""

    async def rows() -> AsyncIterator[bytes]:
        for chunk in unpacked(packed):
            yield chunk

    names = [name for name, _ in part.columns]
    return _count_of(await connection.copy_to_table(part.name, source=rows(), columns=names))


async def clear(connection: Any) -> None:
    """Drop all tables of ours, and what hangs on them."""
    if tables := await tables_in(connection):
        await connection.execute(f"DROP TABLE {_listed(tables)} CASCADE")
    functions = [row[0] for row in await connection.fetch(FUNCTIONS.text)]
    if functions:
        await connection.execute(f"DROP FUNCTION {', '.join(functions)} CASCADE")


async def empty(connection: Any, tables: Sequence[Table]) -> None:
    """Take all rows out of tables: migrations put some there."""
    await connection.execute(f"TRUNCATE {_listed(tables)}")


async def without_ties(connection: Any) -> list[str]:
    """Drop all plain indexes and foreign keys; the statements that make them again.

    Made once, when all rows are there, they cost a fraction, and rows may come in any order.
    """
    indexes = await connection.fetch(PLAIN_INDEXES.text)
    keys = await connection.fetch(FOREIGN_KEYS.text)
    for table, name, _ in keys:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    again = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for table, name, definition in keys]
    return [statement for _, statement in indexes] + again


async def first_row(connection: Any, table: str) -> bool:
    """Whether a table has any rows."""
    return bool(await connection.fetchval(f'SELECT EXISTS (SELECT FROM "{table}")'))


def _listed(tables: Sequence[Table]) -> str:
    return ", ".join(f'"{table.name}"' for table in tables)


def _count_of(told: str) -> int:
    """PostgreSQL says "COPY 17"."""
    return int(told.rpartition(" ")[2])
