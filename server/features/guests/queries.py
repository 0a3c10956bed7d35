"""Which accounts are guests'."""

from server.db import SQL, Db

ACTIVE_GUESTS = SQL("""
    SELECT id
      FROM users
     WHERE string_to_array(roles, ' ') @> '{system_guest}' AND delete_at = 0 AND NOT is_bot
  ORDER BY id
     LIMIT $1
""")


async def active_guests(db: Db, limit: int) -> list[str]:
    """The ids of guests who may sign in. Index: users_roles_idx."""
    return await db.values(ACTIVE_GUESTS, limit)
