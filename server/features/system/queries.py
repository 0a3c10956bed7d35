"""The tables `configurations` and `systems`, and a few facts of the database."""

from collections.abc import Mapping
from typing import Any

import msgspec

from server.config import Config, ConfigError
from server.config.masking import with_secrets
from server.db import SQL, Db
from server.sealing import MARK, Seals

# Any number, the same on all nodes: whoever changes the settings holds this lock.
_SETTINGS_LOCK = 0x73657474

LOCK_SETTINGS = SQL("SELECT pg_advisory_xact_lock($1)")

ACTIVE_SETTINGS = SQL("SELECT id, value FROM configurations WHERE active")

RETIRE_SETTINGS = SQL("UPDATE configurations SET active = false WHERE active")

INSERT_SETTINGS = SQL("INSERT INTO configurations (id, create_at, value, active) VALUES ($1, $2, $3, true)")

DELETE_OLD_SETTINGS = SQL("DELETE FROM configurations WHERE NOT active AND create_at < $1")

SYSTEMS = SQL("SELECT name, value FROM systems")

INSERT_SYSTEMS = SQL("""
    INSERT INTO systems (name, value)
    SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT (name) DO NOTHING
""")

SCHEMA_VERSION = SQL("SELECT coalesce(max(number), 0) FROM schema_migrations")

ANY_USER = SQL("SELECT EXISTS (SELECT FROM users)")

ALIVE = SQL("SELECT 1")


async def lock_settings(db: Db) -> None:
    """Wait for other changes of the settings; released at the end of the transaction."""
    await db.run(LOCK_SETTINGS, _SETTINGS_LOCK)


async def active_settings(db: Db) -> dict[str, Any]:
    """The settings in force as they were stored, {} when nobody ever changed any. Index: configurations_active_idx."""
    row = await db.row(ACTIVE_SETTINGS)
    return opened_settings(db.seals, *row) if row is not None else {}


def _place(id: str, key: str) -> str:
    return f"configurations.value:{id}:{key}"


def opened_settings(seals: Seals, id: str, value: dict[str, Any]) -> dict[str, Any]:
    """A stored version of the settings with its secrets readable."""
    return with_secrets(value, lambda text, key: seals.open(text, _place(id, key)))


def sealed_settings(seals: Seals, id: str, value: dict[str, Any]) -> dict[str, Any]:
    """A version of the settings as it is to be stored; raises ConfigError for a secret that looks sealed itself."""

    def sealed(text: str, key: str) -> str:
        if text.startswith(MARK) and not seals.active:
            raise ConfigError(key, f"can't begin with {MARK}")
        return seals.seal(text, _place(id, key))

    return with_secrets(value, sealed)


async def replace_settings(db: Db, id: str, config: Config, now: int) -> None:
    """Put settings in force; the former version is kept."""
    await db.run(RETIRE_SETTINGS)
    await db.run(INSERT_SETTINGS, id, now, sealed_settings(db.seals, id, msgspec.to_builtins(config)))


async def delete_old_settings(db: Db, before: int) -> int:
    """Remove former versions that are older than `before`; how many those were."""
    return await db.run(DELETE_OLD_SETTINGS, before)


async def systems(db: Db) -> dict[str, str]:
    """What was made once for the installation, by name."""
    return {row[0]: row[1] for row in await db.rows(SYSTEMS)}


async def insert_systems(db: Db, values: Mapping[str, str]) -> None:
    """Write what is not there yet."""
    await db.run(INSERT_SYSTEMS, list(values), list(values.values()))


async def schema_version(db: Db) -> int:
    """The number of the newest migration."""
    number: int = await db.value(SCHEMA_VERSION)
    return number


async def has_users(db: Db) -> bool:
    """Whether anybody, also deactivated, has an account."""
    exists: bool = await db.value(ANY_USER)
    return exists


async def alive(db: Db) -> bool:
    """Whether the database answers at all."""
    return bool(await db.value(ALIVE) == 1)
