"""What callers get to see of people: whom, and which parts of them."""

from collections.abc import Iterable

from msgspec.structs import replace

from server.access.grants import has_system, roles_grant, team_roles_of
from server.access.permissions import Permission
from server.config.people import PrivacySection
from server.context import Context
from server.errors import forbidden
from server.features.users import list_queries
from server.features.users.models import User


def for_others(user: User, privacy: PrivacySection) -> User:
    """A user as other people see it."""
    return replace(
        user,
        auth_data="",
        auth_service="",
        email=user.email if privacy.ShowEmailAddress else "",
        first_name=user.first_name if privacy.ShowFullName else "",
        last_name=user.last_name if privacy.ShowFullName else "",
        email_verified=False,
        allow_marketing=False,
        notify_props={},
        last_password_update=0,
        failed_attempts=0,
        mfa_active=False,
    )


def for_admins(user: User) -> User:
    """A user as those see it who manage accounts."""
    return replace(user, auth_data="", allow_marketing=False, last_password_update=0, failed_attempts=0)


async def sees_private(ctx: Context) -> bool:
    """Whether the caller sees addresses and names of everyone, whatever the privacy settings say."""
    return await has_system(ctx, Permission.MANAGE_SYSTEM) or await has_system(
        ctx, Permission.SYSCONSOLE_READ_USER_MANAGEMENT_USERS
    )


async def sanitized(ctx: Context, user: User) -> User:
    """A user as the caller may see it: oneself whole, others by the privacy settings."""
    if ctx.session is not None and ctx.session.user_id == user.id:
        return user
    if await sees_private(ctx):
        return for_admins(user)
    return for_others(user, ctx.config.PrivacySettings)


async def sanitized_many(ctx: Context, users: Iterable[User]) -> list[User]:
    """`sanitized` for a list; oneself is shown like the others in it."""
    if await sees_private(ctx):
        return [for_admins(user) for user in users]
    privacy = ctx.config.PrivacySettings
    return [for_others(user, privacy) for user in users]


async def _sees_everyone(ctx: Context) -> bool:
    return ctx.session is None or await roles_grant(ctx, ctx.session.roles, Permission.VIEW_MEMBERS)


async def _open_teams(ctx: Context) -> list[str]:
    """The teams whose members a guest may see by a role held there."""
    teams = await team_roles_of(ctx, ctx.user_id)
    return [
        team_id for team_id, roles in teams.items() if await roles_grant(ctx, " ".join(roles), Permission.VIEW_MEMBERS)
    ]


async def restricted_ids(ctx: Context) -> list[str] | None:
    """The only people that the caller may know of, or None for everyone: guests see those of their channels."""
    if await _sees_everyone(ctx):
        return None
    return await list_queries.seen_by_guest(ctx.db, ctx.user_id, await _open_teams(ctx))


async def sees(ctx: Context, user_id: str) -> bool:
    """Whether the caller may know of a user."""
    if ctx.user_id == user_id or await _sees_everyone(ctx):
        return True
    return await list_queries.is_seen_by_guest(ctx.db, ctx.user_id, await _open_teams(ctx), user_id)


async def check_sees(ctx: Context, user_id: str) -> None:
    """Refuse a caller who may not know of the user."""
    if not await sees(ctx, user_id):
        raise forbidden()


async def only_seen(ctx: Context, ids: Iterable[str]) -> list[str]:
    """Those of the users whom the caller may know of, in the same order."""
    allowed = await restricted_ids(ctx)
    if allowed is None:
        return list(ids)
    known = set(allowed)
    return [user_id for user_id in ids if user_id in known]
