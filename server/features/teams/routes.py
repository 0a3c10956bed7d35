"""Routes of teams."""

from starlette.requests import Request

from server.access.grants import check_system, has_team
from server.access.guards import all_of, anyone, in_service, on_system, on_team, self_or, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import Forbidden, NotFound
from server.features.teams import erasing, icons, invites, lists, member_queries, queries, service
from server.features.teams.models import (
    OPEN,
    Emails,
    EmailWithError,
    Exists,
    Invitation,
    InviteInfo,
    NewTeam,
    Privacy,
    Team,
    TeamPatch,
    TeamSearch,
    TeamStats,
    TeamsWithCount,
    TeamUnread,
    TeamUpdate,
)
from server.features.users.token_queries import delete_invitations
from server.features.users.visible import restricted_ids
from server.http.params import Page, PerPage
from server.http.reply import Reply, tagged
from server.http.router import Router
from server.http.uploads import uploaded
from server.ids import Id

router = Router("teams")

BODY_LIMIT = 104_857_600 + 64 * 1024
"""Bytes of an upload that are read at most, whatever MaxFileSize says."""

lists_teams = on_system(Permission.LIST_PUBLIC_TEAMS, Permission.LIST_PRIVATE_TEAMS)
manages_team = on_team(Permission.MANAGE_TEAM)
sees_team = in_service("team: view_team, or one that is open to everyone")


@router.post("/teams", guard=on_system(Permission.CREATE_TEAM), status=201)
async def create_team(ctx: Context, body: NewTeam) -> Team:
    """Make a team; the caller becomes its administrator."""
    return await service.create_team(ctx, body)


@router.get("/teams", guard=lists_teams)
async def get_all_teams(
    ctx: Context, page: Page = 0, per_page: PerPage = 60, include_total_count: bool = False
) -> list[Team] | TeamsWithCount | Reply:
    """The teams that the caller may find, by display name."""
    teams = await lists.page_of_teams(ctx, page, per_page)
    return tagged(ctx, TeamsWithCount(teams, await lists.count_of_teams(ctx)) if include_total_count else teams)


@router.post("/teams/search", guard=lists_teams)
async def search_teams(ctx: Context, body: TeamSearch) -> list[Team] | TeamsWithCount:
    """The teams with the term in a name that the caller may find."""
    return await lists.search_teams(ctx, body)


@router.get("/teams/{team_id}", guard=sees_team)
async def get_team(ctx: Context, team_id: Id) -> Team:
    """A team."""
    team = await service.get_team(ctx, team_id)
    await service.check_sees(ctx, team)
    return await service.sanitized(ctx, team)


@router.get("/teams/name/{team_name}", guard=sees_team)
async def get_team_by_name(ctx: Context, team_name: str) -> Team:
    """A team by its name."""
    team = await queries.team_by_name(ctx.db, team_name.lower())
    if team is None:
        raise NotFound("app.team.get_by_name.missing.app_error", "There is no team of this name.")
    await service.check_sees(ctx, team)
    return await service.sanitized(ctx, team)


@router.get("/teams/name/{team_name}/exists", guard=signed_in)
async def team_exists(ctx: Context, team_name: str) -> Exists:
    """Whether there is a team of this name, as far as the caller may know."""
    team = await queries.team_by_name(ctx.db, team_name.lower())
    if team is None:
        return Exists(False)
    public, private = await service.listed(ctx)
    found = public if team.allow_open_invite else private
    return Exists(found or await has_team(ctx, team.id, Permission.VIEW_TEAM))


@router.put("/teams/{team_id}", guard=manages_team)
async def update_team(ctx: Context, team_id: Id, body: TeamUpdate) -> Team:
    """Replace names, description, domains and openness of a team."""
    return await service.update_team(ctx, team_id, body)


@router.put("/teams/{team_id}/patch", guard=manages_team)
async def patch_team(ctx: Context, team_id: Id, body: TeamPatch) -> Team:
    """Change parts of a team."""
    return await service.patch_team(ctx, team_id, body)


@router.put("/teams/{team_id}/privacy", guard=manages_team)
async def update_team_privacy(ctx: Context, team_id: Id, body: Privacy) -> Team:
    """Open a team to everyone ("O") or to invited people only ("I")."""
    return await service.set_privacy(ctx, team_id, body.privacy)


@router.post("/teams/{team_id}/regenerate_invite_id", guard=manages_team)
async def regenerate_team_invite_id(ctx: Context, team_id: Id) -> Team:
    """Give a team a new invite_id; invitations with the old one are of no use then."""
    return await service.regenerate_invite_id(ctx, team_id)


