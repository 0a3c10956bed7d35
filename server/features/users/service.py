"""Changing profiles, roles and activation of people."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import UNSET
from msgspec.structs import replace

from server.access.grants import check_system, has_system, role_permissions
from server.access.permissions import Permission
from server.bus.event import INSIDERS
from server.bus.signals import Joined, Left, SessionsChanged
from server.context import Change, Context
from server.db import Db
from server.errors import BadRequest, Unauthorized, forbidden, invalid_body
from server.features.audits.log import record
from server.features.bots.queries import live_bots_of
from server.features.sessions.service import revoke_all
from server.features.users import queries, rules
from server.features.users.events import UserActivationStatusChange, UserRoleUpdated
from server.features.users.guesthood import change_memberships
from server.features.users.lookup import get_user, no_such_user
from server.features.users.models import SendAccountNews, SendEmailVerification, User, UserPatch, UserUpdate
from server.features.users.news import tell_updated
from server.features.users.password_service import confirm_password
from server.features.users.token_queries import VERIFY_EMAIL, void_mail_tokens

CHANGED: list[Callable[[Context, Change, User, User], Awaitable[None]]] = []
"""Called with a profile before and after a change, inside the transaction."""


async def editable_user(ctx: Context, db: Db, user_id: str) -> User:
    """A user that the caller may change, locked; administrators are changed by administrators only."""
    user = await queries.lock_user(db, user_id)
    if user is None:
        raise no_such_user()
    if user_id != ctx.user_id and user.is_admin:
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    return user


async def update_user(ctx: Context, user_id: str, body: UserUpdate) -> User:
    """Replace the whole profile of a user."""
    if body.id != user_id:
        raise invalid_body("user_id")
    patch = UserPatch(
        email=body.email,
        username=body.username,
        password=body.password or UNSET,
        nickname=body.nickname,
        first_name=body.first_name,
        last_name=body.last_name,
        position=body.position,
        locale=body.locale or UNSET,
        timezone=body.timezone,
        props=body.props,
        notify_props=body.notify_props,
        remote_id=body.remote_id,
    )
    return await patch_user(ctx, user_id, patch)


async def patch_user(ctx: Context, user_id: str, patch: UserPatch) -> User:
    """Change the given parts of a profile. A new address needs the user's own password, and maybe a proof by mail."""
    if isinstance(patch.email, str):
        await _confirm_email_change(ctx, user_id, patch)
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        wanted = rules.tidy(replace(old, **changes_of(patch)), ctx.config.LocalizationSettings.DefaultClientLocale)
        if wanted == old:
            return old
        rules.check_profile(wanted)
        if wanted.email != old.email:
            # Whoever holds a link to an address of before must not bring that back.
            await void_mail_tokens(tx, VERIFY_EMAIL, user_id)
            wanted = _with_new_email(ctx, tx, old, wanted)
        if wanted.username != old.username:
            wanted = _with_renamed_keys(wanted, old.username)
        user = await queries.update_user(tx, replace(wanted, update_at=ctx.now()))
        if user is None:
            raise no_such_user()
        if user.email != old.email:
            tx.enqueue(SendAccountNews(user_id=user_id, news="email", email=old.email))
        if user.username != old.username:
            tx.enqueue(SendAccountNews(user_id=user_id, news="username"))
        await tell_updated(ctx, tx, user, renamed=_is_mentioned_differently(old, user))
        for listener in CHANGED:
            await listener(ctx, tx, old, user)
    return user


def changes_of(patch: UserPatch) -> dict[str, object]:
    """The fields of a profile that a patch names."""
    fields = ("email", "username", "nickname", "first_name", "last_name", "position", "locale", "timezone")
    names = (*fields, "props", "notify_props", "remote_id")
    return {name: value for name in names if (value := getattr(patch, name)) is not UNSET}


def _is_mentioned_differently(old: User, new: User) -> bool:
    return (old.username, old.first_name, old.notify_props) != (new.username, new.first_name, new.notify_props)


async def _confirm_email_change(ctx: Context, user_id: str, patch: UserPatch) -> None:
    """Before the transaction, since checking a password takes a while."""
    user = await get_user(ctx, user_id)
    if user is None:
        raise no_such_user()
    if user.email == str(patch.email).strip().lower():
        return
    if ctx.session is not None and ctx.session.is_oauth:
        raise forbidden()  # an app must not get hold of the account that let it in, nor of others
    if ctx.user_id != user_id:
        return
    if await has_system(ctx, Permission.EDIT_OTHER_USERS):
        return
    if not isinstance(patch.password, str):
        raise invalid_body("password")
    await confirm_password(ctx, user_id, patch.password, refusal=invalid_body("password"))


def _with_new_email(ctx: Context, tx: Change, old: User, wanted: User) -> User:
    """A new address is unproven; where a proof is required the old one stays until it is given."""
    if ctx.user_id != wanted.id:
        return replace(wanted, email_verified=False)
    rules.check_domain(wanted.email, ctx.config.TeamSettings.RestrictCreationToDomains)
    tx.enqueue(SendEmailVerification(user_id=wanted.id, email=wanted.email))
    if ctx.config.EmailSettings.RequireEmailVerification:
        return replace(wanted, email=old.email)
    return replace(wanted, email_verified=False)


