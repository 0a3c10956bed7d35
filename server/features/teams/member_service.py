"""Members of teams: adding, inviting, leaving, removing, and their roles."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from server.access.grants import TEAM_SCHEME, check_gives, check_system, check_team
from server.access.permissions import Permission
from server.bus.signals import Left
from server.context import Context
from server.errors import ApiError, BadRequest, Forbidden, NotFound, invalid_body
from server.features.channels.member_service import leave_team_channels
from server.features.channels.models import DEFAULT_CHANNEL
from server.features.channels.queries import public_ids
from server.features.posts.models import LEAVE_TEAM, REMOVE_FROM_TEAM
from server.features.posts.service import post_system
from server.features.roles.queries import roles_by_names
from server.features.teams import member_queries, queries
from server.features.teams.accepting import come_in, invitation_of, not_valid
from server.features.teams.events import LeftTeam, MemberRoleUpdated
from server.features.teams.models import NewTeamMember, SchemeRoles, TeamMember, TeamMemberWithError
from server.features.teams.service import get_team, join_many, join_team
from server.features.users.lookup import no_such_user
from server.features.users.models import User
from server.features.users.queries import user_by_id, users_by_ids
from server.features.users.token_queries import GUEST_INVITATION, put_mail_token_back, take_mail_token

TEAM_ROLES = ("team_post_all", "team_post_all_public")


class Rights(Struct, frozen=True):
    """What a membership holds: explicit roles, and the flags (guest, user, admin)."""

    explicit: str
    flags: tuple[bool, bool, bool]


def no_such_member() -> NotFound:
    """404 for a user who is not in the team."""
    return NotFound("app.team.get_member.missing.app_error", "The user is not in the team.")


async def get_member(ctx: Context, team_id: str, user_id: str) -> TeamMember:
    """A membership that must be there, also one that has ended."""
    member = await member_queries.member(ctx.db, team_id, user_id)
    if member is None:
        raise no_such_member()
    return member


async def add_member(ctx: Context, team_id: str, new: NewTeamMember) -> TeamMember:
    """Put a user into a team, or join it oneself when it is open to the caller."""
    if new.team_id != team_id:
        raise invalid_body("team_id")
    if new.user_id == ctx.user_id:
        team = await get_team(ctx, team_id)
        open_to_all = team.allow_open_invite
        await check_system(ctx, Permission.JOIN_PUBLIC_TEAMS if open_to_all else Permission.JOIN_PRIVATE_TEAMS)
    else:
        await check_team(ctx, team_id, Permission.ADD_USER_TO_TEAM)
        team = await get_team(ctx, team_id)
    return await join_team(ctx, team, await _user(ctx, new.user_id), ctx.user_id)


async def _user(ctx: Context, user_id: str) -> User:
    user = await user_by_id(ctx.db, user_id)
    if user is None:
        raise no_such_user()
    return user


async def add_members(
    ctx: Context, team_id: str, new: Sequence[NewTeamMember], *, graceful: bool
) -> list[TeamMember] | list[TeamMemberWithError]:
    """Put users into a team; with `graceful` those who can't be are told in the answer instead of refusing it."""
    if any(member.team_id != team_id for member in new):
        raise invalid_body("team_id")
    user_ids = list(dict.fromkeys(member.user_id for member in new))
    await get_team(ctx, team_id)
    users = {user.id: user for user in await users_by_ids(ctx.db, user_ids)}
    if not graceful and len(users) < len(user_ids):
        raise no_such_user()
    wanted = [users[user_id] for user_id in user_ids if user_id in users]
    members, refused = await join_many(ctx, team_id, wanted, ctx.user_id, graceful=graceful)
    refused |= {user_id: no_such_user() for user_id in user_ids if user_id not in users}
    if graceful:
        return [
            TeamMemberWithError(user_id, members.get(user_id), error_body(ctx, refused.get(user_id)))
            for user_id in user_ids
        ]
    return [members[user_id] for user_id in user_ids]


def error_body(ctx: Context, error: ApiError | None) -> dict[str, Any] | None:
    """A refusal as it stands in the answer to a graceful call."""
    if error is None:
        return None
    return {
        "id": error.id,
        "message": error.message,
        "detailed_error": "",
        "request_id": ctx.request_id,
        "status_code": error.status,
    }


async def join_by_invitation(ctx: Context, token: str, invite_id: str) -> TeamMember:
    """Join the team of an invitation: the token of a mail, or the invite_id that the team itself has."""
    if token:
        return await _join_by_token(ctx, token)
    if not invite_id:
        raise BadRequest("api.team.add_user_to_team.missing_parameter.app_error", "A token or an invite_id is needed.")
    user = await _user(ctx, ctx.user_id)
    if user.is_guest:
        raise _own_invitation()
    team = await queries.team_by_invite_id(ctx.db, invite_id)
    if team is None:
        raise NotFound("app.team.get_by_invite_id.finding.app_error", "No team has this invitation.")
    return await join_team(ctx, team, user)


