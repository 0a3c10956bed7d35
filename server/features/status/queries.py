"""The table `status`. Every change raises the version of its row."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from server.db import SQL, Db, columns
from server.features.status.models import StatusRow

STATUS_COLUMNS = columns(StatusRow)

STATUSES = SQL(f"SELECT {STATUS_COLUMNS} FROM status WHERE user_id = ANY($1::text[])")

NOT_OFFLINE = SQL("SELECT user_id, status FROM status WHERE status <> 'offline' LIMIT $1")

# Rows are locked in the order of their keys, so that two nodes never wait for each other. The count makes sure that
# `before` is read before anything is written: PostgreSQL reads a CTE when it is needed, and skips rows that the very
# statement has changed.
SET_ACTIVE = SQL(f"""
    WITH before AS (
        SELECT user_id, status FROM status WHERE user_id = ANY($1::text[]) ORDER BY user_id FOR UPDATE
    ), written AS (
        INSERT INTO status (user_id, status, last_activity_at)
        SELECT given.user_id, 'online', given.at
          FROM unnest($1::text[], $2::bigint[]) AS given (user_id, at)
          JOIN users ON users.id = given.user_id AND users.delete_at = 0
         WHERE (SELECT count(*) FROM before) >= 0
      ORDER BY given.user_id
            ON CONFLICT (user_id) DO UPDATE
           SET status = CASE WHEN status.manual THEN status.status ELSE 'online' END,
               last_activity_at = greatest(status.last_activity_at, excluded.last_activity_at),
               version = status.version + 1
     RETURNING {columns(StatusRow, "status")}
    )
    SELECT {columns(StatusRow, "written")}, written.status <> coalesce(before.status, 'offline')
      FROM written
      LEFT JOIN before ON before.user_id = written.user_id
""")

SET_AWAY = SQL(f"""
    UPDATE status
       SET status = 'away', version = version + 1
     WHERE user_id = ANY($1::text[]) AND status = 'online' AND NOT manual AND last_activity_at < $2
 RETURNING {STATUS_COLUMNS}
""")

SET_OFFLINE = SQL(f"""
    UPDATE status
       SET status = 'offline', version = version + 1
     WHERE user_id = ANY($1::text[]) AND status <> 'offline' AND NOT manual
 RETURNING {STATUS_COLUMNS}
""")

CHOOSE = SQL(f"""
    WITH before AS (
        SELECT status FROM status WHERE user_id = $1 FOR UPDATE
    ), written AS (
        INSERT INTO status (user_id, status, manual, last_activity_at, dnd_end_time, prev_status)
        SELECT id, $2::text, $3::boolean, CASE WHEN $2 = 'online' THEN $5::bigint ELSE 0 END, $4::bigint,
               CASE WHEN $4 > 0 THEN 'offline' ELSE '' END
          FROM users
         WHERE id = $1 AND (SELECT count(*) FROM before) >= 0
            ON CONFLICT (user_id) DO UPDATE
           SET status = excluded.status,
               manual = excluded.manual,
               last_activity_at = greatest(status.last_activity_at, excluded.last_activity_at),
               prev_status = CASE WHEN $4 = 0 THEN ''
                                  WHEN status.dnd_end_time > 0 THEN status.prev_status
                                  ELSE status.status END,
               prev_manual = CASE WHEN $4 = 0 THEN false
                                  WHEN status.dnd_end_time > 0 THEN status.prev_manual
                                  ELSE status.manual END,
               dnd_end_time = excluded.dnd_end_time,
               version = status.version + 1
     RETURNING {columns(StatusRow, "status")}
    )
    SELECT {columns(StatusRow, "written")},
           written.status <> coalesce((SELECT status FROM before), 'offline')
      FROM written
""")

RESTORE = SQL(f"""
    UPDATE status
       SET status = prev_status,
           manual = prev_manual,
           prev_status = '',
           prev_manual = false,
           dnd_end_time = 0,
           version = version + 1
     WHERE dnd_end_time > 0 AND dnd_end_time <= $1
 RETURNING {STATUS_COLUMNS}
""")

NEXT_END = SQL("SELECT min(dnd_end_time) FROM status WHERE dnd_end_time > 0")

IDLE = SQL("""
    SELECT user_id
      FROM status
     WHERE status <> 'offline' AND NOT manual AND last_activity_at < $1 AND user_id > $2
  ORDER BY user_id
     LIMIT $3
""")


class Written(Struct, frozen=True):
    """A row as it was written, and whether that changed the status itself."""

    row: StatusRow
    changed: bool


def _written(*fields: object) -> Written:
    return Written(StatusRow(*fields[:-1]), bool(fields[-1]))  # type: ignore[arg-type]


async def statuses(db: Db, user_ids: Sequence[str]) -> list[StatusRow]:
    """The stored statuses of users; those that never had one are left out. Index: status_pkey."""
    return await db.many(StatusRow, STATUSES, user_ids)


async def not_offline(db: Db, limit: int) -> dict[str, str]:
    """Users who are not offline, with their status. Index: status_live_idx."""
    return {row[0]: row[1] for row in await db.rows(NOT_OFFLINE, limit)}


async def set_active(db: Db, times: Mapping[str, int]) -> list[Written]:
    """Users did something at these times (ms): online, unless they chose a status themselves."""
    user_ids = sorted(times)
    return await db.many(_written, SET_ACTIVE, user_ids, [times[user_id] for user_id in user_ids])


async def set_away(db: Db, user_ids: Collection[str], idle_since: int) -> list[StatusRow]:
    """Those of the users who are online, did not choose that, and did nothing after `idle_since` (ms): away."""
    return await db.many(StatusRow, SET_AWAY, sorted(user_ids), idle_since)


async def set_offline(db: Db, user_ids: Collection[str]) -> list[StatusRow]:
    """Offline, except those who chose a status themselves."""
    return await db.many(StatusRow, SET_OFFLINE, sorted(user_ids))


async def choose(db: Db, user_id: str, status: str, manual: bool, end: int, now: int) -> Written | None:
    """A user's own choice, `end` (seconds) for one that ends by itself; None when there is no such user."""
    return await db.one(_written, CHOOSE, user_id, status, manual, end, now)


async def restore(db: Db, now: int) -> list[StatusRow]:
    """Give back the statuses whose interruption has ended by `now` (seconds). Index: status_dnd_idx."""
    return await db.many(StatusRow, RESTORE, now)


async def next_end(db: Db) -> int | None:
    """When the next interruption ends (seconds), None when none will. Index: status_dnd_idx."""
    end: int | None = await db.value(NEXT_END)
    return end


async def idle(db: Db, idle_since: int, after: str, limit: int) -> list[str]:
    """Users who are not offline, did not choose that, and did nothing after `idle_since` (ms), by id.

    Index: status_live_idx.
    """
    return await db.values(IDLE, idle_since, after, limit)
