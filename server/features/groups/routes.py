"""Groups over HTTP."""

from typing import Annotated

from msgspec import Meta

from server.access.guards import in_service, on_system, on_team, reads_channel, self_or, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.features.groups import queries, service
from server.features.groups.models import (
    ChannelMemberCountByGroup,
    Group,
    GroupMember,
    GroupMemberIds,
    GroupPatch,
    GroupsOfChannels,
    GroupStats,
    GroupsWithCount,
    GroupUsers,
    NewGroup,
    WantedGroups,
)
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("groups")

Names = Annotated[list[str], Meta(max_length=1000)]

READS = in_service("groups of directories: system: sysconsole_read_user_management_groups")
READS_OF_USER = self_or(Permission.SYSCONSOLE_READ_USER_MANAGEMENT_GROUPS)


@router.get("/groups", guard=signed_in)
async def get_groups(
    ctx: Context,
    page: Page = 0,
    per_page: PerPage = 60,
    q: str = "",
    include_member_count: bool = False,
    include_member_ids: bool = False,
    not_associated_to_team: str = "",
    not_associated_to_channel: str = "",
    since: int = 0,
    filter_allow_reference: bool = False,
    filter_has_member: str = "",
    include_archived: bool = False,
    filter_archived: bool = False,
    group_source: str = "",
) -> list[Group]:
    """A page of groups by display name; none is bound to a team or channel, so all are not associated to any."""
    wanted = WantedGroups(
        q=q[:128],
        since=max(since, 0),
        has_member=filter_has_member,
        only_referable=filter_allow_reference,
        archived_too=include_archived,
        only_archived=filter_archived,
        source=group_source,
    )
    return await service.list_groups(ctx, wanted, page, per_page, counts=include_member_count, ids=include_member_ids)


@router.post("/groups", guard=on_system(Permission.CREATE_CUSTOM_GROUP), status=201)
async def create_group(ctx: Context, body: NewGroup) -> Group:
    """Make a group with its first members."""
    return await service.create_group(ctx, body)


@router.post("/groups/names", guard=signed_in)
async def get_groups_by_names(ctx: Context, body: Names) -> list[Group]:
    """Groups by the names that call them."""
    return await service.shown(ctx, await queries.groups_by_names(ctx.db, body))


@router.get("/groups/{group_id}", guard=READS)
async def get_group(ctx: Context, group_id: Id, include_member_count: bool = False) -> Group:
    """A group."""
    group = await service.check_reads(ctx, group_id)
    return (await service.shown(ctx, [group], counts=include_member_count))[0]


@router.delete("/groups/{group_id}", guard=on_system(Permission.DELETE_CUSTOM_GROUP))
async def delete_group(ctx: Context, group_id: Id) -> None:
    """Archive a group: its name calls nobody then."""
    await service.set_archived(ctx, group_id, True)


@router.post("/groups/{group_id}/restore", guard=on_system(Permission.RESTORE_CUSTOM_GROUP))
async def restore_group(ctx: Context, group_id: Id) -> None:
    """Bring an archived group back."""
    await service.set_archived(ctx, group_id, False)


@router.put("/groups/{group_id}/patch", guard=on_system(Permission.EDIT_CUSTOM_GROUP))
async def patch_group(ctx: Context, group_id: Id, body: GroupPatch) -> Group:
    """Change parts of a group."""
    return await service.patch_group(ctx, group_id, body)


@router.get("/groups/{group_id}/stats", guard=READS)
async def get_group_stats(ctx: Context, group_id: Id) -> GroupStats:
    """How many are in a group."""
    await service.check_reads(ctx, group_id)
    return GroupStats(group_id, (await queries.member_counts(ctx.db, [group_id])).get(group_id, 0))


@router.get("/groups/{group_id}/members", guard=READS)
async def get_group_users(ctx: Context, group_id: Id, page: Page = 0, per_page: PerPage = 60) -> GroupUsers:
    """A page of a group's members."""
    await service.check_reads(ctx, group_id)
    return await service.members_of(ctx, group_id, page, per_page)


@router.post("/groups/{group_id}/members", guard=on_system(Permission.MANAGE_CUSTOM_GROUP_MEMBERS))
async def add_group_members(ctx: Context, group_id: Id, body: GroupMemberIds) -> list[GroupMember]:
    """Put people into a group."""
    return await service.add_members(ctx, group_id, body.user_ids)


@router.delete("/groups/{group_id}/members", guard=on_system(Permission.MANAGE_CUSTOM_GROUP_MEMBERS))
async def delete_group_members(ctx: Context, group_id: Id, body: GroupMemberIds) -> list[GroupMember]:
    """Take people out of a group."""
    return await service.remove_members(ctx, group_id, body.user_ids)


@router.get("/users/{user_id}/groups", guard=READS_OF_USER)
async def get_groups_by_user_id(ctx: Context, user_id: Id) -> list[Group]:
    """The groups that a user is in."""
    return await service.shown(ctx, await queries.groups_of_user(ctx.db, user_id))


@router.get("/channels/{channel_id}/groups", guard=reads_channel)
async def get_groups_by_channel(ctx: Context, channel_id: Id) -> GroupsWithCount:
    """The groups that are bound to a channel: none, since only those of directories can be."""
    return GroupsWithCount([], 0)


@router.get("/channels/{channel_id}/member_counts_by_group", guard=reads_channel)
async def get_channel_member_counts_by_group(
    ctx: Context, channel_id: Id, include_timezones: bool = False
) -> list[ChannelMemberCountByGroup]:
    """How many of a channel's members each group has that can be called, and in how many time zones they are."""
    return await queries.counts_in_channel(ctx.db, channel_id, include_timezones)


@router.get("/teams/{team_id}/groups", guard=on_team(Permission.LIST_TEAM_CHANNELS))
async def get_groups_by_team(ctx: Context, team_id: Id) -> GroupsWithCount:
    """The groups that are bound to a team: none, since only those of directories can be."""
    return GroupsWithCount([], 0)


@router.get("/teams/{team_id}/groups_by_channels", guard=on_team(Permission.LIST_TEAM_CHANNELS))
async def get_groups_associated_to_channels_by_team(ctx: Context, team_id: Id) -> GroupsOfChannels:
    """The groups that are bound to channels of a team: none, since only those of directories can be."""
    return GroupsOfChannels({})
