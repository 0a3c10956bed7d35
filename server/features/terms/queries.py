"""The tables `terms_of_service` and `user_terms_of_service`."""

from server.db import SQL, Db, columns
from server.features.terms.models import TermsOfService, UserTermsOfService

KEPT = 100
"""Texts that are kept; older ones go, with the answers to them."""

TERMS_COLUMNS = columns(TermsOfService)
ANSWER_COLUMNS = columns(UserTermsOfService)

NEWEST = SQL(f"SELECT {TERMS_COLUMNS} FROM terms_of_service ORDER BY create_at DESC, id DESC LIMIT 1")


async def newest(db: Db) -> TermsOfService | None:
    """The text in force. Index: terms_of_service_create_at_idx."""
    return await db.one(TermsOfService, NEWEST)


INSERT = SQL(f"""
    WITH old AS (
        DELETE FROM terms_of_service
         WHERE id IN (SELECT id FROM terms_of_service ORDER BY create_at DESC, id DESC OFFSET {KEPT - 1})
    )
    INSERT INTO terms_of_service ({TERMS_COLUMNS}) VALUES ($1, $2, $3, $4)
""")


async def insert(db: Db, terms: TermsOfService) -> None:
    """Put a text in force."""
    await db.run(INSERT, terms.id, terms.create_at, terms.user_id, terms.text)


ANSWER_OF = SQL(f"SELECT {ANSWER_COLUMNS} FROM user_terms_of_service WHERE user_id = $1")


async def answer_of(db: Db, user_id: str) -> UserTermsOfService | None:
    """Which text a user has accepted."""
    return await db.one(UserTermsOfService, ANSWER_OF, user_id)


ACCEPT = SQL("""
    INSERT INTO user_terms_of_service (user_id, terms_of_service_id, create_at)
    SELECT $1, id, $3 FROM terms_of_service WHERE id = $2
        ON CONFLICT (user_id) DO UPDATE
       SET terms_of_service_id = excluded.terms_of_service_id, create_at = excluded.create_at
""")


async def accept(db: Db, user_id: str, terms_id: str, now: int) -> bool:
    """Note that a user accepts a text; False when there is no such text."""
    return await db.run(ACCEPT, user_id, terms_id, now) > 0


REJECT = SQL("DELETE FROM user_terms_of_service WHERE user_id = $1 AND terms_of_service_id = $2")


async def reject(db: Db, user_id: str, terms_id: str) -> None:
    """Forget that a user has accepted a text."""
    await db.run(REJECT, user_id, terms_id)


IS_TEXT = SQL("SELECT EXISTS (SELECT 1 FROM terms_of_service WHERE id = $1)")


async def is_text(db: Db, terms_id: str) -> bool:
    """Whether there is such a text."""
    return bool(await db.value(IS_TEXT, terms_id))
