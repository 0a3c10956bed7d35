"""The tables `threads` and `thread_memberships`; the first is written with each reply, by posts/insert.py."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from server.db import HASTY, SQL, Db
from server.features.channels.member_queries import hears_everyone
from server.features.posts.large_props import large_of_page
from server.features.posts.metadata import shown_in_page
from server.features.posts.models import (
    CHANNEL_WIDE,
    PAGE_PRIORITY,
    PAGE_WIDTH,
    Post,
    StoredPost,
    page_columns,
    stored_columns,
)
from server.features.threads.models import Filter, Follower, ThreadResponse, ThreadState, Totals

# How many live replies came after the user's last look; none was read before the first look.
UNREAD_REPLIES = """
    CASE WHEN m.last_viewed >= t.last_reply_at THEN 0
         WHEN m.last_viewed <= p.create_at THEN p.reply_count
         ELSE (SELECT count(*) FROM posts r
                WHERE r.root_id = m.post_id AND r.root_id <> '' AND r.create_at > m.last_viewed AND r.delete_at = 0)
    END"""

STATE = f"""
    p.reply_count, coalesce(t.last_reply_at, 0), p.delete_at, coalesce(t.participants, '{{}}'), m.last_viewed,
    coalesce({UNREAD_REPLIES}, 0), m.unread_mentions, m.following"""

_STATE_WIDTH = len(msgspec.structs.fields(ThreadState))
_POST = stored_columns("p")


def _followed(more: str = "") -> str:
    """The threads that a user follows, wherever they are. From here to their channels, and never the other way."""
    return f"""
      WITH followed AS MATERIALIZED (
           SELECT m.post_id, m.last_viewed, m.unread_mentions, t.channel_id, t.last_reply_at
             FROM thread_memberships m
             JOIN threads t ON t.post_id = m.post_id
            WHERE m.user_id = $1 AND m.following AND (t.delete_at = 0 OR $4) {more})"""


# Those in channels that the user is still in: of the team ($2), and direct and group ones. What is compared with true
# is no join: the channels, of which threads may share a few, are looked up once, where a join does that for each thread
# at some numbers of rows.
_HERE = """(followed.channel_id IN (
               SELECT c.id
                 FROM (SELECT DISTINCT channel_id FROM followed) AS place
                 JOIN channel_members cm ON cm.channel_id = place.channel_id AND cm.user_id = $1
                 JOIN channels c ON c.id = cm.channel_id
                WHERE coalesce(c.team_id) = $2 OR c.team_id = '' AND NOT $3)) IS TRUE"""

_WANTED = """
              AND ($5::bigint = 0 OR t.last_reply_at >= $5 OR m.last_updated >= $5)
              AND (NOT $6 OR t.last_reply_at > m.last_viewed)"""


def _threads_sql(page: str) -> SQL:
    """Only the threads of the page are read as a whole."""
    return SQL(f"""
    {_followed(_WANTED)}, page AS MATERIALIZED (
           SELECT post_id, last_viewed, unread_mentions FROM followed WHERE {_HERE} {page} LIMIT $7)
    SELECT {page_columns("p")},
           t.last_reply_at, m.last_viewed, {UNREAD_REPLIES}, m.unread_mentions, array_to_string(t.participants, ',')
      FROM page m
      JOIN threads t ON t.post_id = m.post_id
      JOIN posts p ON p.id = m.post_id
  ORDER BY t.last_reply_at DESC, t.post_id DESC
    """)


_BESIDE = "(SELECT last_reply_at, post_id FROM threads WHERE post_id = $8)"

FIRST = _threads_sql("ORDER BY last_reply_at DESC, post_id DESC")

BEFORE = _threads_sql(f"AND (last_reply_at, post_id) < {_BESIDE} ORDER BY last_reply_at DESC, post_id DESC")

AFTER = _threads_sql(f"AND (last_reply_at, post_id) > {_BESIDE} ORDER BY last_reply_at, post_id")


def _thread(row: Sequence[object]) -> tuple[ThreadState, StoredPost]:
    return ThreadState(*row[:_STATE_WIDTH]), StoredPost(*row[_STATE_WIDTH:])  # type: ignore[arg-type]


async def threads_of(db: Db, user_id: str, team_id: str, which: Filter) -> list[ThreadResponse]:
    """Threads that a user follows, those with the newest reply first. Index: thread_memberships_user_idx.

    Participants are ids for now; reactions and files are missing, and what pages leave out besides.
    """
    arguments = (user_id, team_id, which.exclude_direct, which.deleted, which.since, which.unread, which.limit)
    if which.before:
        rows = await db.rows(BEFORE, *arguments, which.before)
    elif which.after:
        rows = await db.rows(AFTER, *arguments, which.after)
    else:
        rows = await db.rows(FIRST, *arguments)
    large = await large_of_page(db, rows)
    return [_listed(row, shown_in_page(row, large)) for row in rows]


def _listed(row: Sequence[Any], post: Post) -> ThreadResponse:
    last_reply_at, last_viewed, unread_replies, unread_mentions, participants = row[PAGE_WIDTH:]
    post.last_reply_at = last_reply_at
    post.is_following = True
    return ThreadResponse(
        id=post.id,
        reply_count=post.reply_count,
        last_reply_at=last_reply_at,
        last_viewed_at=last_viewed,
        participants=participants.split(",") if participants else [],
        post=post,
        unread_replies=unread_replies,
        unread_mentions=unread_mentions,
        is_urgent=is_urgent(row[PAGE_PRIORITY]),
        delete_at=post.delete_at,
    )


def is_urgent(priority: Mapping[str, Any] | None) -> bool:
    """Whether a root post of this priority makes its thread an urgent one."""
    return priority is not None and priority.get("priority") == "urgent"


# Of few threads it is asked whether they are urgent.
TOTALS_OF = SQL(f"""
    {_followed()}
    SELECT count(*),
           count(*) FILTER (WHERE last_reply_at > last_viewed),
           coalesce(sum(unread_mentions), 0)::bigint,
           coalesce(sum(unread_mentions) FILTER (WHERE unread_mentions > 0 AND EXISTS (
               SELECT FROM posts p WHERE p.id = followed.post_id AND p.priority ->> 'priority' = 'urgent')), 0)::bigint
      FROM followed
     WHERE {_HERE}