@router.delete("/teams/{team_id}", guard=manages_team)
async def soft_delete_team(ctx: Context, team_id: Id, permanent: bool = False) -> None:
    """Archive a team, or with `permanent` delete it and everything in it where the settings allow that."""
    if permanent:
        service.check_deletable(ctx)
        await check_system(ctx, Permission.MANAGE_SYSTEM)
        await erasing.delete_team(ctx, team_id)
    else:
        await service.archive_team(ctx, team_id)


@router.post("/teams/{team_id}/restore", guard=manages_team)
async def restore_team(ctx: Context, team_id: Id) -> Team:
    """Bring an archived team back."""
    return await service.restore_team(ctx, team_id)


@router.get("/teams/{team_id}/image", guard=sees_team)
async def get_team_icon(ctx: Context, team_id: Id) -> Reply:
    """The icon of a team, a PNG."""
    team = await service.get_team(ctx, team_id)
    await service.check_sees(ctx, team)
    return await icons.icon_of(ctx, team, ctx.if_none_match)


@router.post("/teams/{team_id}/image", guard=manages_team, body_limit=BODY_LIMIT)
async def set_team_icon(ctx: Context, team_id: Id, request: Request) -> None:
    """Set the icon of a team from the file `image` of a form."""
    limit = ctx.config.FileSettings.MaxFileSize
    await icons.set_icon(ctx, team_id, await uploaded(request, "image", limit))


@router.delete("/teams/{team_id}/image", guard=manages_team)
async def remove_team_icon(ctx: Context, team_id: Id) -> None:
    """Take the icon of a team away."""
    await icons.remove_icon(ctx, team_id)


@router.get("/teams/{team_id}/stats", guard=on_team(Permission.VIEW_TEAM))
async def get_team_stats(ctx: Context, team_id: Id) -> TeamStats:
    """How many members a team has."""
    return await queries.team_stats(ctx.db, team_id, await restricted_ids(ctx))


@router.get("/teams/invite/{invite_id}", guard=anyone)
async def get_team_invite_info(ctx: Context, invite_id: str) -> InviteInfo:
    """What an invitation shows of its team, for teams of type O."""
    team = await queries.team_by_invite_id(ctx.db, invite_id)
    if team is None:
        raise NotFound("app.team.get_by_invite_id.finding.app_error", "No team has this invitation.")
    if team.type != OPEN:
        raise Forbidden("api.team.get_invite_info.not_open_team", "The team shows itself to its members only.")
    return InviteInfo(team.id, team.name, team.display_name, team.description)


@router.post(
    "/teams/{team_id}/invite/email",
    guard=all_of(on_team(Permission.INVITE_USER), on_team(Permission.ADD_USER_TO_TEAM)),
    feature="ServiceSettings.EnableEmailInvitations",
    disabled_id="api.team.invite_members.disabled.app_error",
)
async def invite_users_to_team(
    ctx: Context, team_id: Id, body: Emails | Invitation, graceful: bool = False
) -> list[EmailWithError] | None:
    """Mail invitations to a team; with `graceful` the answer says which addresses could not be invited."""
    invitation = body if isinstance(body, Invitation) else Invitation(emails=body)
    return await invites.invite(ctx, team_id, invitation, graceful=graceful)


@router.delete("/teams/invites/email", guard=on_system(Permission.INVALIDATE_EMAIL_INVITE))
async def invalidate_email_invites(ctx: Context) -> None:
    """Make all invitations useless that were mailed and not used."""
    await delete_invitations(ctx.db)


@router.get("/users/{user_id}/teams", guard=self_or(Permission.SYSCONSOLE_READ_USER_MANAGEMENT_USERS))
async def get_teams_for_user(ctx: Context, user_id: Id) -> list[Team] | Reply:
    """The teams of a user, by display name."""
    return tagged(ctx, await lists.sanitized_many(ctx, await queries.teams_of(ctx.db, user_id)))


@router.get("/users/{user_id}/teams/unread", guard=self_or(Permission.MANAGE_SYSTEM))
async def get_teams_unread_for_user(
    ctx: Context, user_id: Id, exclude_team: str = "", include_collapsed_threads: bool = False
) -> list[TeamUnread]:
    """What a user has not read in each team; direct and group channels are left out."""
    found = await member_queries.unreads(ctx.db, user_id, threads=include_collapsed_threads)
    return [unread for unread in found if unread.team_id != exclude_team]


@router.get(
    "/users/{user_id}/teams/{team_id}/unread",
    guard=all_of(self_or(), on_team(Permission.VIEW_TEAM)),
)
async def get_team_unread(
    ctx: Context, user_id: Id, team_id: Id, include_collapsed_threads: bool = False
) -> TeamUnread:
    """What a user has not read in a team."""
    found = await member_queries.unreads(ctx.db, user_id, team_id, threads=include_collapsed_threads)
    if not found:
        raise NotFound("app.team.get_member.missing.app_error", "The user is not in the team.")
    return found[0]
