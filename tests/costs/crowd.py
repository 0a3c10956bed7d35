"""Many people at little cost: copies of one user, who are where the user is and signed in."""

from typing import Any

from server.access.sessions import hash_token
from server.ids import new_id
from tests.make import Person
from tests.nodes import TestNode

COLUMNS = """
    SELECT column_name FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER'
"""


async def make_crowd(node: TestNode, pattern: Person, count: int) -> list[Person]:
    """So many people who are what `pattern` is and in the same teams and channels."""
    user_ids = [new_id() for _ in range(count)]
    tokens = [new_id() for _ in range(count)]
    connection = await node.services.db.connect()
    of_each = "unnest($2::text[]) AS each(user_id)"
    by = f"WHERE user_id = '{pattern.id}'"
    sessions = f"SELECT max(id) FROM sessions {by}"
    await _copy(
        connection,
        "users",
        {"id": "each.user_id", "username": "each.user_id", "email": "each.user_id || '@example.org'"},
        f"WHERE id = '{pattern.id}'",
        of_each,
        user_ids,
    )
    for table in ("team_members", "channel_members"):
        await _copy(connection, table, {"user_id": "each.user_id"}, by, of_each, user_ids)
    await _copy(
        connection,
        "sessions",
        {"id": "each.id", "user_id": "each.user_id", "token_hash": "each.hash"},
        f"WHERE id = ({sessions})",
        "unnest($2::text[], $3::text[], $4::bytea[]) AS each(user_id, id, hash)",
        user_ids,
        [new_id() for _ in range(count)],
        [hash_token(token) for token in tokens],
    )
    await connection.close()
    return [
        Person({"id": user_id, "username": user_id, "email": ""}, token)
        for user_id, token in zip(user_ids, tokens, strict=True)
    ]


async def _copy(
    connection: Any, table: str, changed: dict[str, str], where: str, source: str, *arrays: list[Any]
) -> None:
    """Insert a changed copy of the row of a table for each element of the arrays, which are $2 and so on."""
    columns = [row[0] for row in await connection.fetch(COLUMNS, table)]
    values = ", ".join(changed.get(column, f"row.{column}") for column in columns)
    rows = f"(SELECT * FROM {table} {where}) AS row"
    text = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {rows}, {source} WHERE $1"
    await connection.execute(text, True, *arrays)
