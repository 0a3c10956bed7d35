"""The table `post_acknowledgements`, and the changes of posts that they are."""

from server.db import SQL, Db
from server.features.acknowledgements.models import ACKNOWLEDGEMENT_COLUMNS, Acknowledgement

# A change is newer than every change that readers of the channel have seen.
_TOUCH = """greatest($3, (SELECT max(update_at)
                            FROM posts AS other
                           WHERE other.channel_id = posts.channel_id AND original_id = '') + 1)"""

# Nothing comes back for a post that is gone or asks for nothing.
ADD = SQL(f"""
    WITH post AS MATERIALIZED (
        SELECT id
          FROM posts
         WHERE id = $2 AND delete_at = 0 AND original_id = '' AND priority ->> 'requested_ack' = 'true'
           FOR NO KEY UPDATE
    ), added AS (
        INSERT INTO post_acknowledgements (user_id, post_id, acknowledged_at)
        SELECT $1, post.id, $3 FROM post
            ON CONFLICT (post_id, user_id) DO NOTHING
     RETURNING {ACKNOWLEDGEMENT_COLUMNS}
    ), touched AS (
        UPDATE posts SET update_at = {_TOUCH} WHERE id IN (SELECT post_id FROM added)
    )
    SELECT added.* FROM post LEFT JOIN added ON true
""")


async def add(db: Db, user_id: str, post_id: str, now: int) -> tuple[bool, Acknowledgement | None]:
    """Confirm a live post that asks for it: whether there is one, and what is new."""
    row = await db.row(ADD, user_id, post_id, now)
    if row is None:
        return False, None
    return True, Acknowledgement(*row) if row[0] is not None else None


BY = SQL(f"SELECT {ACKNOWLEDGEMENT_COLUMNS} FROM post_acknowledgements WHERE post_id = $2 AND user_id = $1")


async def acknowledgement_by(db: Db, user_id: str, post_id: str) -> Acknowledgement | None:
    """A user's confirmation of a post. Index: post_acknowledgements_pkey."""
    return await db.one(Acknowledgement, BY, user_id, post_id)


REMOVE = SQL(f"""
    WITH post AS MATERIALIZED (
        SELECT id FROM posts WHERE id = $2 AND delete_at = 0 AND original_id = '' FOR NO KEY UPDATE
    ), removed AS (
        DELETE FROM post_acknowledgements
         USING post
         WHERE post_id = post.id AND user_id = $1 AND acknowledged_at >= $4
     RETURNING {ACKNOWLEDGEMENT_COLUMNS}
    ), touched AS (
        UPDATE posts SET update_at = {_TOUCH} WHERE id IN (SELECT post_id FROM removed)
    )
    SELECT * FROM removed
""")


async def remove(db: Db, user_id: str, post_id: str, now: int, since: int) -> Acknowledgement | None:
    """Take back a confirmation that was given after `since`; None when there is none."""
    return await db.one(Acknowledgement, REMOVE, user_id, post_id, now, since)


COPY = SQL("""
    INSERT INTO post_acknowledgements (post_id, user_id, acknowledged_at)
    SELECT moved.new_id, ack.user_id, ack.acknowledged_at
      FROM unnest($1::text[], $2::text[]) AS moved (old_id, new_id)
      JOIN post_acknowledgements AS ack ON ack.post_id = moved.old_id
        ON CONFLICT DO NOTHING
""")


async def copy_to(db: Db, old_ids: list[str], new_ids: list[str]) -> None:
    """Let copies of posts be as confirmed as they are."""
    await db.run(COPY, old_ids, new_ids)
