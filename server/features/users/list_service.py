"""Which list of people a request asks for, and whether the caller may have it."""

from collections.abc import Sequence

from msgspec import Raw, Struct

from server.access.grants import channel_place, check_system, check_team, has_team, may_see_channel
from server.access.permissions import Permission
from server.context import Context
from server.errors import forbidden, invalid_body
from server.features.users import list_queries
from server.features.users.known import shown_in_lists
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
    group_constrained: bool = False
    without_team: bool = False
    active: bool | None = None
    roles: Sequence[str] | None = None
    member_roles: Sequence[str] | None = None


def names(text: str) -> list[str] | None:
    """Comma-separated role names, None for no limit."""
    found = [name for name in text.replace(",", " ").split() if len(name) <= 64]
    return found[:50] or None


def _is_of_bound_groups(wanted: Wanted) -> bool:
    """Whether those are asked for whom a group binds to a team or channel: no group does, so that is nobody."""
    return bool(wanted.group_constrained and (wanted.not_in_team or wanted.not_in_channel))


async def _checked(ctx: Context, wanted: Wanted) -> tuple[str, Filters]:
    """The scope and the filters of a list; refuses teams and channels that the caller may not know."""
    for name in ("in_team", "not_in_team", "in_channel", "not_in_channel", "in_group", "not_in_group"):
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
    """The narrowest list that fits: its name, team or group, and channel."""
    if wanted.in_group:
        return "in_group", wanted.in_group, ""
    if wanted.not_in_group:
        return "not_in_group", wanted.not_in_group, ""
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


async def list_users(
    ctx: Context, wanted: Wanted, *, sort: str, page: int, per_page: int
) -> Sequence[User] | Sequence[Raw]:
    """A page of people as the caller sees them, by name unless `sort` says otherwise."""
    if wanted.without_team:
        await check_system(ctx, Permission.LIST_USERS_WITHOUT_TEAM)
    scope, filters = await _checked(ctx, wanted)
    if _is_of_bound_groups(wanted):
        return []
    if sort not in (MEMBER_SORTS if scope in MEMBER_SCOPES else SORTS):
        raise invalid_body("sort")
    offset = page * per_page
    if list_queries.has_plain_list(sort, filters):
        ids = await list_queries.list_ids(ctx.db, scope, sort, filters, limit=per_page, offset=offset)
        return await shown_in_lists(ctx, ids)
    users = await list_queries.list_users(ctx.db, scope, sort, filters, limit=per_page, offset=offset)
    return await sanitized_many(ctx, users)


async def search_users(ctx: Context, body: UserSearch) -> list[User]:
    """People whose names or addresses begin like the term, as far as the caller sees these."""
    limit = body.limit or DEFAULT_LIMIT
    if not 0 < limit <= SEARCH_MAX:
        raise invalid_body("limit")
    wanted = Wanted(
        in_team=body.team_id,
        not_in_team=body.not_in_team_id,
        in_channel=body.in_channel_id,
        not_in_channel=body.not_in_channel_id,
        in_group=body.in_group_id,
        not_in_group=body.not_in_group_id,
        group_constrained=body.group_constrained,
        without_team=body.without_team,
        active=None if body.allow_inactive else True,
        roles=names(",".join([body.role, *body.roles[:50]])),
        member_roles=names(",".join([*body.channel_roles[:50], *body.team_roles[:50]])),
    )
    scope, filters = await _checked(ctx, wanted)
    if _is_of_bound_groups(wanted):
        return []
    return await _found(ctx, scope, body.term, filters, emails=True, limit=limit)


async def _found(
    ctx: Context, scope: str, term: str, filters: Filters, *, emails: bool = False, limit: int
) -> list[User]:
    """Whom a term finds by what the caller may see: what is hidden must not be found by guessing either."""
    private, privacy = await sees_private(ctx), ctx.config.PrivacySettings
    users = await list_queries.search_users(
        ctx.db,
        scope,
        term,
        filters,
        full_names=private or privacy.ShowFullName,
        emails=emails and (private or privacy.ShowEmailAddress),
        limit=limit,
    )
    return await sanitized_many(ctx, users)


async def autocomplete_users(ctx: Context, *, in_team: str, in_channel: str, name: str, limit: int) -> UserAutocomplete:
    """Whom a typed name may mean: in the channel, and elsewhere in its team."""
    if not 0 < limit <= AUTOCOMPLETE_MAX:
        limit = DEFAULT_LIMIT
    scope, filters = await _checked(ctx, Wanted(in_team=in_team, in_channel=in_channel, active=True))
    found = UserAutocomplete(users=await _found(ctx, scope, name, filters, limit=limit))
    if in_channel:
        found.out_of_channel = []
        team_id = in_team or await _team_of(ctx, in_channel)
        if team_id:
            scope, filters = await _checked(ctx, Wanted(in_team=team_id, not_in_channel=in_channel, active=True))
            found.out_of_channel = await _found(ctx, scope, name, filters, limit=limit)
    return found


async def _team_of(ctx: Context, channel_id: str) -> str:
    """The team of a channel if the caller may see that, else ""."""
    place = await channel_place(ctx, channel_id)
    if place is None or not place.team_id or not await has_team(ctx, place.team_id, Permission.VIEW_TEAM):
        return ""
    return place.team_id