def _with_renamed_keys(user: User, old_name: str) -> User:
    """Keywords that were the old name become the new one."""
    names = {old_name: user.username, f"@{old_name}": f"@{user.username}"}
    keys = [names.get(key, key) for key in user.notify_props.get("mention_keys", "").split(",")]
    return replace(user, notify_props={**user.notify_props, "mention_keys": ",".join(dict.fromkeys(keys))})


async def change_props(ctx: Context, user_id: str, changes: Mapping[str, str | None]) -> User:
    """Set single props of a user (custom status …), None removes one."""
    changed = {name: value for name, value in changes.items() if value is not None}
    removed = [name for name, value in changes.items() if value is None]
    async with ctx.begin() as tx:
        user = await queries.merge_props(tx, user_id, changed, removed, ctx.now())
        if user is None:
            raise no_such_user()
        rules.check_profile(user)
        await tell_updated(ctx, tx, user)
    return user


async def update_roles(ctx: Context, user_id: str, roles: str) -> None:
    """Give a user other roles in the system; only administrators make or unmake administrators."""
    names = list(dict.fromkeys(roles.split()))
    if not names or names == ["system_admin"] or len(roles) > 256:
        raise invalid_body("roles")  # administrators are users, too: who leaves that out has made a mistake
    known = await role_permissions(ctx.services)
    for name in names:
        if name not in known:
            raise BadRequest("app.role.check_roles_exist.role_not_found", f"There is no role {name}.")
    wanted = " ".join(names)
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        if "system_admin" in names and not old.is_admin:
            await check_system(ctx, Permission.MANAGE_SYSTEM)
        if old.roles == wanted:
            return
        user = await queries.set_roles(tx, user_id, wanted, ctx.now())
        if user is None:
            raise no_such_user()
        if user.is_guest != old.is_guest:
            room = (INSIDERS,)
            tx.publish(Left(user_id=user_id, rooms=room) if user.is_guest else Joined(user_id=user_id, rooms=room))
            await change_memberships(ctx, tx, user_id, guest=user.is_guest)
        await record(ctx, tx, user_id, f"/users/{user_id}/roles", f"old_roles={old.roles} new_roles={wanted}")
        await tell_updated(ctx, tx, user)
        tx.publish(UserRoleUpdated(user_id=user_id, roles=wanted), SessionsChanged(user_id=user_id))


async def update_active(ctx: Context, user_id: str, active: bool) -> None:
    """Deactivate a user, which ends all sessions, or let one in again."""
    if active or user_id != ctx.user_id:
        await check_system(ctx, Permission.SYSCONSOLE_WRITE_USER_MANAGEMENT_USERS)
    else:
        _check_own_deactivation(ctx)
    await _set_active(ctx, user_id, active)


def _check_own_deactivation(ctx: Context) -> None:
    if not ctx.config.TeamSettings.EnableUserDeactivation:
        raise Unauthorized(
            "api.user.update_active.not_enable.app_error", "Accounts can't be deactivated by their owners here."
        )


async def _set_active(ctx: Context, user_id: str, active: bool) -> None:
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        if (old.delete_at == 0) == active:
            return
        if active and old.is_guest and not ctx.config.GuestAccountsSettings.Enable:
            raise Unauthorized(
                "api.user.update_active.cannot_enable_guest_when_guest_feature_is_disabled.app_error",
                "Guests are not let in here.",
            )
        await set_active(ctx, tx, user_id, active)
        if not old.is_bot and (active or user_id == ctx.user_id):
            tx.enqueue(SendAccountNews(user_id=user_id, news="activated" if active else "deactivated"))
        if not active and ctx.config.ServiceSettings.DisableBotsWhenOwnerIsDeactivated:
            for bot_id in await live_bots_of(tx, user_id):
                await set_active(ctx, tx, bot_id, False)


async def set_active(ctx: Context, tx: Change, user_id: str, active: bool) -> None:
    """Deactivate a person or bot, which ends all sessions, or let one in again; who may has been checked."""
    now = ctx.now()
    user = await queries.set_delete_at(tx, user_id, 0 if active else now, now)
    if user is None:
        raise no_such_user()
    if not active:
        await revoke_all(ctx, tx, user_id)
    await record(ctx, tx, user_id, f"/users/{user_id}/active", f"active={str(active).lower()}")
    await tell_updated(ctx, tx, user, renamed=True)
    # Access tokens are no sessions of the table: their sockets notice by looking themselves up.
    tx.publish(UserActivationStatusChange(), SessionsChanged(user_id=user_id))


async def delete_user(ctx: Context, user_id: str, *, permanent: bool) -> None:
    """Deactivate a user, or remove the account for good where the settings allow it; the messages stay."""
    if user_id == ctx.user_id and not permanent and not await has_system(ctx, Permission.EDIT_OTHER_USERS):
        _check_own_deactivation(ctx)
    if permanent:
        if not ctx.config.ServiceSettings.EnableAPIUserDeletion:
            raise Unauthorized("api.user.delete_user.not_enabled.app_error", "Accounts can't be deleted for good here.")
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    await _set_active(ctx, user_id, active=False)
    if not permanent:
        return
    async with ctx.begin() as tx:
        channel_ids = await queries.channel_ids_of(tx, user_id)
        await queries.delete_user(tx, user_id)
        tx.invalidate(f"user:{user_id}", f"member_of:{user_id}", f"teams_of:{user_id}")
        tx.invalidate(*(f"mentions:{channel_id}" for channel_id in channel_ids))
