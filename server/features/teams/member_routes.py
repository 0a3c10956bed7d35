"""Routes of the members of teams."""

from typing import Any, Literal

from server.access.grants import has_system
from server.access.guards import in_service, on_team, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import forbidden
from server.features.teams import member_queries, member_service
from server.features.teams.models import (
    Ids,
    NewTeamMember,
    NewTeamMembers,
    Roles,
    SchemeRoles,
    TeamMember,
)
from server.features.users.visible import check_sees, restricted_ids
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("teams")

sees_members = on_team(Permission.VIEW_TEAM)


@router.get("/teams/{team_id}/members", guard=sees_members)
async def get_team_members(
    ctx: Context,
    team_id: Id,
    page: Page = 0,
    per_page: PerPage = 60,
    sort: Literal["", "Username", "username"] = "",
    exclude_deleted_users: bool = False,
) -> list[TeamMember]:
    """The members of a team, by user id or by username."""
    return await member_queries.members_page(
        ctx.db,
        team_id,
        by_username=bool(sort),
        active_only=exclude_deleted_users,
        among=await restricted_ids(ctx),
        limit=per_page,
        offset=page * per_page,
    )


@router.post(
    "/teams/{team_id}/members",
    guard=in_service("oneself: join_public_teams or join_private_teams; others: team: add_user_to_team"),
    status=201,
)
async def add_team_member(ctx: Context, team_id: Id, body: NewTeamMember) -> TeamMember:
    """Put a user into a team, or join it oneself."""
    return await member_service.add_member(ctx, team_id, body)


@router.post("/teams/{team_id}/members/batch", guard=on_team(Permission.ADD_USER_TO_TEAM), status=201)
async def add_team_members(ctx: Context, team_id: Id, body: NewTeamMembers, graceful: bool = False) -> list[Any]:
    """Put up to 256 users into a team; with `graceful` each line of the answer has a user_id, member and error."""
    return await member_service.add_members(ctx, team_id, body, graceful=graceful)


@router.post("/teams/{team_id}/members/ids", guard=sees_members)
async def get_team_members_by_ids(ctx: Context, team_id: Id, body: Ids) -> list[TeamMember]:
    """Those of the users who are in a team."""
    among = await restricted_ids(ctx)
    wanted = body if among is None else sorted(set(body) & set(among))
    return await member_queries.members_among(ctx.db, team_id, wanted)


@router.post("/teams/members/invite", guard=signed_in, status=201)
async def add_team_member_from_invite(ctx: Context, token: str = "", invite_id: str = "") -> TeamMember:
    """Join the team of an invitation."""
    return await member_service.join_by_invitation(ctx, token, invite_id)


@router.get("/teams/{team_id}/members/{user_id}", guard=sees_members)
async def get_team_member(ctx: Context, team_id: Id, user_id: Id) -> TeamMember:
    """A member of a team; one who has left has delete_at set."""
    await check_sees(ctx, user_id)
    return await member_service.get_member(ctx, team_id, user_id)


@router.delete("/teams/{team_id}/members/{user_id}", guard=in_service("oneself, or team: remove_user_from_team"))
async def remove_team_member(ctx: Context, team_id: Id, user_id: Id) -> None:
    """Leave a team, or put someone out of it."""
    await member_service.remove_member(ctx, team_id, user_id)


@router.put("/teams/{team_id}/members/{user_id}/roles", guard=on_team(Permission.MANAGE_TEAM_ROLES))
async def update_team_member_roles(ctx: Context, team_id: Id, user_id: Id, body: Roles) -> None:
    """Give a member of a team other roles."""
    await member_service.update_roles(ctx, team_id, user_id, body.roles)


@router.put("/teams/{team_id}/members/{user_id}/schemeRoles", guard=on_team(Permission.MANAGE_TEAM_ROLES))
async def update_team_member_scheme_roles(ctx: Context, team_id: Id, user_id: Id, body: SchemeRoles) -> None:
    """Make a member a user or an administrator of a team, or not."""
    await member_service.update_scheme_roles(ctx, team_id, user_id, body)


@router.get(
    "/users/{user_id}/teams/members",
    guard=in_service("self, or system: edit_other_users or read_other_users_teams; sees the user"),
)
async def get_team_members_for_user(ctx: Context, user_id: Id) -> list[TeamMember]:
    """The memberships of a user."""
    if ctx.user_id != user_id:
        await check_sees(ctx, user_id)
        rights = (Permission.EDIT_OTHER_USERS, Permission.READ_OTHER_USERS_TEAMS)
        if not any([await has_system(ctx, right) for right in rights]):
            raise forbidden()
    return await member_queries.memberships_of(ctx.db, user_id)
