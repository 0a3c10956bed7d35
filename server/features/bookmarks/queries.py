"""The table `channel_bookmarks`."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import astuple

from server.db import SQL, Db, columns
from server.features.bookmarks.models import MAX_SINCE, ChannelBookmark
from server.features.files.models import FileInfo

COLUMNS = columns(ChannelBookmark, leave=("file",))
_WIDTH = len(ChannelBookmark.__struct_fields__) - 1

# A deleted one still says which file it had.
_SHOWN = f"""{COLUMNS},
           CASE WHEN file_id <> '' THEN
               (SELECT to_jsonb(info) FROM file_infos AS info WHERE info.id = channel_bookmarks.file_id) END"""


def _shown(*row: Any) -> ChannelBookmark:
    bookmark = ChannelBookmark(*row[:-1])
    if row[-1] is not None:
        bookmark.file = FileInfo(**row[-1])
    return bookmark


BOOKMARKS_OF = SQL(f"""
    SELECT {_SHOWN}
      FROM channel_bookmarks
     WHERE channel_id = $1 AND delete_at = 0
  ORDER BY sort_order, id
""")


async def bookmarks_of(db: Db, channel_id: str) -> list[ChannelBookmark]:
    """The bookmarks of a channel in their order. Index: channel_bookmarks_channel_idx."""
    return await db.many(_shown, BOOKMARKS_OF, channel_id)


CHANGED_SINCE = SQL(f"""
    SELECT {_SHOWN}
      FROM channel_bookmarks
     WHERE channel_id = $1 AND update_at >= $2
  ORDER BY sort_order, id
     LIMIT {MAX_SINCE}
""")


async def changed_since(db: Db, channel_id: str, since: int) -> list[ChannelBookmark]:
    """What changed since a time, deleted ones too. Index: channel_bookmarks_channel_idx."""
    return await db.many(_shown, CHANGED_SINCE, channel_id, since)


LOCK_CHANNEL = SQL("SELECT delete_at FROM channels WHERE id = $1 FOR NO KEY UPDATE")


async def lock_channel(db: Db, channel_id: str) -> bool:
    """Let nobody else change the bookmarks of a channel until the transaction ends; False for an archived one."""
    return bool(await db.value(LOCK_CHANNEL, channel_id) == 0)


BOOKMARK_BY_ID = SQL(f"SELECT {_SHOWN} FROM channel_bookmarks WHERE id = $1 AND channel_id = $2 AND delete_at = 0")


async def bookmark_by_id(db: Db, id: str, channel_id: str) -> ChannelBookmark | None:
    """A bookmark of a channel."""
    return await db.one(_shown, BOOKMARK_BY_ID, id, channel_id)


INSERT_BOOKMARK = SQL(f"""
    INSERT INTO channel_bookmarks ({COLUMNS})
    VALUES ({", ".join(f"${number}" for number in range(1, _WIDTH + 1))})
""")


async def insert_bookmark(db: Db, bookmark: ChannelBookmark) -> None:
    """Store a new bookmark."""
    await db.run(INSERT_BOOKMARK, *astuple(bookmark)[:_WIDTH])


UPDATE_BOOKMARK = SQL("""
    UPDATE channel_bookmarks
       SET update_at = $2, file_id = $3, display_name = $4, sort_order = $5, link_url = $6, image_url = $7, emoji = $8
     WHERE id = $1
""")


async def update_bookmark(db: Db, bookmark: ChannelBookmark) -> None:
    """Store what a bookmark is now."""
    await db.run(
        UPDATE_BOOKMARK,
        bookmark.id,
        bookmark.update_at,
        bookmark.file_id,
        bookmark.display_name,
        bookmark.sort_order,
        bookmark.link_url,
        bookmark.image_url,
        bookmark.emoji,
    )


DELETE_BOOKMARK = SQL("UPDATE channel_bookmarks SET delete_at = $2, update_at = $2 WHERE id = $1")


async def delete_bookmark(db: Db, id: str, now: int) -> None:
    """Mark a bookmark as deleted."""
    await db.run(DELETE_BOOKMARK, id, now)


SORT_BOOKMARKS = SQL("""
    UPDATE channel_bookmarks
       SET sort_order = sorted.place - 1, update_at = $2
      FROM unnest($1::text[]) WITH ORDINALITY AS sorted (id, place)
     WHERE channel_bookmarks.id = sorted.id AND sort_order <> sorted.place - 1
""")


async def sort_bookmarks(db: Db, ids: Sequence[str], now: int) -> None:
    """Bring the bookmarks of a channel, all of them, into an order."""
    await db.run(SORT_BOOKMARKS, ids, now)


SWEEP = SQL("""
    DELETE FROM channel_bookmarks
     WHERE id = ANY(ARRAY(SELECT id FROM channel_bookmarks WHERE delete_at > 0 AND delete_at < $1 LIMIT 1000))
""")


async def sweep_bookmarks(db: Db, before: int) -> int:
    """Forget bookmarks that were deleted long ago, some at a time; how many. Index: channel_bookmarks_deleted_idx."""
    return await db.run(SWEEP, before)
