"""Who in a channel is called by which words, remembered for each channel; and whom a post calls."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field

from server.access.grants import ChannelPlace, has_channel, roles_grant
from server.access.permissions import Permission
from server.bus.event import Room
from server.context import Context
from server.db import SQL
from server.features.channels.member_queries import hears_everyone
from server.features.posts.group_mentions import called_by_group, group_names
from server.features.posts.mentions import Calls, Keywords, attachment_texts, find_calls, keywords_of
from server.features.posts.models import CHANNEL_WIDE, HEADER_CHANGE, PURPOSE_CHANGE
from server.features.status.models import ONLINE
from server.features.status.service import statuses_of
from server.features.threads.collapsed import ALWAYS_ON, DISABLED, mode_of

MAX_OUTSIDERS = 50
"""Called people who are not in the channel, of whom the author is told."""

WITH_KEYWORDS = SQL("""
    SELECT u.id, u.first_name, coalesce(u.notify_props ->> 'mention_keys', ''),
           coalesce(u.notify_props ->> 'first_name', '') = 'true',
           CASE WHEN coalesce(p.value, $2) = 'on' THEN '' ELSE coalesce(u.notify_props ->> 'comments', '') END,
           coalesce(m.notify_props ->> 'channel_auto_follow_threads', '') = 'on'
      FROM channel_members m
      JOIN users u ON u.id = m.user_id
 LEFT JOIN preferences p
        ON p.user_id = u.id AND p.category = 'display_settings' AND p.name = 'collapsed_reply_threads' AND $3
     WHERE m.channel_id = $1 AND u.delete_at = 0
       AND (coalesce(u.notify_props ->> 'mention_keys', '') <> '' OR u.notify_props ->> 'first_name' = 'true'
            OR u.notify_props ->> 'comments' IN ('any', 'root')
            OR m.notify_props ->> 'channel_auto_follow_threads' = 'on')
""")

NAMED = SQL("""
    SELECT u.username, u.id, m.user_id IS NOT NULL, t.user_id IS NOT NULL AND NOT u.is_bot
      FROM users u
 LEFT JOIN channel_members m ON m.channel_id = $1 AND m.user_id = u.id
 LEFT JOIN team_members t ON t.team_id = $2 AND t.user_id = u.id AND t.delete_at = 0
     WHERE u.username = ANY($3) AND u.delete_at = 0
""")

# Nobody if there are $2 members or more.
LISTENING = SQL(f"""
    SELECT u.id
      FROM channel_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.channel_id = $1 AND u.delete_at = 0 AND {hears_everyone("u", "m")}
       AND (SELECT count(*) FROM (SELECT FROM channel_members WHERE channel_id = $1 LIMIT $2) AS first) < $2
""")

SIZE = SQL("SELECT count(*) FROM (SELECT FROM channel_members WHERE channel_id = $1 LIMIT $2) AS first")


class Table(Struct):
    """What is remembered of a channel; the last three are filled as they are asked for."""

    keywords: Keywords
    comments_any: Sequence[str]
    comments_root: Sequence[str]
    also_follow: Sequence[str]
    """Who follows all threads of the channel."""
    members: dict[str, str] = field(default_factory=dict)
    """Names of members that were called before, with their ids."""
    listening: Sequence[str] = ()
    """Whom @channel calls."""
    limit: int = 0
    """The MaxNotificationsPerChannel that `listening` was made with; 0 for not yet."""
    crowded: bool = False
    """Whether the channel has that many members."""


class Mentioned(Struct):
    """Whom a post calls."""

    users: Sequence[str] = ()
    """All of them."""
    kept: Sequence[str] = ()
    """What the post keeps of that: those called by name or word, and CHANNEL_WIDE."""
    comments_any: Sequence[str] = ()
    comments_root: Sequence[str] = ()
    also_follow: Sequence[str] = ()
    """Who follows the thread without being called."""
    outsiders: Sequence[tuple[str, str]] = ()
    """Names and ids of people of the team who are called but not in the channel."""
    silenced: str = ""
    """The word for everybody that calls nobody, because the channel has too many members."""
    groups_refused: bool = False
    """Whether it names groups that its author may not call."""


async def table_of(ctx: Context, channel_id: str) -> Table:
    """The keywords of a channel's members."""
    mode = mode_of(ctx)

    async def load() -> Table:
        default = "on" if mode in (ALWAYS_ON, "default_on") else "off"
        by_choice = mode not in (ALWAYS_ON, DISABLED)
        return _table(await ctx.db.rows(WITH_KEYWORDS, channel_id, default, by_choice))

    return await ctx.cache.get(("mentions", channel_id, mode), (f"mentions:{channel_id}",), load)


