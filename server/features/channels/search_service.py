"""Searching channels: in a team, among one's own, in everything."""

from server.access.grants import has_system, has_team
from server.access.permissions import Permission
from server.context import Context
from server.errors import forbidden, invalid_body
from server.features.channels import list_queries, rules
from server.features.channels.models import (
    OPEN,
    PRIVATE,
    Channel,
    ChannelsWithCount,
    ChannelWithTeamData,
    Search,
    SearchEverywhere,
)

MAX_PER_PAGE = 200
MAX_PAGE = 10_000_000

CONSOLE = (
    Permission.SYSCONSOLE_READ_USER_MANAGEMENT_CHANNELS,
    Permission.SYSCONSOLE_READ_USER_MANAGEMENT_GROUPS,
    Permission.SYSCONSOLE_READ_COMPLIANCE_DATA_RETENTION_POLICY,
)
"""Any of these lets an administrator list the channels of all teams."""


def _number(name: str, value: int | str | None, default: int, most: int) -> int:
    if value is None or value == "":
        return default
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) <= 18):
            raise invalid_body(name)
        value = int(value)
    if value < 0:
        raise invalid_body(name)
    return min(value, most)


def _page(search: Search | SearchEverywhere, default: int) -> tuple[int, int]:
    """Limit and offset."""
    per_page = _number("per_page", search.per_page, default, MAX_PER_PAGE) or default
    return per_page, _number("page", search.page, 0, MAX_PAGE) * per_page


async def lists_team(ctx: Context, team_id: str) -> bool:
    """Whether the caller may see public channels of a team without being in them."""
    return await has_team(ctx, team_id, Permission.LIST_TEAM_CHANNELS)


async def search_in_team(ctx: Context, team_id: str, search: Search) -> list[Channel]:
    """Public channels of a team by a term; who may not list these searches among their own ones."""
    limit, offset = _page(search, list_queries.SEARCH_LIMIT)
    if await lists_team(ctx, team_id):
        return await list_queries.search_public(ctx.db, team_id, search.term, limit, offset)
    return await list_queries.search_own(ctx.db, team_id, ctx.user_id, search.term, limit, offset)


async def autocomplete_for_search(ctx: Context, team_id: str, term: str) -> list[Channel]:
    """Channels that a search can be limited to: those of the team, then direct and group ones."""
    found = await list_queries.autocomplete(ctx.db, team_id, ctx.user_id, await lists_team(ctx, team_id), term)
    personal = await list_queries.autocomplete_personal(ctx.db, ctx.user_id, term)
    return [*found, *personal][: list_queries.AUTOCOMPLETE_LIMIT]


async def search_everywhere(
    ctx: Context, search: SearchEverywhere, system_console: bool, include_deleted: bool
) -> list[ChannelWithTeamData] | ChannelsWithCount:
    """Channels of all teams for administrators, else those that the caller may see in the own teams."""
    with_deleted = include_deleted or search.include_deleted or search.deleted
    if not system_console:
        return await list_queries.search_in_own_teams(
            ctx.db, ctx.user_id, search.term, with_deleted, search.team_ids or None
        )
    await check_console(ctx)
    types = [OPEN] * search.public + [PRIVATE] * search.private
    constrained = True if search.group_constrained else False if search.exclude_group_constrained else None
    filters = (
        with_deleted,
        search.deleted,
        rules.default_names(ctx.config.TeamSettings.ExperimentalDefaultChannels)
        if search.exclude_default_channels
        else [],
        search.team_ids or None,
        types or [OPEN, PRIVATE],
        constrained,
        search.term if search.include_search_by_id else "",
        list_queries.containing(search.term),
    )
    if search.page is None or search.per_page is None:
        return await list_queries.everywhere(ctx.db, filters, list_queries.SEARCH_LIMIT, 0)
    limit, offset = _page(search, list_queries.SEARCH_LIMIT)
    return ChannelsWithCount(
        await list_queries.everywhere(ctx.db, filters, limit, offset),
        await list_queries.everywhere_count(ctx.db, filters),
    )


async def check_console(ctx: Context) -> None:
    """Refuse a caller who may not list the channels of all teams."""
    for permission in CONSOLE:
        if await has_system(ctx, permission):
            return
    raise forbidden()


async def all_channels(
    ctx: Context, limit: int, offset: int, *, exclude_default: bool, include_deleted: bool, count: bool
) -> list[ChannelWithTeamData] | ChannelsWithCount:
    """A page of the public and private channels of all teams."""
    excluded = rules.default_names(ctx.config.TeamSettings.ExperimentalDefaultChannels) if exclude_default else []
    filters: list[object] = [include_deleted, False, excluded, None, [OPEN, PRIVATE], None, "", []]
    channels = await list_queries.everywhere(ctx.db, filters, limit, offset)
    if not count:
        return channels
    return ChannelsWithCount(channels, await list_queries.everywhere_count(ctx.db, filters))
