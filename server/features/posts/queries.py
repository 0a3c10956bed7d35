"""The table `posts`, one post at a time; `list_queries.py` has the lists, `insert.py` writes new ones."""

from collections.abc import Sequence
from typing import Any

from server.db import SQL, Db
from server.features.posts.insert import DATABASE_MS, REPEAT_MS
from server.features.posts.large_props import with_large_props
from server.features.posts.links import links_of
from server.features.posts.models import STORED_COLUMNS, PostInfo, StoredPost, stored_columns

POST_BY_ID = SQL(f"SELECT {STORED_COLUMNS} FROM posts WHERE id = $1 AND original_id = ''")


async def post_by_id(db: Db, id: str) -> StoredPost | None:
    """A post, deleted ones too; old versions are not posts."""
    return await db.one(StoredPost, POST_BY_ID, id)


POSTS_BY_IDS = SQL(f"""
    SELECT {STORED_COLUMNS}
      FROM posts
     WHERE id = ANY($1) AND original_id = '' AND delete_at = 0
  ORDER BY create_at DESC, id DESC
""")


async def posts_by_ids(db: Db, ids: Sequence[str]) -> list[StoredPost]:
    """Live posts, newest first. Index: posts_pkey."""
    return await db.many(StoredPost, POSTS_BY_IDS, ids)


REPEATED = SQL(f"""
    SELECT {STORED_COLUMNS}
      FROM posts
     WHERE id = (SELECT post_id FROM pending_posts
                  WHERE user_id = $1 AND pending_post_id = $2 AND create_at > {DATABASE_MS} - {REPEAT_MS})
""")


async def repeated_post(db: Db, user_id: str, pending_post_id: str) -> StoredPost | None:
    """The post that a user wrote under a pending_post_id a short while ago. Index: pending_posts_pkey."""
    return await db.one(StoredPost, REPEATED, user_id, pending_post_id)


SWEEP_LIMIT = 5000

SWEEP_PENDING = SQL(f"""
    DELETE FROM pending_posts
     WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM pending_posts WHERE create_at < {DATABASE_MS} - {2 * REPEAT_MS} LIMIT {SWEEP_LIMIT}))
""")


async def sweep_pending(db: Db) -> int:
    """Forget pending_post_ids that are ten minutes old, some at a time; how many."""
    return await db.run(SWEEP_PENDING)


CHANNEL_LIVES = SQL("SELECT delete_at FROM channels WHERE id = $1")


async def channel_deleted_at(db: Db, channel_id: str) -> int | None:
    """When a channel was archived, 0 for a live one, None for none."""
    deleted: int | None = await db.value(CHANNEL_LIVES, channel_id)
    return deleted


CHANNEL_OF = SQL("SELECT channel_id FROM posts WHERE id = $1 AND original_id = ''")


async def channel_of(db: Db, id: str) -> str | None:
    """The channel of a post, of a deleted one too."""
    channel_id: str | None = await db.value(CHANNEL_OF, id)
    return channel_id


NEXT_TIME = SQL("SELECT greatest($2::bigint, max(update_at) + 1) FROM posts WHERE channel_id = $1 AND original_id = ''")


async def next_change(db: Db, channel_id: str, now: int) -> int:
    """A time that is newer than every change of the channel. Index: posts_since_idx."""
    return int(await db.value(NEXT_TIME, channel_id, now))


LOCK_CHANNEL = SQL("SELECT id FROM channels WHERE id = $1 FOR NO KEY UPDATE")


async def lock_channel(db: Db, channel_id: str) -> None:
    """Let no post be written into a channel until the transaction ends."""
    await db.run(LOCK_CHANNEL, channel_id)


LOCK_POST = SQL(f"SELECT {STORED_COLUMNS} FROM posts WHERE id = $1 AND original_id = '' FOR NO KEY UPDATE")


async def lock_post(db: Db, id: str) -> StoredPost | None:
    """A post, deleted ones too, held against other changes until the transaction ends."""
    return await db.one(StoredPost, LOCK_POST, id)


# A change is newer than every change that readers of the channel have seen, also within the same millisecond.
NEXT_CHANGE = """greatest($2, (SELECT max(update_at)
                             FROM posts AS other
                            WHERE channel_id = posts.channel_id AND original_id = '') + 1)"""

