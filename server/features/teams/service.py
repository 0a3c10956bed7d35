"""Teams: what callers see of them, making, changing, archiving and deleting them, and joining them."""

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from server.access.grants import has_system, has_team
from server.access.permissions import Permission
from server.bus.signals import Joined
from server.context import Change, Context
from server.errors import ApiError, BadRequest, NotFound, Unauthorized, forbidden, invalid_body
from server.features.channels.member_service import join_all_default_channels
from server.features.channels.service import create_default_channels
from server.features.teams import member_queries, queries, rules
from server.features.teams.events import AddedToTeam, TeamDeleted, TeamRestored, TeamUpdated, for_members
from server.features.teams.models import INVITE, OPEN, NewTeam, Team, TeamMember, TeamPatch, TeamUpdate
from server.features.users.lookup import no_such_user
from server.features.users.models import User
from server.features.users.queries import user_by_id
from server.ids import new_id, new_token


def no_such_team() -> NotFound:
    """404 for a team that is not there."""
    return NotFound("app.team.get.find.app_error", "There is no such team.")


async def get_team(ctx: Context, team_id: str) -> Team:
    """A team that must be there, archived ones too: NotFound otherwise. Who may see it is not checked."""
    team = await queries.team_by_id(ctx.db, team_id)
    if team is None:
        raise no_such_team()
    return team


def is_open(team: Team) -> bool:
    """Whether everyone may see the team."""
    return team.allow_open_invite and team.type == OPEN


async def check_sees(ctx: Context, team: Team) -> None:
    """Refuse a caller who may not know the team."""
    if is_open(team) and await has_system(ctx, Permission.LIST_PUBLIC_TEAMS):
        return
    if not await has_team(ctx, team.id, Permission.VIEW_TEAM):
        raise forbidden()


async def sanitized(ctx: Context, team: Team) -> Team:
    """A team as the caller may see it: the invitation for those who may invite, the address for its administrators."""
    if await has_team(ctx, team.id, Permission.MANAGE_TEAM):
        return team
    if await has_team(ctx, team.id, Permission.INVITE_USER):
        return replace(team, email="")
    return for_members(team)


async def create_team(ctx: Context, new: NewTeam) -> Team:
    """Make a team with its default channels; the caller becomes its administrator."""
    user = await user_by_id(ctx.db, ctx.user_id)
    if user is None:
        raise no_such_user()
    now = ctx.now()
    team = Team(
        id=new_id(),
        create_at=now,
        update_at=now,
        delete_at=0,
        display_name=new.display_name,
        name=new.name,
        description=new.description,
        email=user.email,
        type=new.type,
        company_name=new.company_name,
        allowed_domains=new.allowed_domains,
        invite_id=new_token(),
        allow_open_invite=new.allow_open_invite,
        group_constrained=new.group_constrained,
    )
    rules.check_team(team)
    restricted = ctx.config.TeamSettings.RestrictCreationToDomains
    rules.check_domains(team.allowed_domains, restricted)
    if not rules.allows_user(user, team, ctx.config):
        raise _foreign_address(user)
    async with ctx.begin() as tx:
        team = await queries.insert_team(tx, team)
        await create_default_channels(ctx, tx, team.id, user.id)
        await _put_in(tx, team.id, [user.id], admin=True, now=now)
    await join_all_default_channels(ctx, team.id, [user])
    return team


async def update_team(ctx: Context, team_id: str, whole: TeamUpdate) -> Team:
    """Replace what people may change of a team."""
    if whole.id != team_id:
        raise invalid_body("id")
    return await patch_team(
        ctx,
        team_id,
        TeamPatch(
            display_name=whole.display_name,
            description=whole.description,
            company_name=whole.company_name,
            allowed_domains=whole.allowed_domains,
            allow_open_invite=whole.allow_open_invite in (True, "true"),
            group_constrained=UNSET if whole.group_constrained is None else whole.group_constrained,
        ),
    )


