"""Reading: a user looks into channels, and their counters follow."""

from collections.abc import Awaitable, Callable, Sequence

from server.bus.event import Event
from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.channels import read_queries
from server.features.channels.events import MultipleChannelsViewed, ThreadsOfChannelRead
from server.features.channels.member_models import ChannelUnread, ChannelView, ChannelViewResponse
from server.features.channels.read_marks import ReadMarks
from server.features.status.service import set_online
from server.features.threads import queries as thread_queries
from server.features.threads.events import ThreadReadChanged

READ: list[Callable[[Context, str, Sequence[str]], Awaitable[None]]] = []
"""Called with the user id and the channels that had something new and have been read now."""


async def view_channel(ctx: Context, user_id: str, view: ChannelView) -> ChannelViewResponse:
    """A user looks into a channel, and has left another: both are read. Without a channel the user looks away."""
    channel_ids = [seen for seen in dict.fromkeys((view.channel_id, view.prev_channel_id)) if seen]
    if view.channel_id and user_id == ctx.user_id:
        await set_online(ctx, user_id)
    if not channel_ids:
        return ChannelViewResponse({})
    marks: ReadMarks = ctx.part(ReadMarks)
    seen = await marks.see(user_id, channel_ids)
    if view.channel_id and view.channel_id not in seen.times:
        raise BadRequest("app.channel.update_last_viewed_at.app_error", "The user is not in this channel.")
    if not view.collapsed_threads_supported:
        await _read_threads(ctx, user_id, list(seen.times))
    await _tell_listeners(ctx, user_id, seen)
    return ChannelViewResponse(seen.times)


async def _read_threads(ctx: Context, user_id: str, channel_ids: Sequence[str]) -> None:
    """Whoever sees replies in channels has read the threads of those along."""
    now = ctx.now()
    if await thread_queries.read_in_channels(ctx.db, user_id, channel_ids, now):
        await ctx.tell(
            (),
            [ThreadsOfChannelRead(timestamp=now, user_id=user_id, channel_id=channel_id) for channel_id in channel_ids],
        )


async def mark_read(ctx: Context, user_id: str, channel_ids: Sequence[str]) -> ChannelViewResponse:
    """Mark channels as read; those that the user is not in are passed over."""
    seen = await read_queries.see(ctx.db, user_id, list(dict.fromkeys(channel_ids)))
    return await _tell(ctx, user_id, seen)


async def mark_team_read(ctx: Context, user_id: str, team_id: str) -> ChannelViewResponse:
    """Mark all channels and threads of a team as read."""
    seen = await read_queries.see_team(ctx.db, user_id, team_id)
    now = ctx.now()
    read = await thread_queries.read_in_team(ctx.db, user_id, team_id, now)
    news = [ThreadReadChanged(user_id=user_id, team_id=team_id, timestamp=now)]
    return await _tell(ctx, user_id, seen, news if read else [])


async def mark_personal_read(ctx: Context, user_id: str) -> ChannelViewResponse:
    """Mark all direct and group channels as read."""
    return await _tell(ctx, user_id, await read_queries.see_personal(ctx.db, user_id))


async def _tell(ctx: Context, user_id: str, seen: read_queries.Seen, news: Sequence[Event] = ()) -> ChannelViewResponse:
    if seen.unread and ctx.config.ServiceSettings.EnableChannelViewedMessages:
        news = [MultipleChannelsViewed(channel_times=seen.times, user_id=user_id), *news]
    await ctx.tell((), news)
    await _tell_listeners(ctx, user_id, seen)
    return ChannelViewResponse(seen.times)


async def _tell_listeners(ctx: Context, user_id: str, seen: read_queries.Seen) -> None:
    if seen.unread:
        for listener in READ:
            await listener(ctx, user_id, seen.unread)


async def get_unread(ctx: Context, channel_id: str, user_id: str) -> ChannelUnread:
    """What a user has not read in a channel; raises NotFound without a membership."""
    unread = await read_queries.unread(ctx.db, channel_id, user_id)
    if unread is None:
        raise NotFound("app.channel.get_unread.app_error", "The user is not in this channel.")
    return unread
