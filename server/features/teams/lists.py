"""Lists of teams that a caller may find: with list_public_teams the open ones, with list_private_teams all others."""

from collections.abc import Sequence

from server.context import Context
from server.errors import invalid_body
from server.features.teams import queries
from server.features.teams.models import Team, TeamSearch, TeamsWithCount
from server.features.teams.service import listed, sanitized
from server.http.params import MAX_PAGE

MAX_FOUND = 1000
"""Teams that a search without paging gives at most."""
MAX_PER_PAGE = 200


async def sanitized_many(ctx: Context, teams: Sequence[Team]) -> list[Team]:
    """Teams as the caller may see each."""
    return [await sanitized(ctx, team) for team in teams]


async def page_of_teams(ctx: Context, page: int, per_page: int) -> list[Team]:
    """A page of teams, by display name."""
    public, private = await listed(ctx)
    teams = await queries.teams_page(
        ctx.db, public=public, private=private, archived=private, limit=per_page, offset=page * per_page
    )
    return await sanitized_many(ctx, teams)


async def count_of_teams(ctx: Context) -> int:
    """How many teams all pages hold."""
    public, private = await listed(ctx)
    return await queries.count_teams(ctx.db, public=public, private=private, archived=private)


async def search_teams(ctx: Context, wanted: TeamSearch) -> list[Team] | TeamsWithCount:
    """Teams with the term anywhere in a name; a page of them with the count when page and per_page are given."""
    public, private = await listed(ctx)
    search = queries.Search(
        term=wanted.term.strip(),
        public=public,
        private=private,
        archived=private,
        allow_open_invite=wanted.allow_open_invite,
        group_constrained=wanted.group_constrained,
    )
    page, per_page = _number("page", wanted.page), _number("per_page", wanted.per_page)
    if page is None or per_page is None:
        return await sanitized_many(ctx, await queries.search_teams(ctx.db, search, MAX_FOUND, 0))
    size = min(max(per_page, 1), MAX_PER_PAGE)
    found = await queries.search_teams(ctx.db, search, size, page * size)
    return TeamsWithCount(await sanitized_many(ctx, found), await queries.count_found(ctx.db, search))


def _number(name: str, value: int | str | None) -> int | None:
    """A page number or size, which some clients send as text."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) < 18):
            raise invalid_body(name)
        value = int(value)
    if value is not None and value < 0:
        raise invalid_body(name)
    return value if value is None else min(value, MAX_PAGE)
