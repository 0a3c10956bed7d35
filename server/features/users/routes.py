"""Accounts and profiles over HTTP."""

from typing import Annotated

import msgspec
from msgspec import Meta

from server.access.grants import check_channel
from server.access.guards import anyone, in_service, on_system, self_or, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import NotFound, forbidden
from server.features.status.models import TypingIn
from server.features.status.service import set_typing
from server.features.terms.service import with_terms
from server.features.users import (
    email_service,
    list_queries,
    list_service,
    lookup,
    password_service,
    queries,
    rules,
    service,
    sign_up,
)
from server.features.users.known import shown_by_names, shown_in_lists
from server.features.users.list_service import Wanted, names
from server.features.users.models import (
    EmailOnly,
    NewUser,
    PasswordChange,
    PasswordReset,
    TokenOnly,
    User,
    UserActive,
    UserAutocomplete,
    UserPatch,
    UserRoles,
    UserSearch,
    UsersStats,
    UserUpdate,
)
from server.features.users.visible import only_seen, restricted_ids, sanitized, sanitized_many, sees, sees_private
from server.http.params import Page, PerPage
from server.http.reply import Reply, tagged
from server.http.router import Router
from server.ids import Id

router = Router("users")

_encode = msgspec.json.Encoder().encode

MAX_ASKED = 10_000
Ids = Annotated[list[Id], Meta(min_length=1, max_length=MAX_ASKED)]
Usernames = Annotated[list[str], Meta(max_length=MAX_ASKED)]


@router.post("/users", guard=anyone, status=201)
async def create_user(ctx: Context, body: NewUser, t: str = "", iid: str = "", r: str = "") -> User:
    """Make an account; `t` is the token of a mailed invitation, `iid` the invitation id of a team.

    `r` is where the link of the verification mail leads in the end.
    """
    return await sign_up.create_user(ctx, body, token=t, invite_id=iid, redirect=r)


@router.get("/users", guard=in_service("in_team needs view_team, in_channel read_channel"))
async def get_users(
    ctx: Context,
    page: Page = 0,
    per_page: PerPage = 60,
    in_team: str = "",
    not_in_team: str = "",
    in_channel: str = "",
    not_in_channel: str = "",
    in_group: str = "",
    not_in_group: str = "",
    group_constrained: bool = False,
    without_team: bool = False,
    active: bool = False,
    inactive: bool = False,
    role: str = "",
    roles: str = "",
    channel_roles: str = "",
    team_roles: str = "",
    sort: str = "",
) -> list[User] | Reply:
    """A page of people, of everyone or of a team or channel."""
    wanted = Wanted(
        in_team=in_team,
        not_in_team=not_in_team,
        in_channel=in_channel,
        not_in_channel=not_in_channel,
        in_group=in_group,
        not_in_group=not_in_group,
        group_constrained=group_constrained,
        without_team=without_team,
        active=True if active and not inactive else False if inactive and not active else None,
        roles=names(f"{role},{roles}"),
        member_roles=names(f"{channel_roles},{team_roles}"),
    )
    return tagged(ctx, await list_service.list_users(ctx, wanted, sort=sort, page=page, per_page=per_page))


@router.post("/users/ids", guard=signed_in)
async def get_users_by_ids(ctx: Context, body: Ids, since: int = 0) -> list[User] | Reply:
    """People by their ids; with `since` only those that changed after it."""
    wanted = await only_seen(ctx, dict.fromkeys(body))
    if since:
        return await sanitized_many(ctx, await queries.users_since(ctx.db, wanted, since))
    return Reply(content=_encode(await shown_in_lists(ctx, wanted, by_name=True)))


@router.post("/users/usernames", guard=signed_in)
async def get_users_by_usernames(ctx: Context, body: Usernames) -> list[User] | Reply:
    """People by their names."""
    wanted = dict.fromkeys(name.lower().removeprefix("@") for name in body)
    allowed = await restricted_ids(ctx)
    return Reply(content=_encode(await shown_by_names(ctx, wanted, None if allowed is None else set(allowed))))


@router.post("/users/search", guard=in_service("team_id needs view_team, in_channel_id read_channel"))
async def search_users(ctx: Context, body: UserSearch) -> list[User]:
    """People whose names have words that begin like those of the term."""
    return await list_service.search_users(ctx, body)


@router.get("/users/autocomplete", guard=in_service("in_team needs view_team, in_channel read_channel"))
async def autocomplete_users(
    ctx: Context,
    name: str = "",
    in_team: str = "",
    in_channel: str = "",
    team_id: str = "",
    channel_id: str = "",
    limit: int = 100,
) -> UserAutocomplete:
    """Whom a typed name may mean, those of the channel first. Some clients say team_id and channel_id."""
    return await list_service.autocomplete_users(
        ctx, in_team=in_team or team_id, in_channel=in_channel or channel_id, name=name, limit=limit
    )


@router.get("/users/known", guard=signed_in)
async def get_known_users(ctx: Context) -> list[str]:
    """Ids of the people who share a channel with the caller."""
    return await list_queries.known_to(ctx.db, ctx.user_id)


@router.get("/users/stats", guard=signed_in)
async def get_total_users_stats(ctx: Context) -> UsersStats:
    """How many people have an active account."""
    return UsersStats(await list_queries.count_users(ctx.db, await restricted_ids(ctx)))


