"""The table `persistent_notifications`."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.persistent_notifications.models import Calling

AT_ONCE = 100

INSERT = SQL("""
    INSERT INTO persistent_notifications (post_id, create_at, last_sent_at, receivers)
    VALUES ($1, $2, $2, $3)
        ON CONFLICT (post_id) DO NOTHING
""")


async def insert(db: Db, post_id: str, receivers: Sequence[str], now: int) -> None:
    """Let a post that is about to be written go on calling these users."""
    await db.run(INSERT, post_id, now, receivers)


PEOPLE_NAMED = SQL("""
    SELECT u.username, u.id
      FROM users u
      JOIN channel_members m ON m.channel_id = $1 AND m.user_id = u.id
     WHERE u.username = ANY($2) AND u.delete_at = 0 AND NOT u.is_bot
""")


async def people_named(db: Db, channel_id: str, names: Sequence[str]) -> dict[str, str]:
    """The ids of the members of a channel, bots left out, who have these names."""
    return {row[0]: row[1] for row in await db.rows(PEOPLE_NAMED, channel_id, names)}


# Rows whose post was refused after all have none.
TAKE_DUE = SQL(f"""
    WITH due AS MATERIALIZED (
        SELECT *
          FROM persistent_notifications
         WHERE last_sent_at <= $1
      ORDER BY last_sent_at, post_id
         LIMIT {AT_ONCE}
           FOR UPDATE SKIP LOCKED
    )
    SELECT due.post_id, due.sent_count, p.id IS NOT NULL AND c.id IS NOT NULL,
           ARRAY(SELECT m.user_id
                   FROM unnest(due.receivers) AS receiver (id)
                   JOIN channel_members m ON m.channel_id = p.channel_id AND m.user_id = receiver.id
                   JOIN users u ON u.id = receiver.id AND u.delete_at = 0
                  WHERE coalesce(u.notify_props ->> 'desktop', '') <> 'none'
                    AND NOT EXISTS (SELECT FROM posts reply
                                     WHERE reply.root_id = p.id AND reply.root_id <> '' AND reply.user_id = u.id)
                    AND NOT EXISTS (SELECT FROM reactions r WHERE r.post_id = p.id AND r.user_id = u.id)
                    AND NOT EXISTS (SELECT FROM post_acknowledgements a WHERE a.post_id = p.id AND a.user_id = u.id)
               ORDER BY m.user_id)
      FROM due
 LEFT JOIN posts p ON p.id = due.post_id AND p.delete_at = 0
 LEFT JOIN channels c ON c.id = p.channel_id AND c.delete_at = 0
""")


async def take_due(db: Db, sent_until: int) -> list[Calling]:
    """Some that called the last time at `sent_until` or earlier, held. Index: persistent_notifications_sent_idx."""
    return await db.many(Calling, TAKE_DUE, sent_until)


SET_SENT = SQL("""
    UPDATE persistent_notifications AS n
       SET last_sent_at = $4, sent_count = n.sent_count + 1, receivers = string_to_array(sent.waiting, ',')
      FROM unnest($1::text[], $2::text[]) AS sent (post_id, waiting)
     WHERE n.post_id = sent.post_id AND n.sent_count < $3
""")


async def set_sent(db: Db, sent: Sequence[Calling], now: int, at_most: int) -> None:
    """Note that these called again, and whom."""
    await db.run(SET_SENT, [each.post_id for each in sent], [",".join(each.waiting) for each in sent], at_most, now)


DELETE = SQL("DELETE FROM persistent_notifications WHERE post_id = ANY($1)")


async def delete(db: Db, post_ids: Sequence[str]) -> None:
    """Let posts call no more."""
    await db.run(DELETE, post_ids)


REPOINT = SQL("""
    UPDATE persistent_notifications
       SET post_id = moved.new_id
      FROM unnest($1::text[], $2::text[]) AS moved (old_id, new_id)
     WHERE post_id = moved.old_id
""")


async def repoint(db: Db, old_ids: Sequence[str], new_ids: Sequence[str]) -> None:
    """Let posts that took the place of others go on calling for them."""
    await db.run(REPOINT, old_ids, new_ids)
