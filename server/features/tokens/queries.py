"""The table user_access_tokens."""

from server.db import SQL, Db
from server.features.tokens.models import TOKEN_COLUMNS, UserAccessToken

MAX_TOKENS = 500
"""Of one user."""

MAX_FOUND = 100

INSERT_TOKEN = SQL(f"""
    INSERT INTO user_access_tokens AS t (id, token_hash, user_id, description, create_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6
     WHERE (SELECT count(*) FROM user_access_tokens WHERE user_id = $3) < {MAX_TOKENS}
 RETURNING {TOKEN_COLUMNS}
""")


async def insert_token(
    db: Db, *, id: str, token_hash: bytes, user_id: str, description: str, now: int, expires_at: int
) -> UserAccessToken | None:
    """Store a token; None when the user has too many."""
    return await db.one(UserAccessToken, INSERT_TOKEN, id, token_hash, user_id, description, now, expires_at)


TOKEN_BY_ID = SQL(f"SELECT {TOKEN_COLUMNS} FROM user_access_tokens t WHERE t.id = $1")


async def token_by_id(db: Db, id: str) -> UserAccessToken | None:
    """A token."""
    return await db.one(UserAccessToken, TOKEN_BY_ID, id)


TOKENS_OF = SQL(f"""
    SELECT {TOKEN_COLUMNS} FROM user_access_tokens t WHERE t.user_id = $1 ORDER BY t.id OFFSET $2 LIMIT $3
""")


async def tokens_of(db: Db, user_id: str, page: int, per_page: int) -> list[UserAccessToken]:
    """A page of a user's tokens, the oldest first. Index: user_access_tokens_user_idx."""
    return await db.many(UserAccessToken, TOKENS_OF, user_id, page * per_page, per_page)


ALL_TOKENS = SQL(f"SELECT {TOKEN_COLUMNS} FROM user_access_tokens t ORDER BY t.id OFFSET $1 LIMIT $2")


async def all_tokens(db: Db, page: int, per_page: int) -> list[UserAccessToken]:
    """A page of everybody's tokens, the oldest first. Index: the primary key."""
    return await db.many(UserAccessToken, ALL_TOKENS, page * per_page, per_page)


SEARCH_TOKENS = SQL(f"""
    SELECT {TOKEN_COLUMNS}
      FROM user_access_tokens t
      JOIN users u ON u.id = t.user_id
     WHERE t.id = $1 OR t.user_id = $1 OR starts_with(u.username, $2)
  ORDER BY t.id
     LIMIT {MAX_FOUND}
""")


async def search_tokens(db: Db, term: str) -> list[UserAccessToken]:
    """Tokens by their id, or by the id or the beginning of the name of their user."""
    return await db.many(UserAccessToken, SEARCH_TOKENS, term, term.lower())


SET_ACTIVE = SQL("UPDATE user_access_tokens SET is_active = $2 WHERE id = $1")


async def set_active(db: Db, id: str, active: bool) -> None:
    """Switch a token on or off."""
    await db.run(SET_ACTIVE, id, active)


SET_SECRET = SQL(f"""
    UPDATE user_access_tokens t SET token_hash = $2, expires_at = $3 WHERE t.id = $1 RETURNING {TOKEN_COLUMNS}
""")


async def set_secret(db: Db, id: str, token_hash: bytes, expires_at: int) -> UserAccessToken | None:
    """Give a token another secret."""
    return await db.one(UserAccessToken, SET_SECRET, id, token_hash, expires_at)


DELETE_TOKEN = SQL("DELETE FROM user_access_tokens WHERE id = $1")


async def delete_token(db: Db, id: str) -> None:
    """Forget a token."""
    await db.run(DELETE_TOKEN, id)
