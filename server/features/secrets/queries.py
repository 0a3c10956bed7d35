"""The columns that hold secrets, in tables of other features."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from server.access.installation import LastingSecret, place_of
from server.db import SQL, Db
from server.features.system.queries import opened_settings, sealed_settings
from server.features.teams.queries import INVITATIONS
from server.features.webhooks.queries import PLACE as INCOMING
from server.sealing import Seals

BATCH = 500

KEY_CHECK = SQL("SELECT value FROM systems WHERE name = 'AtRestKeyCheck'")

# Of nodes that start together the first one says with which key.
INSERT_KEY_CHECK = SQL("""
    INSERT INTO systems (name, value) VALUES ('AtRestKeyCheck', $1) ON CONFLICT (name) DO NOTHING
""")

UPDATE_KEY_CHECK = SQL("UPDATE systems SET value = $1 WHERE name = 'AtRestKeyCheck'")

SETTINGS_IDS = SQL("SELECT id FROM configurations ORDER BY id")

SETTINGS = SQL("SELECT value FROM configurations WHERE id = $1 FOR UPDATE")

UPDATE_SETTINGS = SQL("UPDATE configurations SET value = $2 WHERE id = $1")


class Column(Struct, frozen=True):
    """A column of secrets: rows whose secret is not sealed by $1, and the change of one from $2 to $3."""

    select: SQL
    update: SQL
    place: Callable[[str], str]
    lasting: bool = False
    """Whether rows are looked up by it."""

    def sealed_anew(self, seals: Seals, key: str, stored: str) -> str:
        """The same secret, sealed with the first key."""
        place = self.place(key)
        return (seals.lasting if self.lasting else seals.seal)(seals.open(stored, place), place)


def _column(
    table: str, name: str, place: Callable[[str], str], *, key: str = "id", where: str = "", lasting: bool = False
) -> Column:
    return Column(
        SQL(f"""
            SELECT {key}, {name} FROM {table}
             WHERE {name} <> '' AND {name} NOT LIKE $1 AND {key} > $2 {where}
          ORDER BY {key}
             LIMIT {BATCH}
        """),
        SQL(f"UPDATE {table} SET {name} = $3 WHERE {key} = $1 AND {name} = $2"),
        place,
        lasting,
    )


_NAMES = ", ".join(f"'{name}'" for name in LastingSecret)

COLUMNS = (
    _column("credentials", "mfa_secret", "credentials.mfa:{}".format, key="user_id"),
    _column("credentials", "mfa_pending", "credentials.mfa:{}".format, key="user_id"),
    _column("commands", "token", "commands.token:{}".format),
    _column("outgoing_webhooks", "token", "outgoing_webhooks.token:{}".format),
    _column("systems", "value", place_of, key="name", where=f"AND name IN ({_NAMES})"),
    _column("teams", "invite_id", lambda _: INVITATIONS, lasting=True),
    _column("incoming_webhooks", "id", lambda _: INCOMING, lasting=True),
)


async def key_check(db: Db) -> str | None:
    """What the first node that had a key left for the others to open."""
    found: str | None = await db.value(KEY_CHECK)
    return found


async def insert_key_check(db: Db, value: str) -> None:
    """Leave it, unless another node did."""
    await db.run(INSERT_KEY_CHECK, value)


async def update_key_check(db: Db, value: str) -> None:
    """Say it with another key, or say more."""
    await db.run(UPDATE_KEY_CHECK, value)


async def seal_column(db: Db, column: Column) -> int:
    """Seal what stands in a column, in the open or by an older key, with the first key; how many secrets that were."""
    count, last = 0, ""
    while rows := await db.rows(column.select, db.seals.current, last):
        for key, stored in rows:
            count += await db.run(column.update, key, stored, column.sealed_anew(db.seals, key, stored))
        last = rows[-1][0]
    return count


async def settings_ids(db: Db) -> list[str]:
    """All versions of the settings."""
    return await db.values(SETTINGS_IDS)


async def seal_settings(db: Db, id: str) -> None:
    """Seal the secrets of a version of the settings with the first key; in a transaction."""
    value: dict[str, Any] | None = await db.value(SETTINGS, id)
    if value is not None:
        await db.run(UPDATE_SETTINGS, id, sealed_settings(db.seals, id, opened_settings(db.seals, id, value)))
