"""Lists of people: of everyone, a team or a channel, sorted, searched, and counted."""

from collections.abc import Sequence

from msgspec import Struct

from server.db import SQL, Db
from server.features.users.models import USER_COLUMNS_U, User


class Filters(Struct, kw_only=True):
    """Which people a list holds. `restricted`: only these ids (for guests), None for no limit."""

    team_id: str = ""
    """Or the group of a list of its members."""
    channel_id: str = ""
    active: bool | None = None
    roles: Sequence[str] | None = None
    member_roles: Sequence[str] | None = None
    """Roles in the team or channel of the list: "team_admin", "channel_user", "channel_guest" …"""
    restricted: Sequence[str] | None = None


# What lists are made of, by scope: the rows, and under which condition they belong. $1 team or group, $2 channel.
_TEAM = "team_members m JOIN users u ON u.id = m.user_id"
_CHANNEL = "channel_members m JOIN users u ON u.id = m.user_id"
_IN_TEAM = "m.team_id = $1 AND m.delete_at = 0 AND $2::text IS NOT NULL"
_IN_CHANNEL = "m.channel_id = $2 AND $1::text IS NOT NULL"
_EVERYONE = "$1::text IS NOT NULL AND $2::text IS NOT NULL"
_OUT_OF_TEAM = """
           NOT EXISTS (SELECT 1 FROM team_members t WHERE t.team_id = $1 AND t.user_id = u.id AND t.delete_at = 0)
       AND $2::text IS NOT NULL"""
_OUT_OF_CHANNEL = "NOT EXISTS (SELECT 1 FROM channel_members c WHERE c.channel_id = $2 AND c.user_id = u.id)"
_GROUP = "group_members g JOIN users u ON u.id = g.user_id"
_OUT_OF_GROUP = "NOT EXISTS (SELECT 1 FROM group_members g WHERE g.group_id = $1 AND g.user_id = u.id)"
SCOPES = {
    "in_group": (_GROUP, "g.group_id = $1 AND $2::text IS NOT NULL"),
    "not_in_group": ("users u", f"{_OUT_OF_GROUP} AND $2::text IS NOT NULL"),
    "everyone": ("users u", _EVERYONE),
    "in_team": (_TEAM, _IN_TEAM),
    "not_in_team": ("users u", _OUT_OF_TEAM),
    "in_channel": (_CHANNEL, _IN_CHANNEL),
    "not_in_channel": ("users u", f"{_OUT_OF_CHANNEL} AND $1::text IS NOT NULL"),
    "not_in_channel_of_team": (_TEAM, f"m.team_id = $1 AND m.delete_at = 0 AND {_OUT_OF_CHANNEL}"),
    "without_team": (
        "users u",
        f"NOT EXISTS (SELECT 1 FROM team_members t WHERE t.user_id = u.id AND t.delete_at = 0) AND {_EVERYONE}",
    ),
}
MEMBER_SCOPES = ("in_team", "in_channel", "not_in_channel_of_team")

# $3 active, $4 roles, $5 roles of the membership, $6 visible ids
_FILTERS = """($3::boolean IS NULL OR (u.delete_at = 0) = $3)
       AND ($4::text[] IS NULL OR string_to_array(u.roles, ' ') && $4)
       AND ($6::text[] IS NULL OR u.id = ANY($6))"""
_MEMBER_FILTER = """($5::text[] IS NULL
            OR m.scheme_admin AND '{prefix}_admin' = ANY($5)
            OR m.scheme_user AND NOT m.scheme_admin AND '{prefix}_user' = ANY($5)
            OR m.scheme_guest AND '{prefix}_guest' = ANY($5)
            OR string_to_array(m.roles, ' ') && $5)"""
_NO_MEMBER_FILTER = "$5::text[] IS NULL"

_STATUS_RANK = "CASE s.status WHEN 'online' THEN 0 WHEN 'away' THEN 1 WHEN 'dnd' THEN 2 WHEN 'ooo' THEN 2 ELSE 3 END"
SORTS = {
    "": "u.username",
    "create_at": "u.create_at DESC, u.id DESC",
    "last_activity_at": "coalesce(s.last_activity_at, 0) DESC, u.username",
    "status": f"coalesce({_STATUS_RANK}, 3), u.username",
    "display_name": """
           coalesce(nullif(u.nickname, ''), nullif(btrim(u.first_name || ' ' || u.last_name), ''), u.username),
           u.username""",
}
MEMBER_SORTS = {**SORTS, "admin": "m.scheme_admin DESC, u.username"}
_BY_STATUS = ("last_activity_at", "status")


