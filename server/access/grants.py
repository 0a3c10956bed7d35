"""What a caller may do: roles turned into permissions, in the system, in a team, in a channel.

A permission is granted when any role of the system, the team or the channel has it.
"""

from collections.abc import Hashable, Iterable
from typing import cast

from msgspec import Struct

from server.access.permissions import ALL_PERMISSIONS, Permission
from server.access.roles import (
    CHANNEL_ADMIN,
    CHANNEL_GUEST,
    CHANNEL_USER,
    TEAM_ADMIN,
    TEAM_GUEST,
    TEAM_USER,
)
from server.context import Context, Services
from server.db import SQL
from server.errors import forbidden

ALL_ROLES = SQL("SELECT name, permissions FROM roles WHERE delete_at = 0")

TEAM_ROLES_OF = SQL("""
    SELECT team_id, roles, scheme_guest, scheme_user, scheme_admin
      FROM team_members
     WHERE user_id = $1 AND delete_at = 0
""")

USER_ROLES = SQL("SELECT roles FROM users WHERE id = $1")

CHANNEL_PLACE = SQL("""
    SELECT id, type, team_id, delete_at, name, display_name, total_msg_count, creator_id
      FROM channels
     WHERE id = $1
""")

CHANNEL_PLACES = SQL("""
    SELECT id, type, team_id, delete_at, name, display_name, total_msg_count, creator_id
      FROM channels
     WHERE id = ANY($1::text[])
""")

ROLES_IN = SQL("""
    SELECT channel_id, roles, scheme_guest, scheme_user, scheme_admin
      FROM channel_members
     WHERE user_id = $1 AND channel_id = ANY($2::text[])
""")

MEMBER_ROLES = SQL("""
    SELECT roles, scheme_guest, scheme_user, scheme_admin
      FROM channel_members
     WHERE channel_id = $1 AND user_id = $2
""")

MANY_CHANNELS = 100
"""Who is in no more is asked about in all of them at once: the next question is most likely about another of them."""

# With those in teams: a right in a channel may come from its team.
ROLES_EVERYWHERE = SQL(f"""
   (SELECT channel_id, true, roles, scheme_guest, scheme_user, scheme_admin
      FROM channel_members
     WHERE user_id = $1
     LIMIT {MANY_CHANNELS + 1})
 UNION ALL
    SELECT team_id, false, roles, scheme_guest, scheme_user, scheme_admin
      FROM team_members
     WHERE user_id = $1 AND delete_at = 0
""")

POST_CHANNEL = SQL("SELECT channel_id FROM posts WHERE id = $1 AND original_id = ''")


class ChannelPlace(Struct, frozen=True):
    """What checks need of a channel."""

    id: str
    type: str
    team_id: str
    delete_at: int
    name: str
    display_name: str
    seen_msg_count: int
    """Only how many posts there were when it was loaded."""
    creator_id: str


def scheme_roles(names: tuple[str, str, str], explicit: str, guest: bool, user: bool, admin: bool) -> list[str]:
    """All role names of a membership: those that its flags stand for (guest, user, admin) and the explicit ones."""
    roles = [name for flag, name in zip((guest, user, admin), names, strict=True) if flag]
    roles += [name for name in explicit.split() if name not in roles]
    return roles


TEAM_SCHEME = (TEAM_GUEST, TEAM_USER, TEAM_ADMIN)
CHANNEL_SCHEME = (CHANNEL_GUEST, CHANNEL_USER, CHANNEL_ADMIN)


async def role_permissions(services: Services) -> dict[str, frozenset[str]]:
    """The permissions of every role, by name."""

    async def load() -> dict[str, frozenset[str]]:
        return {row[0]: frozenset(row[1]) for row in await services.db.rows(ALL_ROLES)}

    return await services.cache.get("roles", ("roles",), load)


def permissions_at_hand(services: Services) -> dict[str, frozenset[str]] | None:
    """The same if this node knows them, else None: ask `role_permissions`."""
    return services.cache.peek("roles", dict)


def any_grants(permissions: dict[str, frozenset[str]], roles: Iterable[str], permission: Permission) -> bool:
    """Whether any of the roles has a permission, by the permissions of every role."""
    return any(permission in permissions.get(role, ()) for role in roles)


async def _any_grants(ctx: Context, roles: Iterable[str], permission: Permission) -> bool:
    return any_grants(permissions_at_hand(ctx.services) or await role_permissions(ctx.services), roles, permission)


