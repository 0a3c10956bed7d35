"""Moving threads: reading one whole, and making copies of its posts what the originals were."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.posts.models import StoredPost, stored_columns

THREAD = SQL(f"""
    SELECT {stored_columns("p")}
      FROM posts p
     WHERE (p.id = $1 OR p.root_id = $1 AND p.root_id <> '') AND p.original_id = '' AND p.delete_at = 0
  ORDER BY p.root_id <> '', p.create_at, p.id
     LIMIT $2
""")


async def thread_of(db: Db, root_id: str, limit: int) -> list[StoredPost]:
    """The live posts of a thread, the root first, then from the oldest on. Indexes: posts_pkey, posts_thread_idx."""
    return await db.many(StoredPost, THREAD, root_id, limit)


COMPLETE = SQL("""
    UPDATE posts AS copy
       SET file_ids = original.file_ids, has_reactions = original.has_reactions, preview = original.preview
      FROM unnest($1::text[], $2::text[]) AS moved (old_id, new_id)
      JOIN posts AS original ON original.id = moved.old_id
     WHERE copy.id = moved.new_id
""")


async def complete_copies(db: Db, old_ids: Sequence[str], new_ids: Sequence[str]) -> None:
    """Give copies of posts what their writing does not bring along."""
    await db.run(COMPLETE, old_ids, new_ids)


COPY_FOLLOWERS = SQL("""
    INSERT INTO thread_memberships (post_id, user_id, following, last_viewed, last_updated)
    SELECT $2, m.user_id, m.following, 0, m.last_updated
      FROM thread_memberships m
      JOIN channel_members c ON c.channel_id = $3 AND c.user_id = m.user_id
     WHERE m.post_id = $1
        ON CONFLICT (post_id, user_id) DO NOTHING
""")


async def copy_followers(db: Db, old_root_id: str, new_root_id: str, channel_id: str) -> None:
    """Let the followers of a thread who are in the channel follow its copy, and those who left it not."""
    await db.run(COPY_FOLLOWERS, old_root_id, new_root_id, channel_id)


POSTS = SQL(f"SELECT {stored_columns('p')} FROM posts p WHERE p.id = ANY($1) ORDER BY p.create_at, p.id")


async def written_posts(db: Db, ids: Sequence[str]) -> list[StoredPost]:
    """Posts by their ids, the oldest first. Index: posts_pkey."""
    return await db.many(StoredPost, POSTS, ids)
