"""The table `drafts`."""

from collections.abc import Sequence
from typing import Any

from server.db import SQL, Db
from server.features.drafts.models import MAX_BYTES, MAX_DRAFTS, StoredDraft

_COLUMNS = "user_id, channel_id, root_id, create_at, update_at, message, type, props, priority"


def _files(ids: str) -> str:
    """Those of the files that their uploader can still put into a post of the channel, in the order of the ids."""
    return f"""CASE WHEN {ids} <> '{{}}' THEN
               (SELECT jsonb_agg(to_jsonb(info) ORDER BY array_position({ids}, info.id))
                  FROM file_infos AS info
                  JOIN files ON files.id = info.id
                 WHERE info.id = ANY({ids}) AND info.user_id = drafts.user_id AND info.channel_id = drafts.channel_id
                   AND info.post_id = '' AND info.delete_at = 0 AND files.bookmark_id = '') END"""


_THREAD = """EXISTS (SELECT FROM posts
                    WHERE id = $3 AND channel_id = $2 AND root_id = '' AND original_id = '' AND delete_at = 0)"""

# Only into a thread that is there, and when there are many drafts already only into one of them; all together are
# not larger than they may be.
UPSERT = SQL(f"""
    INSERT INTO drafts AS drafts ({_COLUMNS}, file_ids)
    SELECT $1, $2, $3, $4, $4, $5, $6, $7::jsonb, $8::jsonb, $9::text[]
     WHERE ($3 = '' OR {_THREAD})
       AND ((SELECT count(*) FROM (SELECT FROM drafts WHERE user_id = $1 LIMIT {MAX_DRAFTS}) AS own) < {MAX_DRAFTS}
            OR EXISTS (SELECT FROM drafts WHERE user_id = $1 AND channel_id = $2 AND root_id = $3))
       AND (SELECT coalesce(sum(octet_length(message) + octet_length(props::text)), 0)
              FROM drafts
             WHERE user_id = $1 AND (channel_id, root_id) <> ($2, $3))
           + octet_length($5::text) + octet_length($7::jsonb::text) <= {MAX_BYTES}
        ON CONFLICT (user_id, channel_id, root_id) DO UPDATE
       SET update_at = greatest(excluded.update_at, drafts.update_at + 1), message = excluded.message,
           type = excluded.type, props = excluded.props, priority = excluded.priority, file_ids = excluded.file_ids
 RETURNING {_COLUMNS}, {_files("drafts.file_ids")}, xmax = 0
""")


async def upsert_draft(
    db: Db,
    user_id: str,
    channel_id: str,
    root_id: str,
    now: int,
    *,
    message: str,
    type: str,
    props: dict[str, Any],
    priority: dict[str, Any] | None,
    file_ids: Sequence[str],
) -> tuple[StoredDraft, bool] | None:
    """Keep a draft, and whether it is a new one; None when its thread is gone or all are too many or too large."""
    row = await db.row(UPSERT, user_id, channel_id, root_id, now, message, type, props, priority, file_ids)
    return (StoredDraft(*row[:-1]), row[-1]) if row is not None else None


ROOT_LIVES = SQL("""
    SELECT EXISTS (SELECT FROM posts
                    WHERE id = $1 AND channel_id = $2 AND root_id = '' AND original_id = '' AND delete_at = 0)
""")


async def is_thread(db: Db, root_id: str, channel_id: str) -> bool:
    """Whether a post of a channel can have replies."""
    return bool(await db.value(ROOT_LIVES, root_id, channel_id))


DELETE_DRAFT = SQL(f"""
    DELETE FROM drafts WHERE user_id = $1 AND channel_id = $2 AND root_id = $3 RETURNING {_COLUMNS}, NULL::jsonb
""")


async def delete_draft(db: Db, user_id: str, channel_id: str, root_id: str) -> StoredDraft | None:
    """Forget a draft; None when there was none. Index: drafts_pkey."""
    return await db.one(StoredDraft, DELETE_DRAFT, user_id, channel_id, root_id)


DRAFTS_OF = SQL(f"""
    SELECT {", ".join(f"drafts.{column}" for column in _COLUMNS.split(", "))}, {_files("drafts.file_ids")}
      FROM drafts
      JOIN channels ON channels.id = drafts.channel_id AND channels.delete_at = 0
      JOIN channel_members AS member ON member.channel_id = drafts.channel_id AND member.user_id = drafts.user_id
     WHERE drafts.user_id = $1 AND channels.team_id IN ($2, '')
       AND (drafts.root_id = '' OR EXISTS (SELECT FROM posts WHERE posts.id = drafts.root_id AND posts.delete_at = 0))
  ORDER BY drafts.update_at DESC
""")


async def drafts_of(db: Db, user_id: str, team_id: str) -> list[StoredDraft]:
    """A user's drafts in a team and in direct and group channels, as far as they could be posted, newest first."""
    return await db.many(StoredDraft, DRAFTS_OF, user_id, team_id)


SWEEP_LIMIT = 1000

SWEEP = SQL(f"""
    DELETE FROM drafts
     WHERE ctid = ANY(ARRAY(
               SELECT drafts.ctid
                 FROM drafts
            LEFT JOIN channel_members AS member
                   ON member.channel_id = drafts.channel_id AND member.user_id = drafts.user_id
            LEFT JOIN posts ON posts.id = drafts.root_id AND posts.delete_at = 0
                WHERE drafts.update_at < $1
                  AND (member.user_id IS NULL OR (drafts.root_id <> '' AND posts.id IS NULL))
                LIMIT {SWEEP_LIMIT}))
""")


async def sweep_drafts(db: Db, before: int) -> int:
    """Forget old drafts that are shown no longer, some at a time; how many. Index: drafts_update_at_idx."""
    return await db.run(SWEEP, before)
