"""What users have seen of channels: the counters of `channel_members` against those of `channels`."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from server.db import SQL, Db
from server.features.channels.member_models import ChannelUnread

# coalesce() keeps the planner from looking through whole teams.
# Mentions are taken off, not set to 0: one that a post adds at the same moment stays counted.
SEEN = """
    WITH goal AS (
        SELECT m.channel_id, greatest(m.last_viewed_at, c.last_post_at) AS viewed_at,
               c.total_msg_count, c.total_msg_count_root,
               m.mention_count, m.mention_count_root, m.urgent_mention_count,
               m.last_viewed_at < c.last_post_at OR m.msg_count <> c.total_msg_count
                   OR m.msg_count_root <> c.total_msg_count_root OR m.mention_count > 0
                   OR m.mention_count_root > 0 OR m.urgent_mention_count > 0 AS stale
          FROM channel_members m
          JOIN channels c ON c.id = m.channel_id
         WHERE m.user_id = $1 AND {which}
      ORDER BY m.channel_id
    ), seen AS (
        UPDATE channel_members m
           SET last_viewed_at = g.viewed_at,
               msg_count = g.total_msg_count,
               msg_count_root = g.total_msg_count_root,
               mention_count = greatest(0, m.mention_count - g.mention_count),
               mention_count_root = greatest(0, m.mention_count_root - g.mention_count_root),
               urgent_mention_count = greatest(0, m.urgent_mention_count - g.urgent_mention_count),
               last_update_at = g.viewed_at
          FROM goal g
         WHERE m.channel_id = g.channel_id AND m.user_id = $1 AND g.stale
    )
    SELECT channel_id, viewed_at, stale FROM goal WHERE stale OR NOT {stale_only} ORDER BY channel_id
"""

SEE = SQL(SEEN.format(which="m.channel_id = ANY($2)", stale_only="false"))

SEE_TEAM = SQL(SEEN.format(which="coalesce(c.team_id) = $2 AND c.delete_at = 0", stale_only="true"))

SEE_PERSONAL = SQL(SEEN.format(which="coalesce(c.team_id) = ''", stale_only="true"))

UNREAD = SQL("""
    SELECT c.team_id, c.id, greatest(0, c.total_msg_count - m.msg_count), m.mention_count, m.mention_count_root,
           m.urgent_mention_count, greatest(0, c.total_msg_count_root - m.msg_count_root)
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     WHERE m.channel_id = $1 AND m.user_id = $2
""")


class Seen(Struct, frozen=True):
    """Channels that were looked into."""

    times: dict[str, int]
    """When each was last viewed."""
    unread: list[str]
    """Those that had something new."""


def _seen(rows: Iterable[Any]) -> Seen:
    found = list(rows)
    return Seen({row[0]: row[1] for row in found}, [row[0] for row in found if row[2]])


async def see(db: Db, user_id: str, channel_ids: Sequence[str]) -> Seen:
    """Mark channels as read; those that the user is not in are left out."""
    return _seen(await db.rows(SEE, user_id, channel_ids))


async def see_team(db: Db, user_id: str, team_id: str) -> Seen:
    """Mark a user's live channels of a team as read; only those that had something new are given."""
    return _seen(await db.rows(SEE_TEAM, user_id, team_id))


async def see_personal(db: Db, user_id: str) -> Seen:
    """Mark a user's direct and group channels as read; only those that had something new are given."""
    return _seen(await db.rows(SEE_PERSONAL, user_id))


async def unread(db: Db, channel_id: str, user_id: str) -> ChannelUnread | None:
    """What a user has not read in a channel, or None without a membership."""
    return await db.one(ChannelUnread, UNREAD, channel_id, user_id)
