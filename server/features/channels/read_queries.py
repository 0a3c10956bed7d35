"""What users have seen of channels: the counters of `channel_members` against those of `channels`."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from server.db import HASTY, SQL, Db
from server.features.channels.member_models import ChannelUnread


def _left(count: str) -> str:
    """Mentions that are unread after a look. They are taken off, not set to 0: one that a post adds at the same moment
    stays counted. Not those that the user counts again from an earlier post on at that moment."""
    return f"CASE WHEN m.last_viewed_at < g.last_viewed_at THEN 0 ELSE greatest(0, m.{count} - g.{count}) END"


# coalesce() keeps the planner from looking through whole teams. Rows are locked in the order of their keys.
# Another look of the same user that saw as much meanwhile, or more, has done it all.
SEEN = f"""
    WITH goal AS (
        SELECT m.channel_id, m.user_id, m.last_viewed_at, greatest(m.last_viewed_at, c.last_post_at) AS viewed_at,
               c.total_msg_count, c.total_msg_count_root,
               m.mention_count, m.mention_count_root, m.urgent_mention_count,
               m.last_viewed_at < c.last_post_at OR m.msg_count <> c.total_msg_count
                   OR m.msg_count_root <> c.total_msg_count_root OR m.mention_count > 0
                   OR m.mention_count_root > 0 OR m.urgent_mention_count > 0 AS stale
          FROM {{which}}
      ORDER BY m.channel_id, m.user_id
    ), seen AS (
        UPDATE channel_members m
           SET last_viewed_at = g.viewed_at,
               msg_count = g.total_msg_count,
               msg_count_root = g.total_msg_count_root,
               mention_count = {_left("mention_count")},
               mention_count_root = {_left("mention_count_root")},
               urgent_mention_count = {_left("urgent_mention_count")},
               last_update_at = g.viewed_at
          FROM goal g
         WHERE m.channel_id = g.channel_id AND m.user_id = g.user_id AND g.stale
           AND (m.last_viewed_at < g.viewed_at OR m.last_viewed_at = g.last_viewed_at)
           AND {HASTY}
    )
    SELECT {{columns}} FROM goal
"""

_OWN = """channel_members m
          JOIN channels c ON c.id = m.channel_id
         WHERE m.user_id = $1 AND """
_TIMES = "channel_id, viewed_at, stale"

SEE = SQL(SEEN.format(which=f"{_OWN} m.channel_id = ANY($2)", columns=_TIMES))

SEE_TOGETHER = SQL(
    SEEN.format(
        which="""unnest($1::text[], $2::text[]) AS look (user_id, channel_id)
          JOIN channel_members m ON m.channel_id = look.channel_id AND m.user_id = look.user_id
          JOIN channels c ON c.id = m.channel_id""",
        columns=f"{_TIMES}, user_id",
    )
)

SEE_TEAM = SQL(
    SEEN.format(which=f"{_OWN} coalesce(c.team_id) = $2 AND c.delete_at = 0", columns=_TIMES) + "WHERE stale"
)

SEE_PERSONAL = SQL(SEEN.format(which=f"{_OWN} coalesce(c.team_id) = ''", columns=_TIMES) + "WHERE stale")

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


async def see_together(db: Db, looks: Sequence[tuple[str, Sequence[str]]]) -> list[Seen]:
    """Mark channels as read for several users, each given with the channels; what each of them saw, in that order."""
    pairs = list(dict.fromkeys((user_id, channel_id) for user_id, channel_ids in looks for channel_id in channel_ids))
    rows = await db.rows(SEE_TOGETHER, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    found = {(row[3], row[0]): row for row in rows}
    return [
        _seen(found[user_id, channel_id] for channel_id in sorted(set(channel_ids)) if (user_id, channel_id) in found)
        for user_id, channel_ids in looks
    ]


async def see_team(db: Db, user_id: str, team_id: str) -> Seen:
    """Mark a user's live channels of a team as read; only those that had something new are given."""
    return _seen(await db.rows(SEE_TEAM, user_id, team_id))


async def see_personal(db: Db, user_id: str) -> Seen:
    """Mark a user's direct and group channels as read; only those that had something new are given."""
    return _seen(await db.rows(SEE_PERSONAL, user_id))


async def unread(db: Db, channel_id: str, user_id: str) -> ChannelUnread | None:
    """What a user has not read in a channel, or None without a membership."""
    return await db.one(ChannelUnread, UNREAD, channel_id, user_id)