""")


async def totals_of(db: Db, user_id: str, team_id: str, which: Filter) -> Totals:
    """How many threads a user follows in a team. Index: thread_memberships_user_idx."""
    return await db.one(Totals, TOTALS_OF, user_id, team_id, which.exclude_direct, which.deleted) or Totals()


MENTION_COUNTS_OF = SQL("""
    SELECT t.channel_id, sum(m.unread_mentions)::bigint
      FROM thread_memberships m
      JOIN threads t ON t.post_id = m.post_id AND t.delete_at = 0
      JOIN channels c ON c.id = t.channel_id AND (c.team_id = $2 OR c.team_id = '')
      JOIN channel_members cm ON cm.channel_id = c.id AND cm.user_id = m.user_id
     WHERE m.user_id = $1 AND m.following AND m.unread_mentions > 0
  GROUP BY t.channel_id
""")


async def mention_counts_of(db: Db, user_id: str, team_id: str) -> dict[str, int]:
    """Unread mentions in followed threads by channel. Index: thread_memberships_user_idx."""
    return {row[0]: row[1] for row in await db.rows(MENTION_COUNTS_OF, user_id, team_id)}


THREAD_OF = SQL(f"""
    SELECT {STATE}, {_POST}
      FROM thread_memberships m
      JOIN posts p ON p.id = m.post_id
 LEFT JOIN threads t ON t.post_id = m.post_id
     WHERE m.post_id = $2 AND m.user_id = $1
""")


async def thread_of(db: Db, user_id: str, post_id: str) -> tuple[ThreadState, StoredPost] | None:
    """A thread as one user sees it, or None when the user never had to do with it."""
    row = await db.row(THREAD_OF, user_id, post_id)
    return _thread(row) if row is not None else None


# The thread as nobody in particular sees it, and its followers who are still in the channel.
THREAD_WITH_FOLLOWERS = SQL(f"""
    SELECT (SELECT jsonb_agg(jsonb_build_array(m.user_id, m.last_viewed, {UNREAD_REPLIES}, m.unread_mentions))
              FROM thread_memberships m
              JOIN channel_members cm ON cm.channel_id = p.channel_id AND cm.user_id = m.user_id
             WHERE m.post_id = p.id AND m.following),
           p.reply_count, t.last_reply_at, t.delete_at, t.participants, 0, 0, 0, false, {_POST}
      FROM posts p
      JOIN threads t ON t.post_id = p.id
     WHERE p.id = $1
""")


async def thread_with_followers(db: Db, post_id: str) -> tuple[ThreadState, StoredPost, list[Follower]] | None:
    """A thread and what each of its followers has not read. Indexes: the keys of posts and thread_memberships."""
    row = await db.row(THREAD_WITH_FOLLOWERS, post_id)
    if row is None:
        return None
    return *_thread(row[1:]), [Follower(*follower) for follower in row[0] or ()]


# The clock of who stored the last reply may be ahead of that of who follows.
FOLLOW = SQL("""
    INSERT INTO thread_memberships AS m (post_id, user_id, following, last_viewed, last_updated)
    VALUES ($1, $2, $3,
            CASE WHEN $3 THEN greatest($4::bigint, (SELECT last_reply_at FROM threads WHERE post_id = $1)) ELSE 0 END,
            $4)
        ON CONFLICT (post_id, user_id) DO UPDATE
       SET following = $3,
           last_updated = $4,
           last_viewed = CASE WHEN $3 AND NOT m.following THEN excluded.last_viewed ELSE m.last_viewed END,
           unread_mentions = CASE WHEN $3 = m.following THEN m.unread_mentions ELSE 0 END