async def patch_team(ctx: Context, team_id: str, patch: TeamPatch) -> Team:
    """Change the parts of a team that the patch names. Closing an open team makes its invitation useless."""
    changes = {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
    if isinstance(patch.allowed_domains, str):
        rules.check_domains(patch.allowed_domains, ctx.config.TeamSettings.RestrictCreationToDomains)
    async with ctx.begin() as tx:
        old = await _lock(tx, team_id)
        wanted = replace(old, **changes)
        if old.allow_open_invite and not wanted.allow_open_invite:
            wanted = replace(wanted, invite_id=new_token())
        return await _store(ctx, tx, old, wanted)


async def set_privacy(ctx: Context, team_id: str, privacy: str) -> Team:
    """Open a team to everyone ("O") or to invited people only ("I"), which makes its invitation useless."""
    async with ctx.begin() as tx:
        old = await _lock(tx, team_id)
        wanted = replace(old, type=privacy, allow_open_invite=privacy == OPEN)
        if wanted != old and privacy == INVITE:
            wanted = replace(wanted, invite_id=new_token())
        return await _store(ctx, tx, old, wanted)


async def regenerate_invite_id(ctx: Context, team_id: str) -> Team:
    """Give a team a new invitation; the old one is of no use then."""
    async with ctx.begin() as tx:
        old = await _lock(tx, team_id)
        return await _store(ctx, tx, old, replace(old, invite_id=new_token()))


async def set_icon_time(ctx: Context, team_id: str, at: int) -> Team:
    """Note when the icon of a team was set, 0 for none."""
    async with ctx.begin() as tx:
        old = await _lock(tx, team_id)
        return await _store(ctx, tx, old, replace(old, last_team_icon_update=at))


async def archive_team(ctx: Context, team_id: str) -> None:
    """Archive a team: nobody finds it any more, its members and messages stay."""
    async with ctx.begin() as tx:
        old = await _lock(tx, team_id)
        if not old.delete_at:
            await _store(ctx, tx, old, replace(old, delete_at=ctx.now()), TeamDeleted)


async def restore_team(ctx: Context, team_id: str) -> Team:
    """Bring an archived team back."""
    async with ctx.begin() as tx:
        old = await _lock(tx, team_id)
        return await _store(ctx, tx, old, replace(old, delete_at=0), TeamRestored)


async def _lock(tx: Change, team_id: str) -> Team:
    team = await queries.lock_team(tx, team_id)
    if team is None:
        raise no_such_team()
    return team


async def _store(
    ctx: Context,
    tx: Change,
    old: Team,
    wanted: Team,
    news: type[TeamUpdated | TeamDeleted | TeamRestored] = TeamUpdated,
) -> Team:
    if wanted == old:
        return old
    rules.check_team(wanted)
    team = await queries.update_team(tx, replace(wanted, update_at=max(ctx.now(), old.update_at + 1)))
    if team is None:
        raise no_such_team()
    tx.invalidate(f"team:{team.id}")
    tx.publish(news(team=for_members(team)))
    return team


def check_deletable(ctx: Context) -> None:
    """Refuse to delete for good where the settings don't allow it."""
    if not ctx.config.ServiceSettings.EnableAPITeamDeletion:
        raise Unauthorized("api.user.delete_team.not_enabled.app_error", "Teams can't be deleted for good here.")


# who comes in


async def join_team(ctx: Context, team: Team, user: User, requester_id: str = "") -> TeamMember:
    """Put a user into a team and its default channels; `requester_id` is who brought the user, "" for no one.

    One who is in the team already stays as it is. Raises BadRequest when the team is full or the address is refused.
    """
    members, _ = await join_many(ctx, team.id, [user], requester_id, graceful=False)
    return members[user.id]


async def join_many(
    ctx: Context, team_id: str, users: Sequence[User], requester_id: str, *, graceful: bool
) -> tuple[dict[str, TeamMember], dict[str, ApiError]]:
    """Put users into a team: the memberships by user id, and why others were refused.

    Without `graceful` one who is refused lets none in: that refusal is raised.
    """
    async with ctx.begin() as tx:
        team = await _lock(tx, team_id)
        if team.delete_at:
            raise no_such_team()
        present = await member_queries.members_among(tx, team_id, [user.id for user in users])
        members = {member.user_id: member for member in present}
        refused: dict[str, ApiError] = {}
        room = ctx.config.TeamSettings.MaxUsersPerTeam - await member_queries.count_active(tx, team_id)
        new: list[User] = []
        for user in users:
            if user.id in members:
                continue
            if not rules.allows_user(user, team, ctx.config):
                refused[user.id] = _foreign_address(user)
            elif len(new) >= room:
                refused[user.id] = BadRequest(
                    "app.team.join_user_to_team.max_accounts.app_error", "The team has as many members as it can have."
                )
            else:
                new.append(user)
        if refused and not graceful:
            raise next(iter(refused.values()))
        joined = await _put_in(tx, team_id, [user.id for user in new], admin=False, now=ctx.now())
        members |= {member.user_id: member for member in joined}
    if new:
        await join_all_default_channels(ctx, team_id, new, requester_id)
    return members, refused


async def _put_in(tx: Change, team_id: str, user_ids: Sequence[str], *, admin: bool, now: int) -> list[TeamMember]:
    if not user_ids:
        return []
    members = await member_queries.join(tx, team_id, user_ids, admin=admin, now=now)
    for member in members:
        tx.invalidate(f"teams_of:{member.user_id}")
        tx.publish(
            Joined(user_id=member.user_id, rooms=(f"team:{team_id}",)),
            AddedToTeam(team_id=team_id, user_id=member.user_id),
        )
    return members


def _foreign_address(user: User) -> BadRequest:
    return BadRequest(
        "api.team.join_user_to_team.allowed_domains.app_error",
        f"The e-mail address of {user.username} is of no domain that may join the team.",
    )


async def listed(ctx: Context) -> tuple[bool, bool]:
    """Whether the caller may find the teams open to everyone, and the others."""
    return (
        await has_system(ctx, Permission.LIST_PUBLIC_TEAMS),
        await has_system(ctx, Permission.LIST_PRIVATE_TEAMS),
    )
