"""The table sessions."""

from collections.abc import Sequence
from typing import Any

from server.db import SQL, Db
from server.features.sessions.models import SESSION_COLUMNS, SessionRow

MAX_SESSIONS = 500
"""Of one user; the ones that were not used for longest end when there are more."""

# Nobody gets in by a right guess that was answered after the one that locked the account. Apps don't guess.
INSERT_SESSION = SQL("""
    WITH gone AS (
        DELETE FROM sessions
         WHERE user_id = $3
           AND (device_id = $6 AND $6 <> ''
                OR id IN (SELECT id FROM sessions WHERE user_id = $3 ORDER BY last_activity_at DESC OFFSET $10))
     RETURNING id
    ), unlocked AS (
        UPDATE users SET failed_attempts = 0 WHERE id = $3 AND failed_attempts > 0 AND failed_attempts < $11 AND NOT $8
    ), made AS (
        INSERT INTO sessions (id, token_hash, create_at, expires_at, last_activity_at, user_id, device_id, roles,
                              is_oauth, props)
        SELECT $1, $2, $4, $5, $4, $3, $6, $7, $8, $9
          FROM users
         WHERE id = $3 AND delete_at = 0 AND (failed_attempts < $11 OR $8)
     RETURNING id
    )
    SELECT EXISTS (SELECT 1 FROM made), array(SELECT id FROM gone)
""")


async def insert_session(
    db: Db,
    *,
    id: str,
    token_hash: bytes,
    user_id: str,
    now: int,
    expires_at: int,
    device_id: str,
    roles: str,
    is_oauth: bool,
    props: dict[str, Any],
    max_attempts: int,
) -> list[str] | None:
    """Store a session; it takes the place of the device's older one.

    The ids of the sessions that ended by it; None when the account has been locked or deactivated meanwhile.
    """
    row = await db.row(
        INSERT_SESSION,
        id,
        token_hash,
        user_id,
        now,
        expires_at,
        device_id,
        roles,
        is_oauth,
        props,
        MAX_SESSIONS - 1,
        max_attempts,
    )
    return list(row[1]) if row is not None and row[0] else None


SESSIONS_OF = SQL(f"""
    SELECT {SESSION_COLUMNS}
      FROM sessions s
      JOIN users u ON u.id = s.user_id
     WHERE s.user_id = $1 AND (s.expires_at = 0 OR s.expires_at > $2)
  ORDER BY s.last_activity_at DESC
""")


async def sessions_of(db: Db, user_id: str, now: int) -> list[SessionRow]:
    """The live sessions of a user, the latest used first. Index: sessions_user_idx."""
    return await db.many(SessionRow, SESSIONS_OF, user_id, now)


DELETE_SESSION = SQL("DELETE FROM sessions WHERE id = $1 AND user_id = $2")


async def delete_session(db: Db, id: str, user_id: str) -> bool:
    """End a session of a user; whether there was one."""
    return await db.run(DELETE_SESSION, id, user_id) > 0


DELETE_SESSIONS_OF = SQL("DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id")


async def delete_sessions_of(db: Db, user_id: str, except_id: str) -> list[str]:
    """End all sessions of a user but one; their ids."""
    return await db.values(DELETE_SESSIONS_OF, user_id, except_id)


DELETE_ONES = SQL("DELETE FROM sessions WHERE user_id = $1 AND id = ANY($2) RETURNING id")


async def delete_ones(db: Db, user_id: str, ids: Sequence[str]) -> list[str]:
    """End some sessions of a user; the ids of those that were there."""
    return await db.values(DELETE_ONES, user_id, ids)


DELETE_APP_SESSIONS = SQL("""
    DELETE FROM sessions
     WHERE is_oauth AND props ->> 'oauth_app_id' = $1 AND ($2 = '' OR user_id = $2)
 RETURNING id, user_id
""")


async def delete_app_sessions(db: Db, app_id: str, user_id: str) -> list[tuple[str, str]]:
    """End what an app was let in with by a user, by everybody for ""; session and user ids. Index: sessions_app_idx."""
    return [(row[0], row[1]) for row in await db.rows(DELETE_APP_SESSIONS, app_id, user_id)]


ATTACH_DEVICE = SQL("""
    WITH gone AS (
        DELETE FROM sessions WHERE user_id = $2 AND device_id = $3 AND $3 <> '' AND id <> $1 RETURNING id
    ), changed AS (
        UPDATE sessions
           SET device_id = CASE WHEN $3 = '' THEN device_id ELSE $3 END, expires_at = $4, props = props || $5
         WHERE id = $1
    )
    SELECT id FROM gone
""")


async def attach_device(
    db: Db, id: str, user_id: str, device_id: str, expires_at: int, props: dict[str, str]
) -> list[str]:
    """Say which phone a session belongs to ("" for no news); the ids of its older sessions, which end."""
    return await db.values(ATTACH_DEVICE, id, user_id, device_id, expires_at, props)


SET_GUEST = SQL("""
    UPDATE sessions
       SET props = props || jsonb_build_object('is_guest', $2::boolean::text)
     WHERE user_id = $1
 RETURNING id
""")


async def set_guest(db: Db, user_id: str, guest: bool) -> list[str]:
    """Note in the sessions of a user whether it is a guest; their ids. Index: sessions_user_idx."""
    return await db.values(SET_GUEST, user_id, guest)


HAS_DEVICE = SQL("SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND device_id <> '')")


async def has_device(db: Db, user_id: str) -> bool:
    """Whether any session of a user belongs to a phone. Index: sessions_device_idx."""
    return bool(await db.value(HAS_DEVICE, user_id))


TOUCH_SESSIONS = SQL("""
    UPDATE sessions s
       SET last_activity_at = greatest(s.last_activity_at, u.at), expires_at = greatest(s.expires_at, u.expires_at)
      FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u (id, at, expires_at)
     WHERE s.id = u.id
""")


async def touch_sessions(db: Db, ids: Sequence[str], at: Sequence[int], expires_at: Sequence[int]) -> None:
    """Store when sessions were used last, and until when they last (0: as before)."""
    await db.run(TOUCH_SESSIONS, ids, at, expires_at)


SWEEP_LIMIT = 1000

SWEEP_SESSIONS = SQL(f"""
    DELETE FROM sessions
     WHERE id IN (
           SELECT id
             FROM sessions
            WHERE expires_at > 0 AND expires_at <= $1
            UNION ALL
           SELECT id
             FROM sessions
            WHERE $2::bigint > 0 AND last_activity_at <= $2 AND props ->> 'type' IS DISTINCT FROM 'UserAccessToken'
            LIMIT {SWEEP_LIMIT})
 RETURNING id, user_id
""")


async def sweep_sessions(db: Db, now: int, idle_since: int) -> list[tuple[str, str]]:
    """End up to SWEEP_LIMIT sessions that expired, or that were not used since `idle_since` (0: no such limit)."""
    return [(row[0], row[1]) for row in await db.rows(SWEEP_SESSIONS, now, idle_since)]


DELETE_SOME = SQL(f"""
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE create_at <= $1 LIMIT {SWEEP_LIMIT})
 RETURNING id, user_id
""")


async def delete_some(db: Db, until: int) -> list[tuple[str, str]]:
    """End up to SWEEP_LIMIT sessions of anybody that were made until a time; session and user ids."""
    return [(row[0], row[1]) for row in await db.rows(DELETE_SOME, until)]