""")


async def set_following(db: Db, post_id: str, user_id: str, following: bool, now: int) -> None:
    """Make a user follow a thread, from now on read, or stop it."""
    await db.run(FOLLOW, post_id, user_id, following, now)


def _called_after(time: str) -> str:
    """Mentions that came after a time; those of oneself don't count."""
    return f"""(SELECT count(*) FROM posts r
                    WHERE r.root_id = $1 AND r.root_id <> '' AND r.create_at > {time} AND r.delete_at = 0
                      AND r.user_id <> $2 AND r.mentions && (SELECT called FROM names))"""


# Those that came after the time instead of those that were unread before. One that a reply adds at the same moment
# comes on top of what is counted here. When the user did this elsewhere at that moment, those after that look were.
SET_VIEWED = SQL(f"""
    WITH before AS (
        SELECT m.post_id, m.user_id, m.last_viewed, coalesce({UNREAD_REPLIES}, 0) AS unread_replies, m.unread_mentions
          FROM thread_memberships m
          JOIN posts p ON p.id = m.post_id
     LEFT JOIN threads t ON t.post_id = m.post_id
         WHERE m.post_id = $1 AND m.user_id = $2
    ), names AS (
        SELECT CASE WHEN {hears_everyone("u", "own")} THEN ARRAY[$2, '{CHANNEL_WIDE}'] ELSE ARRAY[$2] END AS called
          FROM posts AS root
          JOIN channel_members AS own ON own.channel_id = root.channel_id AND own.user_id = $2
          JOIN users AS u ON u.id = own.user_id
         WHERE root.id = $1
    ), m AS (
        UPDATE thread_memberships AS own
           SET last_viewed = $3,
               last_updated = $4,
               unread_mentions = greatest(0, own.unread_mentions + {_called_after("$3")}
                   - CASE WHEN own.last_viewed = before.last_viewed THEN before.unread_mentions
                          ELSE {_called_after("own.last_viewed")} END)
          FROM before
         WHERE own.post_id = before.post_id AND own.user_id = before.user_id AND {HASTY}
     RETURNING own.post_id, own.last_viewed, own.unread_mentions, own.following,
               before.unread_replies AS replies_before, before.unread_mentions AS mentions_before
    )
    SELECT m.replies_before, m.mentions_before, {STATE}, {_POST}
      FROM m
      JOIN posts p ON p.id = m.post_id
 LEFT JOIN threads t ON t.post_id = m.post_id
""")


async def set_viewed(
    db: Db, post_id: str, user_id: str, viewed_at: int, now: int
) -> tuple[int, int, ThreadState, StoredPost] | None:
    """Set the time of a user's last look into a thread: the replies and mentions that were unread before, and how the
    user sees the thread now. None when there is no membership. Index: posts_thread_idx."""
    row = await db.row(SET_VIEWED, post_id, user_id, viewed_at, now)
    return (row[0], row[1], *_thread(row[2:])) if row is not None else None


# Up to the last reply that is seen here, and mentions are taken off, not set to 0: a reply that comes at the same
# moment stays unread. Another look of the user that saw as much meanwhile has done it all; what the user set unread
# meanwhile is read along. Rows are locked in the order of their keys.
READ = f"""
    WITH goal AS MATERIALIZED (
        SELECT m.post_id, m.last_viewed, m.unread_mentions, greatest(m.last_viewed, t.last_reply_at) AS viewed_at
          FROM thread_memberships m
          JOIN threads t ON t.post_id = m.post_id
          JOIN channels c ON c.id = t.channel_id
         WHERE m.user_id = $1 AND {{which}} AND (m.last_viewed < t.last_reply_at OR m.unread_mentions > 0)
      ORDER BY m.post_id
    )
    UPDATE thread_memberships m
       SET last_viewed = g.viewed_at,
           last_updated = $3,
           unread_mentions = CASE WHEN m.last_viewed < g.last_viewed THEN 0
                                  ELSE greatest(0, m.unread_mentions - g.unread_mentions) END
      FROM goal g
     WHERE m.post_id = g.post_id AND m.user_id = $1
       AND (m.last_viewed < g.viewed_at OR m.last_viewed = g.last_viewed) AND {HASTY}"""

READ_IN_CHANNELS = SQL(READ.format(which="c.id = ANY($2)"))
READ_IN_TEAM = SQL(READ.format(which="c.team_id IN ($2, '')"))


async def read_in_channels(db: Db, user_id: str, channel_ids: Sequence[str], now: int) -> int:
    """Mark a user's threads in these channels as read; how many were not."""
    return await db.run(READ_IN_CHANNELS, user_id, channel_ids, now)


async def read_in_team(db: Db, user_id: str, team_id: str, now: int) -> int:
    """Mark a user's threads in a team, and in direct and group channels, as read; how many were not."""
    return await db.run(READ_IN_TEAM, user_id, team_id, now)
