"""Searching posts and files: names turned into ids, and only channels that the caller is in."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from server.access.grants import CHANNEL_SCHEME, check_team, roles_grant, scheme_roles
from server.access.permissions import Permission
from server.context import Context
from server.errors import Busy, NotAvailable
from server.features.channels.rules import direct_name, group_name
from server.features.posts.list_queries import chosen
from server.features.posts.lists import plain_list
from server.features.search import queries
from server.features.search.frequencies import frequencies
from server.features.search.models import FileInfoList, PostSearchResults, SearchParameter
from server.features.search.queries import FILES, MAX_HITS, POSTS, Readable, Wanted
from server.features.search.syntax import Names, Search, parse, query_of

PER_PAGE, MAX_PER_PAGE = 60, 200
AT_ONCE = 6
"""Searches of a node that run at the same time: they must not take all its connections."""
PATIENCE = 5.0
"""Seconds that a search waits for its turn."""

DIRECT, GROUP = "D", "G"


class Turns:
    """Lets a few searches run at a time on this node; the others wait in line."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn; raises Busy when none comes in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise Busy("api.context.server_busy.app_error") from None
        try:
            yield
        finally:
            self._free.release()


async def search_posts(ctx: Context, asked: SearchParameter, *, team_id: str = "") -> PostSearchResults:
    """A page of the posts that the caller may read and that match, newest first; of a team, or of all."""
    if not ctx.config.ServiceSettings.EnablePostSearch:
        raise NotAvailable("store.sql_post.search.disabled", "Searching for posts is switched off.")
    search = parse(asked.terms, offset=asked.time_zone_offset)
    ids = await _search(ctx, POSTS, asked, search, team_id)
    listed = await plain_list(ctx, await chosen(ctx.db, ids) if ids else [])
    return PostSearchResults(listed.order, listed.posts, "", "", 0)


async def search_files(ctx: Context, asked: SearchParameter, *, team_id: str = "") -> FileInfoList:
    """A page of the files of posts that the caller may read, found by name or by their text, newest first."""
    if not ctx.config.ServiceSettings.EnableFileSearch:
        raise NotAvailable("store.sql_file_info.search.disabled", "Searching for files is switched off.")
    search = parse(asked.terms, offset=asked.time_zone_offset, extensions=True)
    ids = await _search(ctx, FILES, asked, search, team_id)
    infos = await queries.file_infos(ctx.db, ids) if ids else []
    return FileInfoList([info.id for info in infos], {info.id: info for info in infos})


async def _search(ctx: Context, table: str, asked: SearchParameter, search: Search, team_id: str) -> list[str]:
    if team_id:
        await check_team(ctx, team_id, Permission.VIEW_TEAM)
    size = min(asked.per_page or PER_PAGE, MAX_PER_PAGE)
    offset = asked.page * size
    if search.empty or offset >= MAX_HITS:
        return []
    wanted = await _wanted(ctx, table, asked, search, team_id)
    if wanted is None:
        return []
    turns: Turns = ctx.part(Turns)
    async with turns.one():
        found = await queries.find(ctx.services.db, table, wanted, min(offset + size, MAX_HITS))
    return found[offset:]


async def _wanted(ctx: Context, table: str, asked: SearchParameter, search: Search, team_id: str) -> Wanted | None:
    """The search with ids; None when names in it say that there is nothing to find."""
    channels = await _readable(
        ctx, await queries.channels_of(ctx.db, ctx.user_id, team_id, archived=asked.include_deleted_channels)
    )
    names = {*search.users.wanted, *search.users.unwanted, *_named_users(search.channels)}
    known = await queries.user_ids_of(ctx.db, list(names)) if names else {}
    channels = _chosen(ctx.user_id, channels, search.channels, known)
    users = [known[name] for name in search.users.wanted if name in known]
    if not channels or (search.users.wanted and not users):
        return None
    is_files = table == FILES
    known_words = await frequencies(ctx, table)
    newest = max(channel.last_post_at for channel in channels)
    return Wanted(
        channel_ids=[channel.id for channel in channels],
        query=query_of(search, any_word=asked.is_or_search, names=is_files),
        index_query=query_of(search, any_word=asked.is_or_search, names=is_files, vague=False),
        joint=not asked.is_or_search and sum(len(wish.terms) for wish in search.wishes if not wish.without) > 1,
        user_ids=users if search.users.wanted else None,
        not_user_ids=[known[name] for name in search.users.unwanted if name in known],
        extensions=search.extensions.wanted or None,
        not_extensions=search.extensions.unwanted,
        since=search.since,
        until=search.until or max(newest, ctx.now()) + 1,  # the clock of who stored it may be ahead of ours
        gaps=search.gaps,
        newest=newest,
        matches=known_words.matches(search, users, any_word=asked.is_or_search, names=is_files),
        entries=sum(channel.total_msg_count for channel in channels) if table == POSTS else known_words.entries,
    )


async def _readable(ctx: Context, channels: Sequence[Readable]) -> list[Readable]:
    """Those whose posts the caller may read by its roles there."""
    granted: dict[tuple[str, bool, bool, bool], bool] = {}
    readable = []
    for channel in channels:
        membership = (channel.roles, channel.scheme_guest, channel.scheme_user, channel.scheme_admin)
        if membership not in granted:
            roles = " ".join(scheme_roles(CHANNEL_SCHEME, *membership))
            granted[membership] = await roles_grant(ctx, roles, Permission.READ_CHANNEL_CONTENT)
        if granted[membership]:
            readable.append(channel)
    return readable


def _named_users(names: Names) -> set[str]:
    """The users that a search names by in:@user or in:@user,user."""
    return {
        user.lstrip("@")
        for name in (*names.wanted, *names.unwanted)
        if name.startswith("@")
        for user in name.split(",")
        if user.lstrip("@")
    }


def _chosen(reader: str, channels: Sequence[Readable], names: Names, known: dict[str, str]) -> list[Readable]:
    """The channels that the flag in: leaves."""
    if names.wanted:
        wanted = _meant(reader, channels, names.wanted, known)
        channels = [channel for channel in channels if channel.id in wanted]
    unwanted = _meant(reader, channels, names.unwanted, known)
    return [channel for channel in channels if channel.id not in unwanted]


def _meant(reader: str, channels: Sequence[Readable], names: Iterable[str], known: dict[str, str]) -> set[str]:
    """The ids of the channels that are called so: by name or id, direct ones by their users."""
    called = set()
    for name in names:
        if not name.startswith("@"):
            called.add(name)
            continue
        users = {known.get(user.lstrip("@"), "") for user in name.split(",") if user.lstrip("@")}
        if "" in users:
            continue
        others = users - {reader}
        if len(others) <= 1:
            called.add(direct_name(reader, next(iter(others), reader)))
        called.add(group_name({*users, reader}))
    return {channel.id for channel in channels if channel.name in called or channel.id in called}
