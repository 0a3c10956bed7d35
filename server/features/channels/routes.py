"""Routes of single channels: making, reading, changing, archiving."""

from typing import Annotated

from msgspec import Meta

from server.access.grants import check_team, foresee_channels, has_channel, may_see_channel
from server.access.guards import in_service, on_channel, on_system, sees_channel, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import NotFound, forbidden
from server.features.channels import direct, member_queries, queries, service
from server.features.channels.counts import stats_of
from server.features.channels.models import (
    OPEN,
    Channel,
    ChannelPatch,
    ChannelStats,
    ChannelUpdate,
    GroupConversion,
    Ids,
    Move,
    NewChannel,
    Privacy,
)
from server.features.channels.rules import existing
from server.http.router import Router
from server.ids import Id

router = Router("channels")

PROPERTIES = in_service("manage_{public,private}_channel_properties in the channel; direct and group: its members")


@router.post("/channels", guard=in_service("create_{public,private}_channel in the team"), status=201)
async def create_channel(ctx: Context, body: NewChannel) -> Channel:
    """Create a public or private channel."""
    return await service.create_channel(ctx, body)


@router.post(
    "/channels/direct", guard=in_service("create_direct_channel; for others than oneself manage_system"), status=201
)
async def create_direct_channel(ctx: Context, body: Annotated[list[Id], Meta(max_length=2)]) -> Channel:
    """The direct channel of two users, the caller being one; created if there is none yet."""
    return await direct.create_direct(ctx, body)


@router.post("/channels/group", guard=on_system(Permission.CREATE_GROUP_CHANNEL), status=201)
async def create_group_channel(ctx: Context, body: Annotated[list[Id], Meta(max_length=100)]) -> Channel:
    """The group channel of the caller and two to seven others; created if there is none yet."""
    return await direct.create_group(ctx, body)


@router.get("/channels/{channel_id}", guard=existing(sees_channel))
async def get_channel(ctx: Context, channel_id: Id) -> Channel:
    """A channel."""
    return await service.get_channel(ctx, channel_id)


@router.put("/channels/{channel_id}", guard=PROPERTIES)
async def update_channel(ctx: Context, channel_id: Id, body: ChannelUpdate) -> Channel:
    """Replace the names, header and purpose of a channel."""
    return await service.update_channel(ctx, channel_id, body)


@router.put("/channels/{channel_id}/patch", guard=PROPERTIES)
async def patch_channel(ctx: Context, channel_id: Id, body: ChannelPatch) -> Channel:
    """Change parts of a channel."""
    return await service.patch_channel(ctx, channel_id, body)


@router.put(
    "/channels/{channel_id}/privacy",
    guard=in_service("convert_{public,private}_channel_to_{private,public} in the channel"),
)
async def update_channel_privacy(ctx: Context, channel_id: Id, body: Privacy) -> Channel:
    """Make a channel public (O) or private (P)."""
    return await service.set_privacy(ctx, channel_id, body.privacy)


@router.post("/channels/{channel_id}/convert", guard=existing(on_channel(Permission.CONVERT_PUBLIC_CHANNEL_TO_PRIVATE)))
async def convert_channel_to_private(ctx: Context, channel_id: Id) -> Channel:
    """Make a public channel private; privacy is the newer call for it."""
    return await service.convert_to_private(ctx, channel_id)


@router.delete("/channels/{channel_id}", guard=in_service("delete_{public,private}_channel in the channel"))
async def delete_channel(ctx: Context, channel_id: Id) -> None:
    """Archive a channel."""
    await service.archive_channel(ctx, channel_id)


@router.post("/channels/{channel_id}/restore", guard=in_service("manage_team in the channel's team"))
async def restore_channel(ctx: Context, channel_id: Id) -> Channel:
    """Bring an archived channel back."""
    return await service.restore_channel(ctx, channel_id)


@router.post("/channels/{channel_id}/move", guard=on_system(Permission.MANAGE_SYSTEM))
async def move_channel(ctx: Context, channel_id: Id, body: Move) -> Channel:
    """Move a channel into another team."""
    return await service.move_channel(ctx, channel_id, body)


@router.post(
    "/channels/{channel_id}/convert_to_channel",
    guard=in_service("member of the group channel; create_private_channel in the team"),
)
async def convert_group_message_to_channel(ctx: Context, channel_id: Id, body: GroupConversion) -> Channel:
    """Turn a group channel into a private channel of a team."""
    return await service.convert_group(ctx, channel_id, body)


@router.get("/channels/{channel_id}/stats", guard=existing(sees_channel))
async def get_channel_stats(ctx: Context, channel_id: Id) -> ChannelStats:
    """How many members, guests, pinned posts and files a channel has."""
    return await stats_of(ctx, channel_id)


@router.get("/channels/{channel_id}/timezones", guard=existing(sees_channel))
async def get_channel_members_timezones(ctx: Context, channel_id: Id) -> list[str]:
    """The time zones that members of a channel live in."""
    return await member_queries.timezones_in(ctx.db, channel_id)


@router.post("/channels/stats/member_count", guard=signed_in)
async def get_channels_member_count(ctx: Context, body: Ids) -> dict[str, int]:
    """How many members channels have, by channel id; those that the caller may not see are left out."""
    seen = [channel_id for channel_id in await foresee_channels(ctx, body) if await may_see_channel(ctx, channel_id)]
    counts = await member_queries.counts_in(ctx.db, seen)
    return {channel_id: counts.get(channel_id, (0, 0))[0] for channel_id in seen}


@router.get(
    "/teams/{team_id}/channels/name/{channel_name}",
    guard=in_service("read_channel; public: read_public_channel in the team"),
)
async def get_channel_by_name(ctx: Context, team_id: Id, channel_name: str, include_deleted: bool = False) -> Channel:
    """A channel of a team by its name."""
    return await _by_name(ctx, team_id, channel_name, include_deleted)


async def _by_name(ctx: Context, team_id: str, channel_name: str, include_deleted: bool) -> Channel:
    channel = await queries.channel_by_name(ctx.db, team_id, channel_name, include_deleted)
    if channel is None:
        await check_team(ctx, team_id, Permission.VIEW_TEAM)
        raise _no_such_name()
    if channel.type == OPEN:
        if not await may_see_channel(ctx, channel.id):
            raise forbidden()
    elif not await has_channel(ctx, channel.id, Permission.READ_CHANNEL):
        raise _no_such_name()
    return channel


def _no_such_name() -> NotFound:
    return NotFound("app.channel.get_by_name.missing.app_error", "There is no such channel.")


@router.get(
    "/teams/name/{team_name}/channels/name/{channel_name}",
    guard=in_service("read_channel; public: read_public_channel in the team"),
)
async def get_channel_by_name_for_team_name(
    ctx: Context, team_name: str, channel_name: str, include_deleted: bool = False
) -> Channel:
    """A channel by its name and that of its team."""
    team_id = await queries.team_by_name(ctx.db, team_name.lower())
    if team_id is None:
        raise NotFound("app.team.get_by_name.missing.app_error", "There is no such team.")
    return await _by_name(ctx, team_id, channel_name, include_deleted)