def _table(rows: Iterable[Sequence[Any]]) -> Table:
    keys: list[tuple[str, str]] = []
    first_names: list[tuple[str, str]] = []
    comments: dict[str, list[str]] = {"any": [], "root": []}
    also_follow: list[str] = []
    for user_id, first_name, mention_keys, by_first_name, wants, follows in rows:
        keys += ((word, user_id) for key in mention_keys.split(",") if (word := key.strip()))
        if by_first_name and first_name:
            first_names.append((first_name, user_id))
        if wants in comments:
            comments[wants].append(user_id)
        if follows:
            also_follow.append(user_id)
    return Table(keywords_of(keys, first_names), comments["any"], comments["root"], also_follow)


async def mentioned_in_room(room: Room, author_id: str) -> Mentioned:
    """In a direct or group channel every post calls the others."""
    others = [user_id for user_id in room.user_ids or () if user_id != author_id]
    return Mentioned(users=others, kept=others)


async def mentioned_by(
    ctx: Context,
    place: ChannelPlace,
    author_id: str,
    message: str,
    props: dict[str, Any],
    *,
    type: str = "",
    is_reply: bool = False,
    self_too: bool = False,
) -> Mentioned:
    """Whom a post in a public or private channel calls. `self_too`: its author as well, who only lent a name to it."""
    table = await table_of(ctx, place.id)
    calls = find_calls((message, *attachment_texts(props.get("attachments"))), table.keywords)
    groups = await _groups(ctx, place.id, calls)
    users, outsiders = await _resolve(ctx, place, table, calls)
    users |= calls.users | (groups or set())
    mentioned = Mentioned(groups_refused=groups is None)
    if not self_too:
        users.discard(author_id)
    kept = sorted(users)
    if calls.everyone and type not in (HEADER_CHANGE, PURPOSE_CHANGE) and await _may_call_everyone(ctx, place.id):
        called = await _everyone(ctx, table, place.id, only_online=not (calls.all or calls.channel))
        if table.crowded:
            mentioned.silenced = "@all" if calls.all else "@channel" if calls.channel else "@here"
        else:
            users.update(called)
            kept.append(CHANNEL_WIDE)
            if not self_too:
                users.discard(author_id)
    mentioned.users, mentioned.kept, mentioned.outsiders = sorted(users), kept, outsiders
    if is_reply:
        mentioned.comments_any, mentioned.comments_root = table.comments_any, table.comments_root
        mentioned.also_follow = table.also_follow
    return mentioned


async def _groups(ctx: Context, channel_id: str, calls: Calls) -> set[str] | None:
    """The members whom groups' names call; None when groups are called without the right to."""
    names = await group_names(ctx) if calls.names else {}
    called = {names[name]: variants for variants in calls.names for name in variants if name in names}
    if not called:
        return set()
    calls.names = [variants for variants in calls.names if variants not in called.values()]
    if ctx.session is not None and not await has_channel(ctx, channel_id, Permission.USE_GROUP_MENTIONS):
        return None
    return {user_id for group_id in called for user_id in await called_by_group(ctx, channel_id, group_id)}


async def _resolve(
    ctx: Context, place: ChannelPlace, table: Table, calls: Calls
) -> tuple[set[str], list[tuple[str, str]]]:
    """The members, and the other people of the team, that @names stand for."""
    found: set[str] = set()
    unknown = [names for names in calls.names if not any(name in table.members for name in names)]
    found.update(next(table.members[name] for name in names if name in table.members)
                 for names in calls.names if any(name in table.members for name in names))  # fmt: skip
    outsiders: dict[str, str] = {}
    if unknown:
        wanted = list(dict.fromkeys(name for names in unknown for name in names))
        people = {row[0]: row for row in await ctx.db.rows(NAMED, place.id, place.team_id, wanted)}
        for names in unknown:
            row = next((people[name] for name in names if name in people), None)
            if row is None:
                continue
            username, user_id, is_member, may_come = row
            if is_member:
                table.members[username] = user_id
                found.add(user_id)
            elif may_come and len(outsiders) < MAX_OUTSIDERS:
                outsiders[username] = user_id
    return found, list(outsiders.items())


async def _may_call_everyone(ctx: Context, channel_id: str) -> bool:
    return ctx.session is None or await has_channel(ctx, channel_id, Permission.USE_CHANNEL_MENTIONS)


async def _everyone(ctx: Context, table: Table, channel_id: str, *, only_online: bool) -> Sequence[str]:
    limit = ctx.config.TeamSettings.MaxNotificationsPerChannel
    if table.limit != limit:
        table.listening = await ctx.db.values(LISTENING, channel_id, limit)
        table.crowded = not table.listening and await ctx.db.value(SIZE, channel_id, limit) >= limit
        table.limit = limit
    if not only_online:
        return table.listening
    statuses = await statuses_of(ctx, table.listening)
    return [user_id for user_id, status in statuses.items() if status.status == ONLINE]


async def may_learn_of_outsiders(ctx: Context) -> bool:
    """Whether the caller may know people who are not in the same channels."""
    return ctx.session is not None and await roles_grant(ctx, ctx.session.roles, Permission.VIEW_MEMBERS)