async def roles_grant(ctx: Context, roles: str, permission: Permission) -> bool:
    """Whether space-separated role names grant a permission."""
    return await _any_grants(ctx, roles.split(), permission)


async def has_system(ctx: Context, permission: Permission) -> bool:
    """Whether the caller has a permission everywhere."""
    return ctx.session is not None and await _any_grants(ctx, ctx.session.roles.split(), permission)


async def team_roles_of(ctx: Context, user_id: str) -> dict[str, list[str]]:
    """The teams of a user with the roles held in each."""
    key = ("team_roles", user_id)
    at_hand = ctx.cache.peek(key, dict)
    if at_hand is not None:
        return at_hand

    async def load() -> dict[str, list[str]]:
        return {row[0]: scheme_roles(TEAM_SCHEME, *row[1:]) for row in await ctx.db.rows(TEAM_ROLES_OF, user_id)}

    return await ctx.cache.get(key, (f"teams_of:{user_id}",), load)


async def has_team(ctx: Context, team_id: str, permission: Permission) -> bool:
    """Whether the caller has a permission in a team, by its membership there or everywhere."""
    if ctx.session is None:
        return False
    roles = (await team_roles_of(ctx, ctx.session.user_id)).get(team_id, [])
    return await _any_grants(ctx, [*roles, *ctx.session.roles.split()], permission)


async def channel_place(ctx: Context, channel_id: str) -> ChannelPlace | None:
    """A channel as checks need it, or None when there is none. Archived ones too."""
    key = ("channel_place", channel_id)
    at_hand = ctx.cache.peek(key, ChannelPlace)
    if at_hand is not None:
        return at_hand

    async def load() -> ChannelPlace | None:
        return await ctx.db.one(ChannelPlace, CHANNEL_PLACE, channel_id)

    return await ctx.cache.get(key, (f"channel:{channel_id}",), load)


async def member_roles(ctx: Context, channel_id: str, user_id: str) -> list[str] | None:
    """The roles of a user in a channel, or None for a stranger to it."""
    key = ("member_roles", channel_id, user_id)
    at_hand = ctx.cache.peek(key, list)
    if at_hand is not None:
        return at_hand or None

    async def load() -> list[str]:
        # Strangers are remembered too, as an empty list: no membership is without a role.
        if ctx.cache.peek(("many_channels", user_id), bool) is None:
            found = await ctx.cache.load_along(lambda: _roles_everywhere(ctx, user_id), _role_tags)
            if len(found) - 1 <= MANY_CHANNELS or key in found:
                return cast(list[str], found.get(key, []))
            await ctx.cache.get(("many_channels", user_id), (f"member_of:{user_id}",), _true)
        row = await ctx.db.row(MEMBER_ROLES, channel_id, user_id)
        return scheme_roles(CHANNEL_SCHEME, *row) if row is not None else []

    return await ctx.cache.get(key, _member_tags(key), load) or None


async def foresee_channels(ctx: Context, channel_ids: Iterable[str]) -> list[str]:
    """Those of the channels that there are, in their order; what checks of them need is at hand then, read together."""

    async def load_places(ids: list[str]) -> dict[str, ChannelPlace]:
        return {place.id: place for place in await ctx.db.many(ChannelPlace, CHANNEL_PLACES, ids)}

    wanted = list(dict.fromkeys(channel_ids))
    places = await ctx.cache.get_many("channel_place", "channel", wanted, load_places)
    known = [channel_id for channel_id in wanted if channel_id in places]
    if known and ctx.session is not None:
        user_id = ctx.session.user_id
        await member_roles(ctx, known[0], user_id)  # for most people that tells of all their channels
        unknown = [each for each in known if ctx.cache.peek(("member_roles", each, user_id), list) is None]

        async def load_roles() -> dict[Hashable, list[str]]:
            found: dict[Hashable, list[str]] = {("member_roles", each, user_id): [] for each in unknown}
            for channel_id, *membership in await ctx.db.rows(ROLES_IN, user_id, unknown):
                found["member_roles", channel_id, user_id] = scheme_roles(CHANNEL_SCHEME, *membership)
            return found

        if unknown:
            await ctx.cache.load_along(load_roles, _member_tags)
    return known


def _member_tags(key: Hashable) -> tuple[str, ...]:
    """The tags of an entry of `member_roles`."""
    _, channel_id, user_id = cast(tuple[str, str, str], key)
    return (f"member:{channel_id}:{user_id}", f"channel:{channel_id}", f"member_of:{user_id}")


