"""The table `post_reminders`."""

from server.db import SQL, Db, columns
from server.features.reminders.models import MAX_REMINDERS, Reminded, Reminder

REMINDER_COLUMNS = columns(Reminder)

# What is stored at the same moment isn't counted, so a few may be too many then. Another time is another message.
PUT = SQL(f"""
    WITH owner AS MATERIALIZED (
        SELECT id FROM users WHERE id = $1
    )
    INSERT INTO post_reminders (user_id, post_id, target_time, due_at, message_id)
    SELECT owner.id, $2, $3::bigint, $3::bigint * 1000, $4
      FROM owner
     WHERE (SELECT count(*)
              FROM (SELECT FROM post_reminders
                     WHERE user_id = owner.id AND post_id <> $2 LIMIT {MAX_REMINDERS}) AS others) < {MAX_REMINDERS}
        ON CONFLICT (user_id, post_id) DO UPDATE
       SET target_time = excluded.target_time, due_at = excluded.due_at, message_id = excluded.message_id, attempts = 0
""")


async def put(db: Db, reminder: Reminder) -> bool:
    """Store a reminder in the place of the one that the user has for the post; False when there are too many."""
    return await db.run(PUT, reminder.user_id, reminder.post_id, reminder.target_time, reminder.message_id) > 0


NEXT_DUE = SQL("SELECT coalesce(min(due_at), 0) FROM post_reminders")


async def next_due(db: Db) -> int:
    """When the next reminder is to be sent, 0 for never. Index: post_reminders_due_idx."""
    return int(await db.value(NEXT_DUE))


TAKE_DUE = SQL(f"""
    SELECT {REMINDER_COLUMNS}
      FROM post_reminders
     WHERE due_at <= $1
  ORDER BY due_at, user_id, post_id
     LIMIT 1
       FOR UPDATE SKIP LOCKED
""")


async def take_due(db: Db, now: int) -> Reminder | None:
    """A reminder whose time has come, held until the transaction ends. Index: post_reminders_due_idx."""
    return await db.one(Reminder, TAKE_DUE, now)


DELETE = SQL("DELETE FROM post_reminders WHERE user_id = $1 AND post_id = $2")


async def delete(db: Db, reminder: Reminder) -> None:
    """Forget a reminder."""
    await db.run(DELETE, reminder.user_id, reminder.post_id)


SET_LATER = SQL("""
    UPDATE post_reminders SET due_at = $3, attempts = attempts + 1 WHERE user_id = $1 AND post_id = $2
""")


async def set_later(db: Db, reminder: Reminder, due_at: int) -> None:
    """Try a reminder again later."""
    await db.run(SET_LATER, reminder.user_id, reminder.post_id, due_at)


REMINDED = SQL("""
    SELECT coalesce(u.username, ''), coalesce(t.name, ''), p.channel_id
      FROM posts p
      JOIN channels c ON c.id = p.channel_id
 LEFT JOIN users u ON u.id = p.user_id
 LEFT JOIN teams t ON t.id = c.team_id
     WHERE p.id = $1 AND p.delete_at = 0 AND p.original_id = ''
""")


async def reminded(db: Db, post_id: str) -> Reminded | None:
    """Who wrote a live post and where it is."""
    return await db.one(Reminded, REMINDED, post_id)


REPOINT = SQL("""
    UPDATE post_reminders
       SET post_id = moved.new_id
      FROM unnest($1::text[], $2::text[]) AS moved (old_id, new_id)
     WHERE post_id = moved.old_id
""")


async def repoint(db: Db, old_ids: list[str], new_ids: list[str]) -> None:
    """Let the reminders of posts be of others that took their place. Index: post_reminders_post_idx."""
    await db.run(REPOINT, old_ids, new_ids)
