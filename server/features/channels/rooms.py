"""Where the members of a channel are reached."""

from server.access.grants import channel_place
from server.bus.event import Room
from server.context import Context
from server.features.channels import member_queries
from server.features.channels.models import DIRECT, GROUP, Channel
from server.features.channels.rules import direct_users


async def room_of(ctx: Context, channel_id: str) -> Room:
    """The channel's own topic, or for direct and group channels the topics of their members."""
    place = await channel_place(ctx, channel_id)
    if place is None:
        return Room(channel_id)
    return await _room(ctx, channel_id, place.type, place.name)


async def room_of_channel(ctx: Context, channel: Channel) -> Room:
    """The same for a channel that is at hand."""
    return await _room(ctx, channel.id, channel.type, channel.name)


async def _room(ctx: Context, channel_id: str, type: str, name: str) -> Room:
    if type == DIRECT:
        return Room(channel_id, direct_users(name))
    if type == GROUP:
        return Room(channel_id, await _group_members(ctx, channel_id))
    return Room(channel_id)


async def _group_members(ctx: Context, channel_id: str) -> tuple[str, ...]:
    async def load() -> tuple[str, ...]:
        return tuple(await member_queries.member_ids(ctx.db, channel_id))

    return await ctx.cache.get(("group_members", channel_id), (f"room:{channel_id}",), load)