def _role_tags(key: Hashable) -> tuple[str, ...]:
    """The tags of an entry of `member_roles` or of `team_roles_of`."""
    name, *ids = cast(tuple[str, ...], key)
    return (f"teams_of:{ids[0]}",) if name == "team_roles" else _member_tags(key)


async def _roles_everywhere(ctx: Context, user_id: str) -> dict[Hashable, list[str] | dict[str, list[str]]]:
    """What `team_roles_of` remembers of a user, and what `member_roles` does for the channels it is in, or for some of
    them; by their keys."""
    teams: dict[str, list[str]] = {}
    found: dict[Hashable, list[str] | dict[str, list[str]]] = {("team_roles", user_id): teams}
    for place, in_channel, *membership in await ctx.db.rows(ROLES_EVERYWHERE, user_id):
        if in_channel:
            found["member_roles", place, user_id] = scheme_roles(CHANNEL_SCHEME, *membership)
        else:
            teams[place] = scheme_roles(TEAM_SCHEME, *membership)
    return found


async def _true() -> bool:
    return True


async def has_channel(ctx: Context, channel_id: str, permission: Permission) -> bool:
    """Whether the caller has a permission in a channel: by membership, by the channel's team, or everywhere."""
    if ctx.session is None:
        return False
    place = await channel_place(ctx, channel_id)
    if place is None:
        return False
    roles = list(await member_roles(ctx, channel_id, ctx.session.user_id) or ())
    if place.team_id:
        roles += (await team_roles_of(ctx, ctx.session.user_id)).get(place.team_id, [])
    return await _any_grants(ctx, [*roles, *ctx.session.roles.split()], permission)


async def may_read_channel(ctx: Context, channel_id: str) -> bool:
    """Whether the caller may read a channel: members may, and for public ones who may read those of the team."""
    if await has_channel(ctx, channel_id, Permission.READ_CHANNEL_CONTENT):
        return True
    place = await channel_place(ctx, channel_id)
    return (
        place is not None and place.type == "O" and await has_team(ctx, place.team_id, Permission.READ_PUBLIC_CHANNEL)
    )


async def may_see_channel(ctx: Context, channel_id: str) -> bool:
    """Whether the caller may know a channel and its members, by the same rule as for reading it."""
    if await has_channel(ctx, channel_id, Permission.READ_CHANNEL):
        return True
    place = await channel_place(ctx, channel_id)
    return (
        place is not None and place.type == "O" and await has_team(ctx, place.team_id, Permission.READ_PUBLIC_CHANNEL)
    )


async def post_channel_id(ctx: Context, post_id: str) -> str | None:
    """The channel of a post, or None when there is no such post."""

    async def load() -> str | None:
        channel_id: str | None = await ctx.db.value(POST_CHANNEL, post_id)
        return channel_id

    return await ctx.cache.get(("post_channel", post_id), (f"post_channel:{post_id}",), load)


async def check_system(ctx: Context, permission: Permission) -> None:
    """Refuse a caller without the permission everywhere."""
    if not await has_system(ctx, permission):
        raise forbidden()


async def check_team(ctx: Context, team_id: str, permission: Permission) -> None:
    """Refuse a caller without the permission in the team."""
    if not await has_team(ctx, team_id, permission):
        raise forbidden()


async def check_channel(ctx: Context, channel_id: str, permission: Permission) -> None:
    """Refuse a caller without the permission in the channel."""
    if not await has_channel(ctx, channel_id, permission):
        raise forbidden()


async def check_gives(ctx: Context, roles: Iterable[str], *, team_id: str = "", channel_id: str = "") -> None:
    """Refuse to give roles with permissions that the caller does not hold in the team or channel.

    Without this, who hands out roles in one channel could hand out those of the system's administrators there.
    """
    known = await role_permissions(ctx.services)
    for permission in {name for role in roles for name in known.get(role, ())} & ALL_PERMISSIONS:
        if team_id:
            await check_team(ctx, team_id, Permission(permission))
        else:
            await check_channel(ctx, channel_id, Permission(permission))


async def check_self_or(ctx: Context, user_id: str, permission: Permission = Permission.EDIT_OTHER_USERS) -> None:
    """Refuse a caller who is neither that user nor has the permission everywhere."""
    if ctx.user_id != user_id:
        await check_system(ctx, permission)
