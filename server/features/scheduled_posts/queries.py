"""The table `scheduled_posts`."""

from collections.abc import Sequence
from typing import Any

from server.db import SQL, Db
from server.features.scheduled_posts.models import MAX_WAITING, SCHEDULED_COLUMNS, Scheduled

# What is stored at the same moment isn't counted, so a few may be too many then.
INSERT = SQL(f"""
    WITH author AS MATERIALIZED (
        SELECT id FROM users WHERE id = $4
    ), s AS (
        INSERT INTO scheduled_posts (id, create_at, update_at, user_id, channel_id, root_id, message, props, file_ids,
                                     priority, scheduled_at, post_id, due_at)
        SELECT $1, $2, $3, author.id, $5, $6, $7, $8, $9, $10, $11, $12, $11
          FROM author
         WHERE (SELECT count(*) FROM (SELECT FROM scheduled_posts WHERE user_id = author.id LIMIT {MAX_WAITING}) AS own)
               < {MAX_WAITING}
     RETURNING *
    )
    SELECT {SCHEDULED_COLUMNS} FROM s
""")


async def insert(db: Db, new: Scheduled) -> Scheduled | None:
    """Store a scheduled post; None when its author has too many."""
    return await _one(
        db,
        INSERT,
        new.id,
        new.create_at,
        new.update_at,
        new.user_id,
        new.channel_id,
        new.root_id,
        new.message,
        new.props,
        new.file_ids,
        new.priority,
        new.scheduled_at,
        new.post_id,
    )


async def _one(db: Db, sql: SQL, *args: object) -> Scheduled | None:
    return await db.one(_scheduled, sql, *args)


def _scheduled(*row: Any) -> Scheduled:
    return Scheduled(**dict(zip(Scheduled.__struct_fields__, row, strict=True)))


LOCK = SQL(f"SELECT {SCHEDULED_COLUMNS} FROM scheduled_posts AS s WHERE id = $1 FOR UPDATE")


async def lock(db: Db, id: str) -> Scheduled | None:
    """A scheduled post, held until the transaction ends: it waits for one who is just sending it."""
    return await _one(db, LOCK, id)


BY_ID = SQL(f"SELECT {SCHEDULED_COLUMNS} FROM scheduled_posts AS s WHERE id = $1")


async def scheduled_by_id(db: Db, id: str) -> Scheduled | None:
    """A scheduled post."""
    return await _one(db, BY_ID, id)


UPDATE = SQL(f"""
    UPDATE scheduled_posts AS s
       SET update_at = $2, message = $3, props = $4, file_ids = $5, priority = $6, scheduled_at = $7, due_at = $7,
           post_id = $8, attempts = 0, processed_at = 0, error_code = ''
     WHERE id = $1
 RETURNING {SCHEDULED_COLUMNS}
""")


async def update(db: Db, changed: Scheduled) -> Scheduled | None:
    """Store other contents and another time; one that could not be sent waits anew."""
    return await _one(
        db,
        UPDATE,
        changed.id,
        changed.update_at,
        changed.message,
        changed.props,
        changed.file_ids,
        changed.priority,
        changed.scheduled_at,
        changed.post_id,
    )


BYTES_OF = SQL("""
    SELECT coalesce(sum(octet_length(message) + octet_length(props::text)), 0)
      FROM scheduled_posts
     WHERE user_id = $1 AND id <> $2
""")


async def bytes_of(db: Db, user_id: str, except_id: str) -> int:
    """How large the scheduled posts of a user are, but for one. Index: scheduled_posts_user_idx."""
    return int(await db.value(BYTES_OF, user_id, except_id))


DELETE = SQL("DELETE FROM scheduled_posts WHERE id = $1")


async def delete(db: Db, id: str) -> None:
    """Forget a scheduled post."""
    await db.run(DELETE, id)


OF_TEAM = SQL(f"""
    SELECT {SCHEDULED_COLUMNS}
      FROM scheduled_posts AS s
      JOIN channels AS c ON c.id = s.channel_id AND c.team_id = $2
     WHERE s.user_id = $1
  ORDER BY s.scheduled_at, s.create_at, s.id
""")


async def of_team(db: Db, user_id: str, team_id: str) -> list[Scheduled]:
    """What a user has scheduled in the channels of a team, "" for direct ones. Index: scheduled_posts_user_idx."""
    return await db.many(_scheduled, OF_TEAM, user_id, team_id)


USABLE_FILES = SQL("""
    SELECT id
      FROM files
     WHERE id = ANY($3) AND user_id = $1 AND channel_id = $2 AND post_id = ''
       AND bookmark_id = '' AND delete_at = 0
  ORDER BY array_position($3, id)
""")


async def usable_files(db: Db, user_id: str, channel_id: str, ids: Sequence[str]) -> list[str]:
    """Those files that are the user's, for the channel, and in no post yet."""
    return await db.values(USABLE_FILES, user_id, channel_id, ids)


NEXT_DUE = SQL("SELECT coalesce(min(due_at), 0) FROM scheduled_posts WHERE processed_at = 0")


async def next_due(db: Db) -> int:
    """When the next one is to be sent, 0 for never. Index: scheduled_posts_due_idx."""
    return int(await db.value(NEXT_DUE))


# Of each author only the first is to be had, so that they go out in their order, whichever nodes send them.
TAKE_DUE = SQL(f"""
    SELECT {SCHEDULED_COLUMNS}
      FROM scheduled_posts AS s
     WHERE s.processed_at = 0 AND s.due_at <= $1
       AND NOT EXISTS (SELECT FROM scheduled_posts AS earlier
                        WHERE earlier.user_id = s.user_id AND earlier.processed_at = 0
                          AND (earlier.due_at, earlier.id) < (s.due_at, s.id))
  ORDER BY s.due_at, s.id
     LIMIT 1
       FOR UPDATE OF s SKIP LOCKED
""")


async def take_due(db: Db, now: int) -> Scheduled | None:
    """One whose time has come, held until the transaction ends. Index: scheduled_posts_due_idx."""
    return await _one(db, TAKE_DUE, now)


SET_LATER = SQL("UPDATE scheduled_posts SET due_at = $2, attempts = attempts + 1 WHERE id = $1")


async def set_later(db: Db, id: str, due_at: int) -> None:
    """Try one again later."""
    await db.run(SET_LATER, id, due_at)


SET_FAILED = SQL(f"""
    UPDATE scheduled_posts AS s
       SET processed_at = $2, update_at = $2, error_code = $3
     WHERE id = $1
 RETURNING {SCHEDULED_COLUMNS}
""")


async def set_failed(db: Db, id: str, now: int, error_code: str) -> Scheduled | None:
    """Note why one is not sent any more."""
    return await _one(db, SET_FAILED, id, now, error_code)