def _plain_sql(scope: str, sort: str) -> SQL:
    """Without filters, which keep the planner from making one plan for all."""
    rows, condition = SCOPES[scope]
    status = "LEFT JOIN status s ON s.user_id = u.id" if sort in _BY_STATUS else ""
    return SQL(f"""
    SELECT u.id
      FROM {rows} {status}
     WHERE {condition}
  ORDER BY {MEMBER_SORTS[sort]}
     LIMIT $3 OFFSET $4
""")


def _list_sql(scope: str, sort: str) -> SQL:
    rows, condition = SCOPES[scope]
    seen = "coalesce(s.last_activity_at, 0)" if sort == "last_activity_at" else "0"
    status = "LEFT JOIN status s ON s.user_id = u.id" if sort in _BY_STATUS else ""
    prefix = "channel" if scope == "in_channel" else "team"
    member = _MEMBER_FILTER.format(prefix=prefix) if scope in MEMBER_SCOPES else _NO_MEMBER_FILTER
    return SQL(f"""
    SELECT {USER_COLUMNS_U}, {seen}
      FROM {rows} {status}
     WHERE {condition}
       AND {_FILTERS}
       AND {member}
  ORDER BY {MEMBER_SORTS[sort]}
     LIMIT $7 OFFSET $8
""")


LISTS = {
    (scope, sort): _list_sql(scope, sort)
    for scope in SCOPES
    for sort in (MEMBER_SORTS if scope in MEMBER_SCOPES else SORTS)
}


PLAIN_LISTS = {(scope, sort): _plain_sql(scope, sort) for scope, sort in LISTS if sort != "last_activity_at"}


def has_plain_list(sort: str, filters: Filters) -> bool:
    """Whether `list_ids` has the list: nothing is filtered, and nothing but the order comes of the sort."""
    return sort != "last_activity_at" and all(
        limit is None for limit in (filters.active, filters.roles, filters.member_roles, filters.restricted)
    )


async def list_ids(db: Db, scope: str, sort: str, filters: Filters, *, limit: int, offset: int) -> list[str]:
    """The ids of a page of people, unfiltered. Indexes: as those of `list_users`."""
    return await db.values(PLAIN_LISTS[scope, sort], filters.team_id, filters.channel_id, limit, offset)


async def list_users(db: Db, scope: str, sort: str, filters: Filters, *, limit: int, offset: int) -> list[User]:
    """A page of people. Indexes: users_username_idx, users_create_at_idx, the keys of both tables of members."""
    return await db.many(
        User,
        LISTS[scope, sort],
        filters.team_id,
        filters.channel_id,
        filters.active,
        filters.roles,
        filters.member_roles,
        filters.restricted,
        limit,
        offset,
    )


# $7 the first word, $8 all words, each as LIKE pattern; $9 whether first and last names are searched, $10 whether
# addresses are, $11 one as LIKE pattern
_MATCHES = """(u.search_text LIKE $7 AND u.search_text LIKE ALL($8)
            AND ($9 OR lower(' ' || u.username || ' ' || u.nickname) LIKE ALL($8))
            OR $10 AND u.email LIKE $11)"""


def _search_sql(scope: str) -> SQL:
    rows, condition = SCOPES[scope]
    prefix = "channel" if scope == "in_channel" else "team"
    member = _MEMBER_FILTER.format(prefix=prefix) if scope in MEMBER_SCOPES else _NO_MEMBER_FILTER
    return SQL(f"""
    SELECT {USER_COLUMNS_U}
      FROM {rows}
     WHERE {condition}
       AND {_FILTERS}
       AND {member}
       AND {_MATCHES}
  ORDER BY u.username
     LIMIT $12
""")


SEARCHES = {scope: _search_sql(scope) for scope in SCOPES}

_WORDS = 8
_LIKE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def patterns(term: str) -> tuple[str, list[str], str]:
    """The LIKE patterns of a search term: of its first word, of all, and of the whole as an address."""
    text = term.strip().lower().removeprefix("@")[:256].translate(_LIKE)
    words = [f"% {word}%" for word in text.split()[:_WORDS]] or ["%"]
    return words[0], words, f"{text}%"


async def search_users(
    db: Db, scope: str, term: str, filters: Filters, *, full_names: bool, emails: bool, limit: int
) -> list[User]:
    """People whose usernames and nicknames have words that begin like those of the term, by username.

    `full_names` and `emails` say whether first and last names and addresses are searched, too.
    Indexes: users_search_idx, users_email_search_idx.
    """
    first, words, email = patterns(term)
    return await db.many(
        User,
        SEARCHES[scope],
        filters.team_id,
        filters.channel_id,
        filters.active,
        filters.roles,
        filters.member_roles,
        filters.restricted,
        first,
        words,
        full_names,
        emails,
        email,
        limit,
    )


KNOWN_TO = SQL("""
    SELECT DISTINCT other.user_id
      FROM channel_members mine
      JOIN channel_members other ON other.channel_id = mine.channel_id AND other.user_id <> $1
     WHERE mine.user_id = $1
  ORDER BY other.user_id
""")


