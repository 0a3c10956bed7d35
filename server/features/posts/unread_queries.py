"""Counting again what a member of a channel has not read."""

from server.db import SQL, Db
from server.features.channels.member_queries import hears_everyone
from server.features.posts.models import CHANNEL_WIDE, UNCOUNTED, ChannelUnreadAt

_UNCOUNTED = ", ".join(f"'{each}'" for each in sorted(UNCOUNTED))

# A mention that a post adds at the same moment comes on top of what is counted here.
SET_UNREAD = SQL(f"""
    WITH before AS (
        SELECT CASE WHEN {hears_everyone("u", "own")} THEN ARRAY[$1, '{CHANNEL_WIDE}'] ELSE ARRAY[$1] END AS called,
               own.mention_count, own.mention_count_root, own.urgent_mention_count
          FROM channel_members AS own
          JOIN users AS u ON u.id = own.user_id
         WHERE own.channel_id = $2 AND own.user_id = $1
    ), later AS (
        SELECT count(*) AS posts,
               count(*) FILTER (WHERE root_id = '') AS roots,
               count(*) FILTER (WHERE called) AS mentions,
               count(*) FILTER (WHERE called AND root_id = '') AS root_mentions,
               count(*) FILTER (WHERE called AND root_id = '' AND urgent) AS urgent_mentions
          FROM (SELECT root_id,
                       user_id <> $1 AND mentions && (SELECT called FROM before) AS called,
                       priority ->> 'priority' = 'urgent' AS urgent
                  FROM posts
                 WHERE channel_id = $2 AND create_at >= $3::bigint AND delete_at = 0
                   AND type NOT IN ({_UNCOUNTED})) AS unread
    )
    UPDATE channel_members m
       SET last_viewed_at = $3 - 1,
           last_update_at = $4,
           msg_count = greatest(0, c.total_msg_count - later.posts),
           mention_count = later.mentions + greatest(0, m.mention_count - before.mention_count),
           msg_count_root = CASE WHEN $5 THEN greatest(0, c.total_msg_count_root - later.roots)
                                 ELSE m.msg_count_root END,
           mention_count_root = CASE WHEN $5
               THEN later.root_mentions + greatest(0, m.mention_count_root - before.mention_count_root)
               ELSE m.mention_count_root END,
           urgent_mention_count = CASE WHEN $5
               THEN later.urgent_mentions + greatest(0, m.urgent_mention_count - before.urgent_mention_count)
               ELSE m.urgent_mention_count END
      FROM before, later, channels c
     WHERE m.channel_id = $2 AND m.user_id = $1 AND c.id = $2
 RETURNING c.team_id, m.user_id, m.channel_id, m.msg_count, m.mention_count, m.mention_count_root,
           m.urgent_mention_count, m.msg_count_root, m.last_viewed_at
""")


async def set_unread(
    db: Db, user_id: str, channel_id: str, from_time: int, now: int, *, roots_too: bool
) -> ChannelUnreadAt | None:
    """Make a channel unread from a time on, with `roots_too` also for collapsed threads; None without membership.

    Index: posts_channel_idx.
    """
    return await db.one(ChannelUnreadAt, SET_UNREAD, user_id, channel_id, from_time, now, roots_too)
