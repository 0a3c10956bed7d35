"""The table `upload_sessions`."""

from msgspec.structs import astuple

from server.db import SQL, Db, columns
from server.features.files.models import UploadSession

SESSION_COLUMNS = columns(UploadSession)

MAX_LISTED = 200

INSERT_SESSION = SQL(f"""
    INSERT INTO upload_sessions ({SESSION_COLUMNS})
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
     WHERE (SELECT count(*) FROM upload_sessions WHERE user_id = $4) < {MAX_LISTED}
""")


async def insert_session(db: Db, session: UploadSession) -> bool:
    """Begin an upload; False when the user has too many of them under way. Index: upload_sessions_user_idx."""
    return await db.run(INSERT_SESSION, *astuple(session)) > 0


SESSION = SQL(f"SELECT {SESSION_COLUMNS} FROM upload_sessions WHERE id = $1")


async def session_by_id(db: Db, id: str) -> UploadSession | None:
    """An upload that is under way."""
    return await db.one(UploadSession, SESSION, id)


SESSIONS_OF = SQL(
    f"SELECT {SESSION_COLUMNS} FROM upload_sessions WHERE user_id = $1 ORDER BY create_at LIMIT {MAX_LISTED}"
)


async def sessions_of(db: Db, user_id: str) -> list[UploadSession]:
    """The uploads that a user has under way, oldest first. Index: upload_sessions_user_idx."""
    return await db.many(UploadSession, SESSIONS_OF, user_id)


ADD_PART = SQL("""
    UPDATE upload_sessions
       SET file_offset = file_offset + $4, parts = parts || $3::text
     WHERE id = $1 AND file_offset = $2 AND cardinality(parts) < $5
 RETURNING parts
""")


async def add_part(db: Db, session: UploadSession, place: str, size: int, most: int) -> list[str] | None:
    """Note a stored part; where all parts lie, or None when another one was faster or there are too many."""
    parts: list[str] | None = await db.value(ADD_PART, session.id, session.file_offset, place, size, most)
    return parts


END_SESSION = SQL("DELETE FROM upload_sessions WHERE id = $1")


async def end_session(db: Db, id: str) -> bool:
    """Forget an upload; False when it was forgotten before."""
    return await db.run(END_SESSION, id) > 0


STALE = SQL("SELECT id, parts FROM upload_sessions WHERE create_at < $1 ORDER BY create_at LIMIT 100")


async def stale_sessions(db: Db, before: int) -> list[tuple[str, list[str]]]:
    """Old uploads with where their parts lie, a hundred at most. Index: upload_sessions_create_at_idx."""
    return [(row[0], row[1]) for row in await db.rows(STALE, before)]
