"""Deleting posts: softly, so that clients learn of it, or for good; threads and their followers move along."""

from server.db import SQL, Db
from server.features.channels.member_queries import hears_everyone
from server.features.posts.models import CHANNEL_WIDE, STORED_COLUMNS, StoredPost

DELETE_POST = SQL(f"""
    WITH gone AS (
        UPDATE posts
           SET delete_at = $2, update_at = $2,
               props = CASE WHEN id = $1 THEN props || jsonb_build_object('deleteBy', $3::text) ELSE props END
         WHERE (id = $1 OR root_id = $1 AND root_id <> '') AND delete_at = 0 AND original_id = ''
     RETURNING {STORED_COLUMNS}
    ), threads_gone AS (
        UPDATE threads SET delete_at = $2 WHERE post_id = $1
    )
    SELECT * FROM gone ORDER BY id = $1 DESC
""")


async def delete_post(db: Db, id: str, deleted_by: str, now: int) -> list[StoredPost]:
    """Delete a live post and all replies to it; the post first. Indexes: posts_pkey, posts_thread_idx."""
    return await db.many(StoredPost, DELETE_POST, id, now, deleted_by)


# $2: the reply that is gone already. Who wrote last is the last of the participants; the root's author stays.
LEAVE_THREAD = SQL(f"""
    WITH left_over AS (
        SELECT user_id, max(create_at) AS last_at, count(*) AS replies
          FROM posts
         WHERE root_id = $1 AND root_id <> '' AND delete_at = 0
      GROUP BY user_id
    ), root AS (
        UPDATE posts
           SET reply_count = (SELECT coalesce(sum(replies), 0) FROM left_over),
               update_at = greatest(update_at + 1, $3)
         WHERE id = $1
     RETURNING user_id, create_at
    ), thread AS (
        UPDATE threads
           SET last_reply_at = coalesce((SELECT max(last_at) FROM left_over), 0),
               participants = ARRAY(
                   SELECT writer.user_id
                     FROM unnest(threads.participants) WITH ORDINALITY AS writer (user_id, turn)
                     JOIN (SELECT user_id FROM left_over UNION SELECT user_id FROM root) AS still
                       ON still.user_id = writer.user_id
                 ORDER BY writer.turn)
         WHERE post_id = $1
    )
    UPDATE thread_memberships AS m
       SET unread_mentions = m.unread_mentions - 1
      FROM posts AS reply
     WHERE reply.id = $2 AND m.post_id = $1 AND m.unread_mentions > 0 AND m.last_viewed < reply.create_at
       AND m.user_id <> reply.user_id
       AND (m.user_id = ANY(reply.mentions)
            OR '{CHANNEL_WIDE}' = ANY(reply.mentions)
               AND EXISTS (SELECT FROM channel_members AS own
                             JOIN users AS u ON u.id = own.user_id
                            WHERE own.channel_id = reply.channel_id AND own.user_id = m.user_id
                              AND {hears_everyone("u", "own")}))
""")


async def leave_thread(db: Db, root_id: str, reply_id: str, now: int) -> None:
    """Count the thread anew after one of its replies was deleted. Index: posts_thread_idx."""
    await db.run(LEAVE_THREAD, root_id, reply_id, now)


REMOVE_POST = SQL(f"""
    WITH gone AS (
        DELETE FROM posts
         WHERE id = $1 OR root_id = $1 AND root_id <> ''
     RETURNING {STORED_COLUMNS}
    ), versions AS (
        DELETE FROM posts WHERE original_id = ANY(ARRAY(SELECT id FROM gone)) AND original_id <> ''
    )
    SELECT * FROM gone WHERE original_id = '' ORDER BY id = $1 DESC
""")


async def remove_post(db: Db, id: str) -> list[StoredPost]:
    """Take a post, all replies, reactions and old versions out of the database; the post first."""
    return await db.many(StoredPost, REMOVE_POST, id)
