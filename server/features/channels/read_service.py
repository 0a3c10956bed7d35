"""Reading: a user looks into channels, and their counters follow."""

from collections.abc import Sequence

from server.bus.event import Event
from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.channels import read_queries
from server.features.channels.events import MultipleChannelsViewed, ThreadsOfChannelRead
from server.features.channels.member_models import ChannelUnread, ChannelView, ChannelViewResponse
from server.features.status.service import set_online
from server.features.threads import queries as thread_queries
from server.features.threads.events import ThreadReadChanged


async def view_channel(ctx: Context, user_id: str, view: ChannelView) -> ChannelViewResponse:
    """A user looks into a channel, and has left another: both are read. Without a channel the user looks away."""
    channel_ids = [seen for seen in dict.fromkeys((view.channel_id, view.prev_channel_id)) if seen]
    if view.channel_id and user_id == ctx.user_id:
        await set_online(ctx, user_id)
    if not channel_ids:
        return ChannelViewResponse({})
    times = await read_queries.see(ctx.db, user_id, channel_ids)
    if view.channel_id and view.channel_id not in times:
        raise BadRequest("app.channel.update_last_viewed_at.app_error", "The user is not in this channel.")
    if view.collapsed_threads_supported:
        return await _tell(ctx, user_id, times)
    now = ctx.now()
    read = await thread_queries.read_in_channels(ctx.db, user_id, list(times), now)
    news = [ThreadsOfChannelRead(timestamp=now, user_id=user_id, channel_id=channel_id) for channel_id in times]
    return await _tell(ctx, user_id, times, news if read else [])


async def mark_read(ctx: Context, user_id: str, channel_ids: Sequence[str]) -> ChannelViewResponse:
    """Mark channels as read; those that the user is not in are passed over."""
    times = await read_queries.see(ctx.db, user_id, list(dict.fromkeys(channel_ids)))
    return await _tell(ctx, user_id, times)


async def mark_team_read(ctx: Context, user_id: str, team_id: str) -> ChannelViewResponse:
    """Mark all channels and threads of a team as read."""
    times = await read_queries.see_team(ctx.db, user_id, team_id)
    now = ctx.now()
    read = await thread_queries.read_in_team(ctx.db, user_id, team_id, now)
    news = [ThreadReadChanged(user_id=user_id, team_id=team_id, timestamp=now)]
    return await _tell(ctx, user_id, times, news if read else [])


async def mark_personal_read(ctx: Context, user_id: str) -> ChannelViewResponse:
    """Mark all direct and group channels as read."""
    return await _tell(ctx, user_id, await read_queries.see_personal(ctx.db, user_id))


async def _tell(ctx: Context, user_id: str, times: dict[str, int], news: Sequence[Event] = ()) -> ChannelViewResponse:
    if times and ctx.config.ServiceSettings.EnableChannelViewedMessages:
        news = [MultipleChannelsViewed(channel_times=times, user_id=user_id), *news]
    await ctx.tell((), news)
    return ChannelViewResponse(times)


async def get_unread(ctx: Context, channel_id: str, user_id: str) -> ChannelUnread:
    """What a user has not read in a channel; raises NotFound without a membership."""
    unread = await read_queries.unread(ctx.db, channel_id, user_id)
    if unread is None:
        raise NotFound("app.channel.get_unread.app_error", "The user is not in this channel.")
    return unread