async def known_to(db: Db, user_id: str) -> list[str]:
    """Ids of the people who share a channel with a user, in order. Indexes: both of channel_members."""
    return await db.values(KNOWN_TO, user_id)


SEEN_BY_GUEST = SQL("""
    SELECT DISTINCT other.user_id
      FROM channel_members mine
      JOIN channel_members other ON other.channel_id = mine.channel_id
     WHERE mine.user_id = $1
     UNION
    SELECT user_id FROM team_members WHERE team_id = ANY($2) AND delete_at = 0
     UNION
    SELECT $1
""")


async def seen_by_guest(db: Db, user_id: str, team_ids: Sequence[str]) -> list[str]:
    """Ids of the people in the channels of a user or in these teams, and the user's own."""
    return await db.values(SEEN_BY_GUEST, user_id, team_ids)


IS_SEEN_BY_GUEST = SQL("""
    SELECT EXISTS (
        SELECT 1
          FROM channel_members mine
          JOIN channel_members other ON other.channel_id = mine.channel_id AND other.user_id = $3
         WHERE mine.user_id = $1
    ) OR EXISTS (
        SELECT 1 FROM team_members WHERE team_id = ANY($2) AND user_id = $3 AND delete_at = 0
    )
""")


async def is_seen_by_guest(db: Db, user_id: str, team_ids: Sequence[str], other_id: str) -> bool:
    """Whether someone shares a channel with a user or is in one of these teams."""
    return bool(await db.value(IS_SEEN_BY_GUEST, user_id, team_ids, other_id))


GUESTS_WHO_SEE = SQL("""
    SELECT g.id
      FROM users g
     WHERE string_to_array(g.roles, ' ') @> '{system_guest}' AND g.delete_at = 0 AND g.id <> $1
       AND (EXISTS (SELECT 1
                      FROM channel_members theirs
                      JOIN channel_members mine ON mine.channel_id = theirs.channel_id AND mine.user_id = $1
                     WHERE theirs.user_id = g.id)
            OR $2 AND EXISTS (SELECT 1
                      FROM team_members theirs
                      JOIN team_members mine ON mine.team_id = theirs.team_id AND mine.user_id = $1
                     WHERE theirs.user_id = g.id AND theirs.delete_at = 0 AND mine.delete_at = 0))
  ORDER BY g.id
""")


async def guests_who_see(db: Db, user_id: str, *, in_teams: bool) -> list[str]:
    """Ids of the guests who share a channel with a user, or with `in_teams` a team. Index: users_roles_idx."""
    return await db.values(GUESTS_WHO_SEE, user_id, in_teams)


GROUP_CHANNELS = SQL(f"""
    SELECT m.channel_id, {USER_COLUMNS_U}
      FROM channel_members mine
      JOIN channels c ON c.id = mine.channel_id AND c.type = 'G'
      JOIN channel_members m ON m.channel_id = mine.channel_id AND m.user_id <> $1
      JOIN users u ON u.id = m.user_id
     WHERE mine.user_id = $1 AND mine.channel_id = ANY($2)
  ORDER BY m.channel_id, u.username
""")


def _in_channel(channel_id: str, *user: object) -> tuple[str, User]:
    return channel_id, User(*user)  # type: ignore[arg-type]


async def group_channel_users(db: Db, user_id: str, channel_ids: Sequence[str]) -> list[tuple[str, User]]:
    """The other members of those group channels that a user is in."""
    return await db.many(_in_channel, GROUP_CHANNELS, user_id, channel_ids)


COUNT_USERS = SQL(
    "SELECT count(*) FROM users WHERE delete_at = 0 AND NOT is_bot AND ($1::text[] IS NULL OR id = ANY($1))"
)


async def count_users(db: Db, restricted: Sequence[str] | None) -> int:
    """How many people have an active account."""
    return int(await db.value(COUNT_USERS, restricted))


def _count_sql(scope: str) -> SQL:
    rows, condition = SCOPES[scope]
    prefix = "channel" if scope == "in_channel" else "team"
    member = _MEMBER_FILTER.format(prefix=prefix) if scope in MEMBER_SCOPES else _NO_MEMBER_FILTER
    return SQL(f"SELECT count(*) FROM {rows} WHERE {condition} AND {_FILTERS} AND {member} AND ($7 OR NOT u.is_bot)")


COUNTS = {scope: _count_sql(scope) for scope in ("everyone", "in_team", "in_channel")}


async def count_filtered(db: Db, scope: str, filters: Filters, *, bots: bool) -> int:
    """How many people a list holds; `bots` counts these, too."""
    return int(
        await db.value(
            COUNTS[scope],
            filters.team_id,
            filters.channel_id,
            filters.active,
            filters.roles,
            filters.member_roles,
            filters.restricted,
            bots,
        )
    )