@router.post("/users/group_channels", guard=signed_in)
async def get_users_by_group_channel_ids(ctx: Context, body: Ids) -> dict[str, list[User]]:
    """The other members of those group channels that the caller is in, by channel id."""
    found = await list_queries.group_channel_users(ctx.db, ctx.user_id, body)
    users = await sanitized_many(ctx, [user for _, user in found])
    by_channel: dict[str, list[User]] = {}
    for (channel_id, _), user in zip(found, users, strict=True):
        by_channel.setdefault(channel_id, []).append(user)
    return by_channel


@router.get("/users/email/{email}", guard=in_service("view_members, and e-mail addresses visible"))
async def get_user_by_email(ctx: Context, email: str) -> User | Reply:
    """A user by the e-mail address."""
    if not rules.is_email(email.strip().lower()):
        raise rules.invalid("email")
    if not ctx.config.PrivacySettings.ShowEmailAddress and not await sees_private(ctx):
        raise forbidden()
    return await _one(ctx, await queries.user_by_email(ctx.db, email.strip().lower()))


@router.get("/users/username/{username}", guard=in_service("view_members"))
async def get_user_by_username(ctx: Context, username: str) -> User | Reply:
    """A user by the name."""
    return await _one(
        ctx,
        await queries.user_by_username(ctx.db, username.lower()),
        NotFound("app.user.get_by_username.app_error", "There is no such account."),
    )


async def _one(ctx: Context, user: User | None, missing: NotFound | None = None) -> Reply:
    if user is None:
        # Guests get the same answer for people whom they may not know.
        raise forbidden() if await restricted_ids(ctx) is not None else missing or lookup.no_such_user()
    if not await sees(ctx, user.id):
        raise forbidden()
    return tagged(ctx, await sanitized(ctx, user))


@router.get("/users/{user_id}", guard=in_service("view_members"), without_factor=True)
async def get_user(ctx: Context, user_id: Id) -> User | Reply:
    """A user by id."""
    shown = await sanitized(ctx, await lookup.visible_user(ctx, user_id))
    return tagged(ctx, await with_terms(ctx, shown) if user_id == ctx.user_id else shown)


@router.put("/users/{user_id}", guard=self_or())
async def update_user(ctx: Context, user_id: Id, body: UserUpdate) -> User:
    """Replace the profile of a user."""
    return await sanitized(ctx, await service.update_user(ctx, user_id, body))


@router.put("/users/{user_id}/patch", guard=self_or())
async def patch_user(ctx: Context, user_id: Id, body: UserPatch) -> User:
    """Change parts of a user's profile."""
    return await sanitized(ctx, await service.patch_user(ctx, user_id, body))


@router.delete("/users/{user_id}", guard=self_or())
async def delete_user(ctx: Context, user_id: Id, permanent: bool = False) -> None:
    """Deactivate a user, or delete the account for good where the settings allow it."""
    await service.delete_user(ctx, user_id, permanent=permanent)


@router.put("/users/{user_id}/roles", guard=on_system(Permission.MANAGE_ROLES))
async def update_user_roles(ctx: Context, user_id: Id, body: UserRoles) -> None:
    """Give a user other roles in the system."""
    await service.update_roles(ctx, user_id, body.roles)


@router.put(
    "/users/{user_id}/active",
    guard=in_service("self (if EnableUserDeactivation), or system: sysconsole_write_user_management_users"),
)
async def update_user_active(ctx: Context, user_id: Id, body: UserActive) -> None:
    """Deactivate a user, which ends all sessions, or let one in again."""
    await service.update_active(ctx, user_id, body.active)


@router.put(
    "/users/{user_id}/password",
    guard=in_service("self with the current password, or system: sysconsole_write_user_management_users"),
)
async def update_user_password(ctx: Context, user_id: Id, body: PasswordChange) -> None:
    """Change a password; the other sessions of the user end."""
    await password_service.update_password(ctx, user_id, body)


@router.post("/users/password/reset", guard=anyone)
async def reset_password(ctx: Context, body: PasswordReset) -> None:
    """Set a new password by the token of a mail."""
    await password_service.reset_password(ctx, body)


@router.post("/users/password/reset/send", guard=anyone)
async def send_password_reset_email(ctx: Context, body: EmailOnly) -> None:
    """Mail a link for choosing a new password; the answer does not tell whether there is such an account."""
    await password_service.send_password_reset(ctx, body.email)


@router.post("/users/email/verify", guard=anyone)
async def verify_user_email(ctx: Context, body: TokenOnly) -> None:
    """Take the token of a mail as proof of its address."""
    await email_service.verify_email(ctx, body.token)


@router.post("/users/email/verify/send", guard=anyone)
async def send_verification_email(ctx: Context, body: EmailOnly) -> None:
    """Mail a link that proves an address; the answer does not tell whether there is such an account."""
    await email_service.send_email_verification(ctx, body.email)


@router.post("/users/{user_id}/typing", guard=self_or(Permission.MANAGE_SYSTEM))
async def publish_user_typing(ctx: Context, user_id: Id, body: TypingIn) -> None:
    """Tell the other members of a channel that someone types."""
    await check_channel(ctx, body.channel_id, Permission.CREATE_POST)
    await set_typing(ctx, user_id, body.channel_id, body.parent_id)
