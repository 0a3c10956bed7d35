"""Routes of members: who is in a channel, as what, and what they have read."""

from typing import Annotated

import msgspec
from msgspec import Meta

from server.access.guards import all_of, in_service, on_channel, on_team, sees_channel, self_or
from server.access.permissions import Permission
from server.context import Context
from server.errors import invalid_body
from server.features.channels import member_queries, member_service, read_service, role_service, set_members
from server.features.channels.member_models import (
    ChannelMember,
    ChannelMemberWithTeamData,
    ChannelUnread,
    ChannelView,
    ChannelViewResponse,
    MemberList,
    NewMembers,
    Roles,
    SchemeRoles,
)
from server.features.channels.models import Ids
from server.features.channels.rules import existing
from server.http.params import Page, PerPage
from server.http.reply import Reply
from server.http.router import Router
from server.ids import Id

router = Router("channels")

ROLES = existing(on_channel(Permission.MANAGE_CHANNEL_ROLES))
NotifyBody = dict[Annotated[str, Meta(max_length=64)], str | None]


@router.get("/channels/{channel_id}/members", guard=existing(sees_channel))
async def get_channel_members(
    ctx: Context, channel_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[ChannelMember]:
    """The members of a channel, by user id."""
    members = await member_queries.members_page(ctx.db, channel_id, per_page, page * per_page)
    return member_service.hide_from(ctx.user_id, members)


@router.post(
    "/channels/{channel_id}/members",
    guard=in_service(
        "oneself into a public channel: join_public_channels; else manage_{public,private}_channel_members"
    ),
    status=201,
)
async def add_channel_member(ctx: Context, channel_id: Id, body: NewMembers) -> ChannelMember | list[ChannelMember]:
    """Join a public channel, or add one user (user_id) or several (user_ids) to a channel."""
    members = await member_service.add_members(ctx, channel_id, body)
    return members if body.user_ids is not None else members[0]


@router.put("/channels/{channel_id}/members", guard=in_service("manage_{public,private}_channel_members"))
async def set_channel_members(
    ctx: Context, channel_id: Id, body: MemberList, batch_size: int = 100, batch_delay_ms: int = 0
) -> Reply:
    """Make exactly these users the members of a channel; answers a line of JSON for each batch of changes."""
    changes = await set_members.set_members(ctx, channel_id, body, batch_size, batch_delay_ms)
    lines = msgspec.json.Encoder().encode_lines(changes)
    return Reply(content=lines, media_type="application/x-ndjson")


@router.post("/channels/{channel_id}/members/ids", guard=existing(sees_channel))
async def get_channel_members_by_ids(ctx: Context, channel_id: Id, body: Ids) -> list[ChannelMember]:
    """Those of the users who are in a channel."""
    if not body:
        raise invalid_body("user_ids")
    return member_service.hide_from(ctx.user_id, await member_queries.members_by_ids(ctx.db, channel_id, body))


@router.get("/channels/{channel_id}/members/{user_id}", guard=existing(sees_channel))
async def get_channel_member(ctx: Context, channel_id: Id, user_id: Id) -> ChannelMember:
    """A user's membership in a channel."""
    return await member_service.get_member(ctx, channel_id, user_id)


@router.delete(
    "/channels/{channel_id}/members/{user_id}", guard=in_service("self, or manage_{public,private}_channel_members")
)
async def remove_user_from_channel(ctx: Context, channel_id: Id, user_id: Id) -> None:
    """Leave a channel, or remove someone from it."""
    await member_service.remove_member(ctx, channel_id, user_id)


@router.put("/channels/{channel_id}/members/{user_id}/roles", guard=ROLES)
async def update_channel_roles(ctx: Context, channel_id: Id, user_id: Id, body: Roles) -> None:
    """Set the roles of a member, as space-separated names."""
    await role_service.update_roles(ctx, channel_id, user_id, body.roles)


@router.put("/channels/{channel_id}/members/{user_id}/schemeRoles", guard=ROLES)
async def update_channel_member_scheme_roles(ctx: Context, channel_id: Id, user_id: Id, body: SchemeRoles) -> None:
    """Set whether a member administers the channel."""
    await role_service.update_scheme_roles(ctx, channel_id, user_id, body)


@router.put("/channels/{channel_id}/members/{user_id}/notify_props", guard=self_or())
async def update_channel_notify_props(ctx: Context, channel_id: Id, user_id: Id, body: NotifyBody) -> None:
    """Change how a member is notified of a channel; mark_unread "mention" mutes it."""
    await role_service.update_notify_props(
        ctx, channel_id, user_id, {key: value for key, value in body.items() if value is not None}
    )


@router.post("/channels/members/{user_id}/view", guard=self_or())
async def view_channel(ctx: Context, user_id: Id, body: ChannelView) -> ChannelViewResponse:
    """A user looks into a channel: it is read, and so is the one that was left."""
    return await read_service.view_channel(ctx, user_id, body)


@router.post("/channels/members/{user_id}/mark_read", guard=self_or())
async def mark_channels_read_for_user(ctx: Context, user_id: Id, body: Ids) -> ChannelViewResponse:
    """Mark channels as read."""
    return await read_service.mark_read(ctx, user_id, body)


@router.put("/channels/members/{user_id}/direct/read", guard=self_or())
async def mark_all_direct_messages_read(ctx: Context, user_id: Id) -> ChannelViewResponse:
    """Mark all direct and group channels as read."""
    return await read_service.mark_personal_read(ctx, user_id)


@router.put("/users/{user_id}/teams/{team_id}/read", guard=all_of(self_or(), on_team(Permission.VIEW_TEAM)))
async def mark_all_team_channels_read(ctx: Context, user_id: Id, team_id: Id) -> ChannelViewResponse:
    """Mark all channels and threads of a team as read."""
    return await read_service.mark_team_read(ctx, user_id, team_id)


@router.get(
    "/users/{user_id}/channels/{channel_id}/unread",
    guard=all_of(self_or(), existing(on_channel(Permission.READ_CHANNEL))),
)
async def get_channel_unread(ctx: Context, user_id: Id, channel_id: Id) -> ChannelUnread:
    """What a user has not read in a channel."""
    return await read_service.get_unread(ctx, channel_id, user_id)


@router.get("/users/{user_id}/teams/{team_id}/channels/members", guard=all_of(self_or(), on_team(Permission.VIEW_TEAM)))
async def get_channel_members_for_user(ctx: Context, user_id: Id, team_id: Id) -> list[ChannelMember]:
    """A user's memberships in the channels of a team, and in all direct and group ones."""
    members = await member_queries.members_in_team(ctx.db, user_id, team_id)
    return member_service.hide_from(ctx.user_id, members)


@router.get("/users/{user_id}/channel_members", guard=self_or())
async def get_channel_members_with_team_data_for_user(
    ctx: Context, user_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[ChannelMemberWithTeamData]:
    """A user's memberships in the channels of all teams, by channel id, with the teams' names."""
    return await member_queries.members_everywhere(ctx.db, user_id, per_page, page * per_page)
