"""Setting a channel unread from one of its posts on."""

from collections.abc import Awaitable, Callable

from server.context import Context
from server.errors import NotFound
from server.features.posts import unread_queries
from server.features.posts.access import readable_post
from server.features.posts.events import PostUnread
from server.features.posts.models import ChannelUnreadAt
from server.features.threads.collapsed import collapsed_for
from server.features.threads.service import set_thread_unread

UNREAD: list[Callable[[Context, str], Awaitable[None]]] = []
"""Called with the id of a user who has made something unread."""


async def set_unread(ctx: Context, user_id: str, post_id: str, *, collapsed_supported: bool) -> ChannelUnreadAt:
    """Make a user's channel unread from a post on. With collapsed threads a reply makes its thread unread too."""
    post = await readable_post(ctx, post_id)
    in_thread = bool(post.root_id) and collapsed_supported and await collapsed_for(ctx, user_id)
    if in_thread:
        await set_thread_unread(ctx, user_id, post.root_id, post.id)
    unread = await unread_queries.set_unread(
        ctx.db, user_id, post.channel_id, post.create_at, ctx.now(), roots_too=not in_thread
    )
    if unread is None:
        raise NotFound("app.channel.get_member.missing.app_error", "The user is not in this channel.")
    await ctx.tell(
        (),
        [
            PostUnread(
                user_id=user_id,
                channel_id=unread.channel_id,
                team_id=unread.team_id,
                msg_count=unread.msg_count,
                msg_count_root=unread.msg_count_root,
                mention_count=unread.mention_count,
                mention_count_root=unread.mention_count_root,
                urgent_mention_count=unread.urgent_mention_count,
                last_viewed_at=unread.last_viewed_at,
                post_id=post_id,
            )
        ],
    )
    for listener in UNREAD:
        await listener(ctx, user_id)
    return unread
