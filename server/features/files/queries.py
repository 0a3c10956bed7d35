"""The table `files`."""

from collections.abc import Sequence

from msgspec.structs import astuple

from server.db import SQL, Db, columns
from server.db.pool import batch
from server.features.files.models import FileInfo, StoredFile

INFO_COLUMNS = columns(FileInfo)
_WIDTH = len(FileInfo.__struct_fields__)

INSERT_FILES = SQL(f"""
    INSERT INTO files ({INFO_COLUMNS}, pictured)
    SELECT *
      FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
                  $9::bigint[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::text[], $15::integer[],
                  $16::integer[], $17::boolean[], $18::boolean[])
""")


async def insert_files(db: Db, files: Sequence[StoredFile]) -> None:
    """Note files whose contents are in the store."""
    await db.run(INSERT_FILES, *batch([(*astuple(file.info), file.pictured) for file in files], _WIDTH + 1))


FILE_BY_ID = SQL(f"SELECT {INFO_COLUMNS}, pictured, bookmark_id FROM files WHERE id = $1 AND delete_at = 0")


async def file_by_id(db: Db, id: str) -> StoredFile | None:
    """A file that is not deleted."""
    row = await db.row(FILE_BY_ID, id)
    return StoredFile(FileInfo(*row[:_WIDTH]), *row[_WIDTH:]) if row is not None else None


FILES_OF = SQL(f"""
    SELECT {INFO_COLUMNS}
      FROM files
     WHERE post_id = $1 AND post_id <> '' AND (delete_at = 0 OR $3) AND erase_at = 0
  ORDER BY array_position($2::text[], id)
""")


async def files_of(db: Db, post_id: str, order: Sequence[str], *, deleted: bool = False) -> list[FileInfo]:
    """The files of a post in an order of ids. Index: files_post_idx."""
    return await db.many(FileInfo, FILES_OF, post_id, order, deleted)


BOOKMARK_FILE = SQL("""
    UPDATE files
       SET bookmark_id = $2, update_at = $5
     WHERE id = $1 AND user_id = $3 AND channel_id = $4 AND post_id = '' AND bookmark_id = '' AND delete_at = 0
""")


async def bookmark_file(db: Db, id: str, bookmark_id: str, user_id: str, channel_id: str, now: int) -> bool:
    """Let a bookmark show a user's file; False when it is not theirs, not for the channel, or taken already."""
    return await db.run(BOOKMARK_FILE, id, bookmark_id, user_id, channel_id, now) > 0


HAND_ON_FILE = SQL("UPDATE files SET bookmark_id = $3 WHERE id = $1 AND bookmark_id = $2")


async def hand_on_file(db: Db, id: str, bookmark_id: str, next_id: str) -> None:
    """Let another bookmark show the file of one."""
    await db.run(HAND_ON_FILE, id, bookmark_id, next_id)


ERASE_BOOKMARKED = SQL("UPDATE files SET delete_at = $3, erase_at = $3 WHERE id = $1 AND bookmark_id = $2")


async def erase_bookmarked(db: Db, id: str, bookmark_id: str, now: int) -> None:
    """Let the file of a bookmark be removed for good, soon."""
    await db.run(ERASE_BOOKMARKED, id, bookmark_id, now)


DELETE_FILES_OF = SQL("""
    UPDATE files
       SET delete_at = $2, update_at = $2
     WHERE post_id = ANY($1) AND post_id <> '' AND delete_at = 0
""")


async def delete_files_of(db: Db, post_ids: Sequence[str], now: int) -> None:
    """Delete the files of posts along with them. Index: files_post_idx."""
    await db.run(DELETE_FILES_OF, post_ids, now)


ATTACH_FILES = SQL("""
    UPDATE files
       SET post_id = $2, update_at = $5
     WHERE id = ANY($1) AND user_id = $3 AND channel_id = $4 AND post_id = ''
       AND bookmark_id = '' AND delete_at = 0
 RETURNING id
""")


async def attach_files(db: Db, ids: Sequence[str], post_id: str, user_id: str, channel_id: str, now: int) -> list[str]:
    """Let a post that is there have more files; those that are the user's, for the channel and in no post before."""
    return await db.values(ATTACH_FILES, ids, post_id, user_id, channel_id, now)


DETACH_FILES = SQL("""
    UPDATE files SET delete_at = $3, update_at = $3 WHERE id = ANY($1) AND post_id = $2 AND delete_at = 0
""")


async def detach_files(db: Db, ids: Sequence[str], post_id: str, now: int) -> None:
    """Delete some files of a post; its history still names them."""
    await db.run(DETACH_FILES, ids, post_id, now)


BRING_BACK_FILES = SQL("""
    UPDATE files
       SET delete_at = 0, update_at = $3
     WHERE id = ANY($1) AND post_id = $2 AND delete_at > 0 AND erase_at = 0
 RETURNING id
""")


async def bring_back_files(db: Db, ids: Sequence[str], post_id: str, now: int) -> list[str]:
    """Give a post back files that it had; those that are there still."""
    return await db.values(BRING_BACK_FILES, ids, post_id, now)


MOVE_FILES = SQL("""
    UPDATE files
       SET post_id = moved.new_id, channel_id = $3, update_at = $4
      FROM unnest($1::text[], $2::text[]) AS moved (old_id, new_id)
     WHERE post_id = moved.old_id AND delete_at = 0
""")


async def move_files(db: Db, old_ids: Sequence[str], new_ids: Sequence[str], channel_id: str, now: int) -> None:
    """Let the files of posts be those of their copies in another channel. Index: files_post_idx."""
    await db.run(MOVE_FILES, old_ids, new_ids, channel_id, now)


ERASE_FILES_OF = SQL("""
    UPDATE files
       SET delete_at = CASE WHEN delete_at = 0 THEN $2 ELSE delete_at END, erase_at = $2
     WHERE post_id = ANY($1) AND post_id <> '' AND erase_at = 0
""")


async def erase_files_of(db: Db, post_ids: Sequence[str], now: int) -> None:
    """Let the files of posts be removed for good, soon. Index: files_post_idx."""
    await db.run(ERASE_FILES_OF, post_ids, now)


ERASE_UNUSED = SQL("""
    UPDATE files
       SET delete_at = $3, erase_at = $3
     WHERE id >= $1 AND id < $2 AND post_id = '' AND bookmark_id = '' AND erase_at = 0
       AND NOT EXISTS (SELECT FROM drafts WHERE drafts.user_id = files.user_id AND files.id = ANY(drafts.file_ids))
       AND NOT EXISTS (SELECT FROM scheduled_posts AS scheduled
                        WHERE scheduled.user_id = files.user_id AND files.id = ANY(scheduled.file_ids))
""")


async def erase_unused(db: Db, first_id: str, end_id: str, now: int) -> None:
    """Let files with ids from one up to another that nothing has a use for be removed soon. Index: files_pkey."""
    await db.run(ERASE_UNUSED, first_id, end_id, now)


ERASED = SQL("SELECT id FROM files WHERE erase_at > 0 ORDER BY erase_at LIMIT $1")


async def erased(db: Db, limit: int) -> list[str]:
    """Files that wait to be removed. Index: files_erase_idx."""
    return await db.values(ERASED, limit)


REMOVE_FILES = SQL("DELETE FROM files WHERE id = ANY($1) AND erase_at > 0")


async def remove_files(db: Db, ids: Sequence[str]) -> None:
    """Forget files whose contents are gone from the store."""
    await db.run(REMOVE_FILES, ids)
