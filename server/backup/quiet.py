"""Nobody may use what is written over: refuses when nodes are there, and ends what Redis remembers of them."""

from typing import Any

from server.backup.archive import BackupError
from server.backup.tables import BY_THEMSELVES, Table, first_row, own_tables, tables_in
from server.bus.bus import names_on
from server.bus.redis import Address, RedisConnection
from server.bus.signals import NODES
from server.db import SQL
from server.db.migrate import LOCK
from server.features.welcome.nodes import LIVING, living_since

# Nodes, their workers, and commands.
CONNECTED = SQL("""
    SELECT count(*)
      FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'hubbub%' AND pid <> pg_backend_pid()
""")

AT_ONCE = 1000

TRY_LOCK = SQL("SELECT pg_try_advisory_lock($1)")


async def hold_schema(connection: Any) -> None:
    """Let nobody else change the schema, or begin to, as long as the connection is there; raises BackupError."""
    if not await connection.fetchval(TRY_LOCK.text, LOCK):
        raise BackupError("somebody is at work on the schema of this database: a node that starts, or a backup")


async def require_no_nodes(connection: Any, redis: RedisConnection, address: Address) -> None:
    """Raise BackupError when nodes use this database or this Redis."""
    if await connection.fetchval(CONNECTED.text):
        raise BackupError("nodes or commands of Hubbub are connected to the database: stop them first")
    if await redis.command("PUBSUB", "NUMSUB", names_on(address).channel(NODES)) != [
        names_on(address).channel(NODES),
        0,
    ]:
        raise BackupError("nodes are connected to Redis: stop them first, or name another Redis or database of it")
    if await connection.fetchval("SELECT to_regclass('nodes') IS NOT NULL"):
        living = await connection.fetch(LIVING.text, living_since())
        if living:
            raise BackupError("a node said that it lives less than half a minute ago: stop it, or wait a little")


async def require_ours(connection: Any) -> list[Table]:
    """The tables that are there; raises BackupError when some of them are not of Hubbub, or not of this version."""
    tables = await tables_in(connection)
    others = sorted({table.name for table in tables} - own_tables())
    if others:
        raise BackupError(f"the database holds tables that this version of Hubbub does not know: {', '.join(others)}")
    return tables


async def require_empty(connection: Any, tables: list[Table]) -> None:
    """Raise BackupError when there is anything in the database but what a node writes by itself when it starts."""
    for table in tables:
        if table.name not in BY_THEMSELVES and await first_row(connection, table.name):
            raise BackupError(f"the database is not empty, there are {table.name}; --replace would write over it")


async def forget_clients(redis: RedisConnection, address: Address) -> None:
    """Drop all that Redis holds of this service: connections must not be resumed into what was before, and positions
    begin again."""
    cursor: bytes = b"0"
    while True:
        cursor, keys = await redis.command(
            "SCAN", cursor, "MATCH", f"{names_on(address).prefix}*", "COUNT", str(AT_ONCE)
        )
        if keys:
            await redis.command("UNLINK", *keys)
        if cursor == b"0":
            return
