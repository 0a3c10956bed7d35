"""Posts that were stored and that nobody heard of, since their node died before it could publish them.

They come to light when the next post of their channel has to wait for them, or by a sweep over what was written of
late. Both read them from the database; the turns of posts see to it that none is published twice.
"""

from collections.abc import Sequence

from server.access.grants import channel_place
from server.bus.event import Event
from server.bus.signals import EventsLost, Invalidate, Signal
from server.context import Context
from server.db import SQL, Db
from server.features.channels.counts import contents_tag
from server.features.channels.rooms import room_of
from server.features.posts.contents import contents_of
from server.features.posts.events import turn_again
from server.features.posts.insert import DATABASE_MS
from server.features.posts.models import CHANNEL_WIDE, StoredPost, stored_columns
from server.features.posts.service import Place, alias_in, mentioned_again, news_of
from server.features.threads.collapsed import DISABLED, mode_of
from server.features.threads.service import followers_news
from server.ids import id_at

MOST = 100
"""More posts of a channel than this are not told one by one: who is connected starts anew."""
SETTLED_MS = 1000
"""A post is published this long after it was begun, or there is something wrong."""
LOOK_BACK_MS = 300_000
"""So far back looks who has not looked yet."""
SLOW_MS = 15_000
"""It may take so long from the making of a post's id to its commit."""


POSTS_AFTER = SQL(f"""
    SELECT {stored_columns("p")},
           p.mentions,
           ARRAY(SELECT t.user_id FROM thread_memberships t WHERE t.post_id = p.root_id AND t.following),
           coalesce((SELECT max(pending_post_id) FROM pending_posts
                      WHERE pending_posts.user_id = p.user_id AND pending_posts.post_id = p.id), ''),
           coalesce(root.reply_count, 0)
      FROM posts p
 LEFT JOIN posts root ON root.id = p.root_id
     WHERE p.channel_id = $1 AND p.create_at > $2 AND p.create_at <= $3 AND p.delete_at = 0 AND p.original_id = ''
  ORDER BY p.create_at DESC, p.id DESC
     LIMIT $4
""")


async def posts_after(
    db: Db, channel_id: str, after: int, until: int, limit: int
) -> list[tuple[StoredPost, list[str], list[str], str]]:
    """The newest live posts of a span of time in a channel, oldest first, each with whom it mentioned, the followers of
    its thread and its pending_post_id; replies count those of their thread. Index: posts_channel_idx."""
    found = []
    for row in reversed(await db.rows(POSTS_AFTER, channel_id, after, until, limit)):
        *fields, mentions, followers, pending_post_id, replies = row
        post = StoredPost(*fields)
        post.reply_count = replies if post.root_id else post.reply_count
        found.append((post, mentions, followers, pending_post_id))
    return found


CLOCK = SQL(f"SELECT {DATABASE_MS}")


async def clock_of(db: Db) -> int:
    """The time by the clock that all nodes share, in milliseconds."""
    return int(await db.value(CLOCK))


NEWEST_OF = SQL("""
    SELECT channel_id, max(create_at)
      FROM posts
     WHERE id >= $1 AND id < $2 AND original_id = '' AND delete_at = 0
  GROUP BY channel_id
""")


async def newest_of(db: Db, first_id: str, end_id: str) -> dict[str, int]:
    """The channels of the posts between two ids, with the create_at of the newest in each. Index: posts_pkey."""
    return {row[0]: row[1] for row in await db.rows(NEWEST_OF, first_id, end_id)}


async def find_missing(ctx: Context, channel_id: str, after: int, until: int) -> Sequence[Event | Signal]:
    """What the members of a channel must hear of the posts that were stored after one time, up to another."""
    channel = await channel_place(ctx, channel_id)
    if channel is None:
        return ()
    place = Place(channel, await room_of(ctx, channel_id))
    found = await posts_after(ctx.db, channel_id, after, until, MOST + 1)
    news: list[Event | Signal] = []
    forgotten = contents_of(row for row, *_ in found)
    if len(found) > MOST:
        found = found[-1:]
        forgotten = {contents_tag(channel_id)}
        news.append(EventsLost(missed=tuple(place.room.audience().topics())))
    if forgotten:
        news.append(Invalidate(tags=tuple(forgotten)))
    for row, mentions, followers, pending_post_id in found:
        mentioned = [user_id for user_id in mentions if user_id != CHANNEL_WIDE]
        if len(mentioned) < len(mentions):
            mentioned = list({*mentioned, *(await mentioned_again(ctx, place, row)).users})
        place.alias = alias_in(ctx, row.props) if row.props.get("from_webhook") else ""
        turn = turn_again(row)
        posted = await news_of(ctx, place, row, mentioned, turn, followers=followers, pending_post_id=pending_post_id)
        news.append(posted)
        if row.root_id and followers and mode_of(ctx) != DISABLED:
            news += await followers_news(ctx, row.root_id, set(mentioned), row.user_id)
    return news


class Unpublished:
    """Remembers how far this node has looked, for as long as it is the one that does so."""

    def __init__(self) -> None:
        self._looked_until = 0

    async def sweep(self, ctx: Context) -> int:
        """Publish what was stored of late and nobody heard of; in how many channels that was."""
        until = await clock_of(ctx.db) - SETTLED_MS
        start = until - LOOK_BACK_MS
        if self._looked_until < until:
            start = max(start, self._looked_until - SLOW_MS)
        newest = await newest_of(ctx.db, id_at(start), id_at(until))
        mended = await ctx.services.bus.make_good(newest) if newest else 0
        self._looked_until = until
        return mended
