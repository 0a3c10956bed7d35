"""What administrators look up and change of accounts: locks, proofs of addresses, where people sign in."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.users.models import USER_COLUMNS, User

UNLOCK = SQL(f"UPDATE users SET failed_attempts = 0, update_at = $2 WHERE id = $1 RETURNING {USER_COLUMNS}")


async def unlock(db: Db, id: str, now: int) -> User | None:
    """Forget the failed attempts of an account."""
    return await db.one(User, UNLOCK, id, now)


SET_AUTH = SQL(f"""
    WITH secret AS (
        DELETE FROM credentials WHERE user_id = $1 AND $2 <> ''
    )
    UPDATE users
       SET auth_service = $2, auth_data = $3, mfa_active = mfa_active AND $2 = '', update_at = $4
     WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def set_auth(db: Db, id: str, service: str, data: str | None, now: int) -> User | None:
    """Say where a user signs in; elsewhere ("" is here) the password and the second factor of here are forgotten."""
    return await db.one(User, SET_AUTH, id, service, data, now)


INVALID_EMAILS = SQL(f"""
    SELECT {USER_COLUMNS}
      FROM users
     WHERE delete_at = 0 AND NOT is_bot AND auth_service = ''
       AND 'system_guest' <> ALL (string_to_array(roles, ' '))
       AND substring(email FROM '@([^@]*)$') <> ALL ($1::text[])
  ORDER BY username
     LIMIT $2 OFFSET $3
""")


async def with_invalid_emails(db: Db, domains: Sequence[str], limit: int, offset: int) -> list[User]:
    """Active members whose address is of none of these domains, by name."""
    return await db.many(User, INVALID_EMAILS, domains, limit, offset)