def _own_invitation() -> Forbidden:
    return Forbidden("api.team.add_user_to_team_from_invite.guest.app_error", "Guests need an invitation of their own.")


async def _join_by_token(ctx: Context, token: str) -> TeamMember:
    invitation = await invitation_of(ctx, token)
    user = await _user(ctx, ctx.user_id)
    team = await get_team(ctx, str(invitation.extra.get("team_id", "")))
    if user.is_guest and invitation.type != GUEST_INVITATION:
        raise _own_invitation()
    if not await take_mail_token(ctx.db, invitation.type, token):
        raise not_valid()
    try:
        return await come_in(ctx, invitation, team, user)
    except ApiError:
        # A full team may have room another day.
        await put_mail_token_back(ctx.db, token, invitation)
        raise


async def remove_member(ctx: Context, team_id: str, user_id: str) -> None:
    """Leave a team and all its channels, or put someone out of it."""
    if user_id != ctx.user_id:
        await check_team(ctx, team_id, Permission.REMOVE_USER_FROM_TEAM)
    await get_team(ctx, team_id)
    user = await _user(ctx, user_id)
    async with ctx.begin() as tx:
        if await member_queries.leave(tx, team_id, user_id, ctx.now()) is None:
            raise no_such_member()
        await leave_team_channels(ctx, tx, team_id, user_id)
        tx.invalidate(f"teams_of:{user_id}")
        tx.publish(
            LeftTeam(team_id=team_id, user_id=user_id, own=True),
            Left(user_id=user_id, rooms=(f"team:{team_id}",)),
            LeftTeam(team_id=team_id, user_id=user_id),
        )
    if ctx.config.ServiceSettings.ExperimentalEnableDefaultChannelLeaveJoinMessages:
        await _announce_leaving(ctx, team_id, user, removed=user_id != ctx.user_id)


async def _announce_leaving(ctx: Context, team_id: str, user: User, *, removed: bool) -> None:
    channels = await public_ids(ctx.db, team_id, [DEFAULT_CHANNEL])
    for channel_id in channels.values():
        await post_system(
            ctx,
            channel_id=channel_id,
            user_id=user.id,
            type=REMOVE_FROM_TEAM if removed else LEAVE_TEAM,
            message=f"{user.username} {'was removed from' if removed else 'left'} the team.",
            props={"username": user.username},
        )


async def update_roles(ctx: Context, team_id: str, user_id: str, roles: str) -> None:
    """Give a member other roles; the names of a team's own roles set the flags that stand for them."""
    names = list(dict.fromkeys(roles.split()))
    if not names:
        raise invalid_body("roles")
    known = {role.name: role for role in await roles_by_names(ctx.db, names)}
    explicit: list[str] = []
    for name in names:
        role = known.get(name)
        if role is None or role.delete_at:
            raise BadRequest("app.role.get_by_name.app_error", f"There is no role {name}.")
        if not role.scheme_managed:
            explicit.append(name)
        elif name not in TEAM_SCHEME:
            raise BadRequest(
                "api.channel.update_team_member_roles.scheme_role.app_error", f"The role {name} is not one of teams."
            )
    old = await get_member(ctx, team_id, user_id)
    # Rights to posts, which administrators of teams don't hold themselves, are theirs to give all the same.
    given = [name for name in explicit if name not in old.explicit_roles.split() and name not in TEAM_ROLES]
    await check_gives(ctx, given, team_id=team_id)
    guest, user, admin = (name in names for name in TEAM_SCHEME)
    await _set_rights(ctx, team_id, user_id, Rights(" ".join(explicit), (guest, user, admin)))


async def update_scheme_roles(ctx: Context, team_id: str, user_id: str, wanted: SchemeRoles) -> None:
    """Make a member a user or an administrator of the team, or not; explicit roles stay."""
    flags = (wanted.scheme_guest, wanted.scheme_user, wanted.scheme_admin)
    await _set_rights(ctx, team_id, user_id, Rights((await get_member(ctx, team_id, user_id)).explicit_roles, flags))


async def _set_rights(ctx: Context, team_id: str, user_id: str, wanted: Rights) -> None:
    guest, user, admin = wanted.flags
    if guest and (user or admin):
        raise BadRequest("api.team.update_team_member_roles.guest_and_user.app_error", "Guests are nothing else.")
    if not guest and not user:
        raise BadRequest(
            "api.team.update_team_member_roles.unset_user_scheme.app_error", "Every member is a user or a guest."
        )
    async with ctx.begin() as tx:
        old = await member_queries.lock_member(tx, team_id, user_id)
        if old is None or old.delete_at:
            raise no_such_member()
        if old.scheme_guest != guest:
            raise BadRequest(
                "api.channel.update_team_member_roles.changing_guest_role.app_error",
                "Guests stay guests, and others can't become one.",
            )
        member = await member_queries.set_roles(tx, team_id, user_id, wanted.explicit, wanted.flags)
        if member is None:
            raise no_such_member()
        tx.invalidate(f"teams_of:{user_id}")
        tx.publish(MemberRoleUpdated(member=member))
