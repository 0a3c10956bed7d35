"""Which list of people a request asks for, and whether the caller may have it."""

from collections.abc import Sequence

from msgspec import Struct

from server.access.grants import check_team, may_see_channel
from server.access.permissions import Permission
from server.context import Context
from server.errors import forbidden, invalid_body
from server.features.users import list_queries
from server.features.users.list_queries import MEMBER_SCOPES, MEMBER_SORTS, SORTS, Filters
from server.features.users.models import User, UserAutocomplete, UserSearch
from server.features.users.visible import restricted_ids, sanitized_many, sees_private
from server.ids import is_id

SEARCH_MAX = 1000
AUTOCOMPLETE_MAX = 1000
DEFAULT_LIMIT = 100


class Wanted(Struct, kw_only=True):
    """What a list was asked for, from the query of GET /users or the body of a search."""

    in_team: str = ""
    not_in_team: str = ""
    in_channel: str = ""
    not_in_channel: str = ""
    in_group: str = ""
    not_in_group: str = ""
    without_team: bool = False
    active: bool | None = None
    roles: Sequence[str] | None = None
    member_roles: Sequence[str] | None = None


def names(text: str) -> list[str] | None:
    """Comma-separated role names, None for no limit."""
    found = [name for name in text.replace(",", " ").split() if len(name) <= 64]
    return found[:50] or None


async def _checked(ctx: Context, wanted: Wanted) -> tuple[str, Filters]:
    """The scope and the filters of a list; refuses teams and channels that the caller may not know."""
    for name in ("in_team", "not_in_team", "in_channel", "not_in_channel"):
        value = getattr(wanted, name)
        if value and not is_id(value):
            raise invalid_body(name)
    for team_id in {wanted.in_team, wanted.not_in_team} - {""}:
        await check_team(ctx, team_id, Permission.VIEW_TEAM)
    for channel_id in {wanted.in_channel, wanted.not_in_channel} - {""}:
        if not await may_see_channel(ctx, channel_id):
            raise forbidden()
    scope, team_id, channel_id = _scope(wanted)
    return scope, Filters(
        team_id=team_id,
        channel_id=channel_id,
        active=wanted.active,
        roles=wanted.roles,
        member_roles=wanted.member_roles if scope in MEMBER_SCOPES else None,
        restricted=await restricted_ids(ctx),
    )


def _scope(wanted: Wanted) -> tuple[str, str, str]:
    """The narrowest list that fits: its name, team and channel."""
    if wanted.without_team:
        return "without_team", "", ""
    if wanted.in_channel:
        return "in_channel", "", wanted.in_channel
    if wanted.not_in_channel:
        scope = "not_in_channel_of_team" if wanted.in_team else "not_in_channel"
        return scope, wanted.in_team, wanted.not_in_channel
    if wanted.in_team:
        return "in_team", wanted.in_team, ""
    if wanted.not_in_team:
        return "not_in_team", wanted.not_in_team, ""
    return "everyone", "", ""


async def list_users(ctx: Context, wanted: Wanted, *, sort: str, page: int, per_page: int) -> list[User]:
    """A page of people as the caller sees them, by name unless `sort` says otherwise."""
    if wanted.in_group or wanted.not_in_group:
        return []  # there are no groups yet
    scope, filters = await _checked(ctx, wanted)
    if sort not in (MEMBER_SORTS if scope in MEMBER_SCOPES else SORTS):
        raise invalid_body("sort")
    users = await list_queries.list_users(ctx.db, scope, sort, filters, limit=per_page, offset=page * per_page)
    return await sanitized_many(ctx, users)


async def search_users(ctx: Context, body: UserSearch) -> list[User]:
    """People whose names begin like the term; managers of accounts find addresses too."""
    if body.in_group_id or body.not_in_group_id:
        return []  # there are no groups yet
    limit = body.limit or DEFAULT_LIMIT
    if not 0 < limit <= SEARCH_MAX:
        raise invalid_body("limit")
    scope, filters = await _checked(
        ctx,
        Wanted(
            in_team=body.team_id,
            not_in_team=body.not_in_team_id,
            in_channel=body.in_channel_id,
            not_in_channel=body.not_in_channel_id,
            without_team=body.without_team,
            active=None if body.allow_inactive else True,
            roles=names(",".join([body.role, *body.roles[:50]])),
            member_roles=names(",".join([*body.channel_roles[:50], *body.team_roles[:50]])),
        ),
    )
    users = await list_queries.search_users(
        ctx.db, scope, body.term, filters, with_emails=await sees_private(ctx), limit=limit
    )
    return await sanitized_many(ctx, users)


async def autocomplete_users(ctx: Context, *, in_team: str, in_channel: str, name: str, limit: int) -> UserAutocomplete:
    """Whom a typed name may mean: in the channel, and elsewhere in its team."""
    if not 0 < limit <= AUTOCOMPLETE_MAX:
        limit = DEFAULT_LIMIT
    scope, filters = await _checked(ctx, Wanted(in_team=in_team, in_channel=in_channel, active=True))
    users = await list_queries.search_users(ctx.db, scope, name, filters, limit=limit)
    found = UserAutocomplete(users=await sanitized_many(ctx, users))
    if in_channel:
        found.out_of_channel = []
        if in_team:
            scope, filters = await _checked(ctx, Wanted(in_team=in_team, not_in_channel=in_channel, active=True))
            others = await list_queries.search_users(ctx.db, scope, name, filters, limit=limit)
            found.out_of_channel = await sanitized_many(ctx, others)
    return found