CHANGE_POST = SQL(f"""
    UPDATE posts
       SET message = $3, hashtags = $4, props = $5, is_pinned = $6, preview = CASE WHEN $8 THEN preview END,
           file_ids = $9,
           edit_at = CASE WHEN $7 THEN {NEXT_CHANGE} ELSE edit_at END,
           update_at = {NEXT_CHANGE}
     WHERE id = $1
 RETURNING {STORED_COLUMNS}
""")


async def change_post(
    db: Db,
    post: StoredPost,
    now: int,
    *,
    message: str,
    hashtags: str,
    props: dict[str, Any],
    is_pinned: bool,
    file_ids: Sequence[str] | None = None,
) -> StoredPost:
    """Give a locked post new contents; another message, or other files, make it an edited one.

    With other links it has no preview.
    """
    files = post.file_ids if file_ids is None else file_ids
    edited = message != post.message or files != post.file_ids
    same_links = links_of(post.message, post.props) == links_of(message, props)
    changed = await db.one(
        StoredPost, CHANGE_POST, post.id, now, message, hashtags, props, is_pinned, edited, same_links, files
    )
    return changed or post


SET_PREVIEW = SQL(f"""
    UPDATE posts
       SET preview = $3, update_at = {NEXT_CHANGE}
     WHERE id = $1
 RETURNING {STORED_COLUMNS}
""")


async def set_preview(db: Db, post: StoredPost, now: int, preview: dict[str, Any] | None) -> StoredPost:
    """Give a locked post what stands behind its links. That makes it a changed one, but not an edited one."""
    return await db.one(StoredPost, SET_PREVIEW, post.id, now, preview) or post


KEEP_VERSION = SQL("""
    INSERT INTO posts (id, create_at, update_at, edit_at, delete_at, user_id, channel_id, root_id, original_id, message,
                       type, props, hashtags, file_ids)
    SELECT $2, create_at, update_at, edit_at, $3, user_id, channel_id, root_id, id, message,
           type, props, hashtags, file_ids
      FROM posts
     WHERE id = $1
""")


async def keep_version(db: Db, id: str, version_id: str, now: int) -> None:
    """Copy a post as it is now into its history."""
    await db.run(KEEP_VERSION, id, version_id, now)


MAX_VERSIONS = 200

VERSIONS_OF = SQL(f"""
    SELECT {stored_columns(listed=True)}
      FROM posts
     WHERE original_id = $1 AND original_id <> ''
  ORDER BY delete_at DESC, id DESC
     LIMIT {MAX_VERSIONS}
""")


async def versions_of(db: Db, id: str) -> list[StoredPost]:
    """What a post said before, newest first, the last 200. Index: posts_history_idx."""
    return await with_large_props(db, await db.many(StoredPost, VERSIONS_OF, id))


VERSION = SQL(f"SELECT {STORED_COLUMNS} FROM posts WHERE id = $2 AND original_id = $1")


async def version_by_id(db: Db, id: str, version_id: str) -> StoredPost | None:
    """One of the old versions of a post."""
    return await db.one(StoredPost, VERSION, id, version_id)


WHERE_IS = SQL("""
    SELECT c.id, c.type, c.display_name, m.user_id IS NOT NULL, coalesce(t.id, ''), coalesce(t.type, ''),
           coalesce(t.display_name, ''), tm.user_id IS NOT NULL, coalesce(t.allow_open_invite, false)
      FROM posts p
      JOIN channels c ON c.id = p.channel_id
 LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $2
 LEFT JOIN teams t ON t.id = c.team_id
 LEFT JOIN team_members tm ON tm.team_id = t.id AND tm.user_id = $2 AND tm.delete_at = 0
     WHERE p.id = $1 AND p.original_id = '' AND p.delete_at = 0 AND c.delete_at = 0
""")


async def where_is(db: Db, post_id: str, user_id: str) -> tuple[PostInfo, bool] | None:
    """Where a live post is, seen by a user, and whether everyone may join its team."""
    row = await db.row(WHERE_IS, post_id, user_id)
    return (PostInfo(*row[:-1]), row[-1]) if row is not None else None
