"""The table `reactions`, and the mark that they leave on posts."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.reactions.models import REACTION_COLUMNS, Reaction

REACTIONS_TO = SQL(f"""
    SELECT {REACTION_COLUMNS}
      FROM reactions
     WHERE post_id = ANY($1)
  ORDER BY create_at, user_id, emoji_name
""")


async def reactions_to(db: Db, post_ids: Sequence[str]) -> dict[str, list[Reaction]]:
    """The reactions to each of these posts, oldest first. Index: reactions_pkey."""
    found: dict[str, list[Reaction]] = {}
    for reaction in await db.many(Reaction, REACTIONS_TO, post_ids):
        found.setdefault(reaction.post_id, []).append(reaction)
    return found


# A change is newer than every change that readers of the channel have seen.
_TOUCH = """greatest($4, (SELECT max(update_at)
                            FROM posts AS other
                           WHERE other.channel_id = posts.channel_id AND original_id = '') + 1)"""

# Nothing comes back for a post that is gone; a reaction without a row was there before or is one emoji too many.
ADD = SQL(f"""
    WITH post AS (
        SELECT id, channel_id FROM posts WHERE id = $2 AND delete_at = 0 AND original_id = '' FOR NO KEY UPDATE
    ), known AS (
        SELECT count(DISTINCT emoji_name) AS emojis, coalesce(bool_or(emoji_name = $3), false) AS this_one
          FROM reactions
         WHERE post_id = $2
    ), added AS (
        INSERT INTO reactions (user_id, post_id, emoji_name, create_at, update_at, channel_id)
        SELECT $1, post.id, $3, $4, $4, post.channel_id
          FROM post, known
         WHERE known.this_one OR known.emojis < $5
            ON CONFLICT (post_id, user_id, emoji_name) DO NOTHING
     RETURNING {REACTION_COLUMNS}
    ), touched AS (
        UPDATE posts SET has_reactions = true, update_at = {_TOUCH} WHERE id IN (SELECT post_id FROM added)
    )
    SELECT added.* FROM post LEFT JOIN added ON true
""")


async def add_reaction(
    db: Db, user_id: str, post_id: str, emoji_name: str, now: int, emojis: int
) -> tuple[bool, Reaction | None]:
    """Put an emoji to a live post that has up to `emojis` different ones: whether the post is there; what is new."""
    row = await db.row(ADD, user_id, post_id, emoji_name, now, emojis)
    if row is None:
        return False, None
    return True, Reaction(*row) if row[0] is not None else None


REACTION = SQL(f"""
    SELECT {REACTION_COLUMNS} FROM reactions WHERE post_id = $1 AND user_id = $2 AND emoji_name = $3
""")


async def reaction_by(db: Db, user_id: str, post_id: str, emoji_name: str) -> Reaction | None:
    """A user's reaction to a post. Index: reactions_pkey."""
    return await db.one(Reaction, REACTION, post_id, user_id, emoji_name)


COPY = SQL("""
    INSERT INTO reactions (post_id, user_id, emoji_name, create_at, update_at, delete_at, remote_id, channel_id)
    SELECT copied.new_id, r.user_id, r.emoji_name, r.create_at, r.update_at, r.delete_at, r.remote_id, $3
      FROM unnest($1::text[], $2::text[]) AS copied (old_id, new_id)
      JOIN reactions AS r ON r.post_id = copied.old_id
""")


async def copy_reactions(db: Db, old_ids: Sequence[str], new_ids: Sequence[str], channel_id: str) -> None:
    """Give copies of posts in another channel the reactions to the originals. Index: reactions_pkey."""
    await db.run(COPY, old_ids, new_ids, channel_id)


LOCK = SQL("SELECT channel_id FROM posts WHERE id = $1 AND delete_at = 0 AND original_id = '' FOR NO KEY UPDATE")


async def lock_post(db: Db, post_id: str) -> str | None:
    """Hold a live post against other changes until the transaction ends; its channel."""
    channel_id: str | None = await db.value(LOCK, post_id)
    return channel_id


REMOVE = SQL(f"""
    WITH removed AS (
        DELETE FROM reactions WHERE post_id = $2 AND user_id = $1 AND emoji_name = $3 RETURNING {REACTION_COLUMNS}
    ), touched AS (
        UPDATE posts
           SET has_reactions = EXISTS (SELECT FROM reactions AS other
                                        WHERE other.post_id = $2 AND (other.user_id, other.emoji_name) <> ($1, $3)),
               update_at = {_TOUCH}
         WHERE id IN (SELECT post_id FROM removed)
    )
    SELECT * FROM removed
""")


async def remove_reaction(db: Db, user_id: str, post_id: str, emoji_name: str, now: int) -> Reaction | None:
    """Take a user's emoji from a locked post; None when there was none. Index: reactions_pkey."""
    return await db.one(Reaction, REMOVE, user_id, post_id, emoji_name, now)


REACTED_WITH = SQL("SELECT DISTINCT post_id FROM reactions WHERE emoji_name = $1 AND create_at <= $2 ORDER BY post_id")


async def posts_with(db: Db, emoji_name: str, until: int) -> list[str]:
    """The posts that somebody put an emoji to up to a time. Reads the whole table: no index is worth it."""
    return await db.values(REACTED_WITH, emoji_name, until)


REMOVE_ALL = SQL("""
    WITH held AS MATERIALIZED (
        SELECT id, channel_id FROM posts WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE
    ), removed AS (
        DELETE FROM reactions
         WHERE post_id IN (SELECT id FROM held) AND emoji_name = $2 AND create_at <= $3
     RETURNING post_id
    ), newest AS MATERIALIZED (
        SELECT channel.id AS channel_id,
               greatest($4, (SELECT max(update_at) FROM posts WHERE channel_id = channel.id AND original_id = '') + 1)
                   AS update_at
          FROM (SELECT DISTINCT channel_id AS id FROM held) AS channel
    )
    UPDATE posts
       SET has_reactions = EXISTS (SELECT FROM reactions AS other
                                    WHERE other.post_id = posts.id AND (other.emoji_name <> $2 OR create_at > $3)),
           update_at = newest.update_at
      FROM newest
     WHERE newest.channel_id = posts.channel_id AND posts.id IN (SELECT post_id FROM removed)
""")


async def remove_all(db: Db, post_ids: Sequence[str], emoji_name: str, until: int, now: int) -> None:
    """Take an emoji from posts where it was put up to a time; the posts count as changed."""
    await db.run(REMOVE_ALL, post_ids, emoji_name, until, now)
