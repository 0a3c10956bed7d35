"""Lists of channels: of users, of teams, of everything, and searches in them."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.channels.models import Channel, ChannelWithTeamData
from server.features.channels.queries import CHANNEL_COLUMNS
from server.features.teams.models import TEAM_COLUMNS_T, Team
from server.features.teams.queries import opened

SEARCH_LIMIT = 100
AUTOCOMPLETE_LIMIT = 50
RECOMMENDED_LIMIT = 20
MAX_WORDS = 20
"""Different words of a term that are looked for."""

# The same words as channels_search_idx.
TEXT = "lower(c.name || ' ' || c.display_name || ' ' || c.purpose)"
WORDS = f"(' ' || translate({TEXT}, '-_', '  '))"

WITH_TEAM = f"{CHANNEL_COLUMNS}, t.display_name, t.name, t.update_at"

# Looked up all at once: joined, each would be looked for by itself, or all channels of the team looked through.
JOINED = "c.id = ANY (ARRAY(SELECT m.channel_id FROM channel_members m WHERE m.user_id = $1))"

# The bool makes archived ones part of the list, the number leaves out those archived before. coalesce() keeps the
# planner from looking through all channels of the team, or all direct ones.
OF_USER_IN_TEAM = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE {JOINED} AND coalesce(c.team_id) IN ($2, '') AND (c.delete_at = 0 OR ($3 AND c.delete_at >= $4))
  ORDER BY c.display_name, c.id
""")

OF_USER = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE {JOINED}
       AND (c.team_id = ''
            OR c.team_id IN (SELECT tm.team_id FROM team_members tm WHERE tm.user_id = $1 AND tm.delete_at = 0))
       AND (c.delete_at = 0 OR ($2 AND c.delete_at >= $3))
  ORDER BY c.display_name, c.id
""")

IN_TEAM = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id = $1 AND c.type = $2 AND c.delete_at = 0
  ORDER BY c.display_name, c.id
     LIMIT $3 OFFSET $4
""")

PUBLIC_BY_IDS = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.id = ANY($2) AND c.team_id = $1 AND c.type = 'O' AND c.delete_at = 0
  ORDER BY c.display_name, c.id
""")

# $3: whether the caller may see public channels without being in them; private ones only members see.
VISIBLE = """(
    ($3 AND c.type = 'O')
    OR EXISTS (SELECT FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = $2)
)"""

ARCHIVED_IN_TEAM = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id = $1 AND c.type IN ('O', 'P') AND c.delete_at > 0 AND {VISIBLE}
  ORDER BY c.display_name, c.id
     LIMIT $4 OFFSET $5
""")

SEARCH_ARCHIVED = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id = $1 AND c.type IN ('O', 'P') AND c.delete_at > 0 AND {VISIBLE} AND {TEXT} LIKE ALL ($4::text[])
  ORDER BY c.display_name, c.id
     LIMIT {SEARCH_LIMIT}
""")

SEARCH_PUBLIC = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id = $1 AND c.type = 'O' AND c.delete_at = 0 AND {TEXT} LIKE ALL ($2::text[])
  ORDER BY c.display_name, c.id
     LIMIT $3 OFFSET $4
""")

SEARCH_OWN = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     WHERE m.user_id = $5 AND c.team_id = $1 AND c.type IN ('O', 'P') AND c.delete_at = 0
       AND {TEXT} LIKE ALL ($2::text[])
  ORDER BY c.display_name, c.id
     LIMIT $3 OFFSET $4
""")

AUTOCOMPLETE = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id = $1 AND c.type IN ('O', 'P') AND c.delete_at = 0 AND {VISIBLE} AND {WORDS} LIKE ALL ($4::text[])
  ORDER BY c.display_name, c.id
     LIMIT {AUTOCOMPLETE_LIMIT}
""")

# Direct channels are known by the other one's name, which stands in for the empty display name.
OTHERS_NAME = """
    SELECT string_agg(lower(u.username), ' ' ORDER BY u.username)
      FROM channel_members o
      JOIN users u ON u.id = o.user_id
     WHERE o.channel_id = c.id AND (o.user_id <> $1 OR c.name = $1 || '__' || $1)
"""

AUTOCOMPLETE_PERSONAL = SQL(f"""
    SELECT {CHANNEL_COLUMNS.replace("c.display_name", "CASE c.type WHEN 'D' THEN n.names ELSE c.display_name END")}
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     CROSS JOIN LATERAL ({OTHERS_NAME}) AS n (names)
     WHERE m.user_id = $1 AND c.team_id = '' AND ' ' || n.names LIKE ALL ($2::text[])
  ORDER BY c.last_post_at DESC, c.id
     LIMIT {AUTOCOMPLETE_LIMIT}
""")

SEARCH_GROUPS = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     CROSS JOIN LATERAL ({OTHERS_NAME}) AS n (names)
     WHERE m.user_id = $1 AND c.team_id = '' AND c.type = 'G' AND n.names LIKE ALL ($2::text[])
  ORDER BY c.last_post_at DESC, c.id
     LIMIT {SEARCH_LIMIT}
""")

RECOMMENDED = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id = $1 AND c.type = 'O' AND c.delete_at = 0
       AND NOT EXISTS (SELECT FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = $2)
  ORDER BY c.last_post_at DESC, c.id
     LIMIT {RECOMMENDED_LIMIT}
""")

# $3: names left out; $1 none, $2 all archived ones; $4 teams, $5 types, $6 what group_constrained must be, $7 an id.
FILTERED = f"""
      FROM channels c
      JOIN teams t ON t.id = c.team_id
     WHERE c.team_id <> '' AND c.type = ANY($5::text[]) AND (c.delete_at = 0 OR $1) AND (c.delete_at > 0 OR NOT $2)
       AND c.name <> ALL ($3::text[])
       AND ($4::text[] IS NULL OR c.team_id = ANY($4))
       AND ($6::boolean IS NULL OR coalesce(c.group_constrained, false) = $6)
       AND ({TEXT} LIKE ALL ($8::text[]) OR c.id = $7)
"""

EVERYWHERE = SQL(f"SELECT {WITH_TEAM} {FILTERED} ORDER BY c.display_name, c.id LIMIT $9 OFFSET $10")

EVERYWHERE_COUNT = SQL(f"SELECT count(*) {FILTERED}")

SEARCH_IN_OWN_TEAMS = SQL(f"""
    SELECT {WITH_TEAM}
      FROM team_members tm
      JOIN teams t ON t.id = tm.team_id AND t.delete_at = 0
      JOIN channels c ON c.team_id = tm.team_id
     WHERE tm.user_id = $1 AND tm.delete_at = 0 AND c.type IN ('O', 'P') AND (c.delete_at = 0 OR $3)
       AND ($4::text[] IS NULL OR c.team_id = ANY($4))
       AND {TEXT} LIKE ALL ($2::text[])
       AND ((c.type = 'O' AND NOT tm.scheme_guest)
            OR EXISTS (SELECT FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = $1))
  ORDER BY c.display_name, c.id
     LIMIT {SEARCH_LIMIT}
""")

COMMON_TEAMS = SQL(f"""
    SELECT {TEAM_COLUMNS_T}
      FROM team_members mine
      JOIN teams t ON t.id = mine.team_id AND t.delete_at = 0
     WHERE mine.user_id = (SELECT m.user_id FROM channel_members m WHERE m.channel_id = $1 ORDER BY m.user_id LIMIT 1)
       AND mine.delete_at = 0
       AND NOT EXISTS (
           SELECT
             FROM channel_members m
            WHERE m.channel_id = $1
              AND NOT EXISTS (
                  SELECT FROM team_members o WHERE o.team_id = t.id AND o.user_id = m.user_id AND o.delete_at = 0
              )
       )
  ORDER BY t.display_name, t.id
""")

SHARE_A_TEAM = SQL("""
    SELECT EXISTS (SELECT
                     FROM team_members mine
                     JOIN team_members other ON other.team_id = mine.team_id
                     JOIN teams t ON t.id = mine.team_id AND t.delete_at = 0
                    WHERE mine.user_id = $1 AND other.user_id = $2 AND mine.delete_at = 0 AND other.delete_at = 0)
""")


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _words(term: str) -> list[str]:
    return list(dict.fromkeys(term.lower().split()))[:MAX_WORDS]


def containing(term: str) -> list[str]:
    """Patterns for LIKE ALL: every word of the term somewhere."""
    return [f"%{_escaped(word)}%" for word in _words(term.lstrip("~"))]


def beginning(term: str) -> list[str]:
    """Patterns for LIKE ALL: every word of the term at the beginning of a word."""
    return [f"% {_escaped(word)}%" for word in _words(term.lstrip("~").replace("-", " ").replace("_", " "))]


async def of_user_in_team(
    db: Db, user_id: str, team_id: str, include_deleted: bool = False, last_delete_at: int = 0
) -> list[Channel]:
    """A user's channels of a team and all D and G ones. Index: channel_members_user_idx, channels_pkey."""
    return await db.many(Channel, OF_USER_IN_TEAM, user_id, team_id, include_deleted, last_delete_at)


async def of_user(db: Db, user_id: str, include_deleted: bool = False, last_delete_at: int = 0) -> list[Channel]:
    """A user's channels of all teams, D and G ones too. Index: channel_members_user_idx, channels_pkey."""
    return await db.many(Channel, OF_USER, user_id, include_deleted, last_delete_at)


async def in_team(db: Db, team_id: str, type: str, limit: int, offset: int) -> list[Channel]:
    """Live channels of a type in a team, by display name. Index: channels_team_idx."""
    return await db.many(Channel, IN_TEAM, team_id, type, limit, offset)


async def public_by_ids(db: Db, team_id: str, channel_ids: Sequence[str]) -> list[Channel]:
    """The live public channels of a team among these. Index: channels_pkey."""
    return await db.many(Channel, PUBLIC_BY_IDS, team_id, channel_ids)


async def archived_in_team(
    db: Db, team_id: str, user_id: str, see_public: bool, limit: int, offset: int
) -> list[Channel]:
    """Archived channels of a team that a user may see. Index: channels_team_idx."""
    return await db.many(Channel, ARCHIVED_IN_TEAM, team_id, user_id, see_public, limit, offset)


async def search_archived(db: Db, team_id: str, user_id: str, see_public: bool, term: str) -> list[Channel]:
    """Archived channels of a team that a user may see, with all words of the term. Index: channels_team_idx."""
    return await db.many(Channel, SEARCH_ARCHIVED, team_id, user_id, see_public, containing(term))


async def search_public(db: Db, team_id: str, term: str, limit: int, offset: int) -> list[Channel]:
    """Live public channels of a team with all words of the term. Index: channels_team_idx."""
    return await db.many(Channel, SEARCH_PUBLIC, team_id, containing(term), limit, offset)


async def search_own(db: Db, team_id: str, user_id: str, term: str, limit: int, offset: int) -> list[Channel]:
    """A user's live channels of a team with all words of the term. Index: channel_members_user_idx."""
    return await db.many(Channel, SEARCH_OWN, team_id, containing(term), limit, offset, user_id)


async def autocomplete(db: Db, team_id: str, user_id: str, see_public: bool, term: str) -> list[Channel]:
    """Live channels of a team that a user may see, by beginnings of words. Index: channels_team_idx."""
    return await db.many(Channel, AUTOCOMPLETE, team_id, user_id, see_public, beginning(term))


async def autocomplete_personal(db: Db, user_id: str, term: str) -> list[Channel]:
    """A user's direct and group channels by beginnings of the others' names. Index: channel_members_user_idx."""
    return await db.many(Channel, AUTOCOMPLETE_PERSONAL, user_id, [f"% {_escaped(w)}%" for w in _words(term)])


async def search_groups(db: Db, user_id: str, term: str) -> list[Channel]:
    """A user's group channels with all words of the term in the others' names. Index: channel_members_user_idx."""
    return await db.many(
        Channel, SEARCH_GROUPS, user_id, [f"%{_escaped(word)}%" for word in _words(term.replace(",", " "))]
    )


async def recommended(db: Db, team_id: str, user_id: str) -> list[Channel]:
    """Public channels of a team that a user is not in, the most recently active first. Index: channels_team_idx."""
    return await db.many(Channel, RECOMMENDED, team_id, user_id)


async def everywhere(db: Db, filters: Sequence[object], limit: int, offset: int) -> list[ChannelWithTeamData]:
    """Channels of all teams by the filters of EVERYWHERE. Indexes: channels_display_name_idx, channels_search_idx."""
    return await db.many(ChannelWithTeamData, EVERYWHERE, *filters, limit, offset)


async def everywhere_count(db: Db, filters: Sequence[object]) -> int:
    """How many channels of all teams the filters let through."""
    return int(await db.value(EVERYWHERE_COUNT, *filters))


async def search_in_own_teams(
    db: Db, user_id: str, term: str, include_deleted: bool, team_ids: Sequence[str] | None
) -> list[ChannelWithTeamData]:
    """Channels of a user's teams that the user may see, with all words of the term. Index: channels_team_idx."""
    return await db.many(ChannelWithTeamData, SEARCH_IN_OWN_TEAMS, user_id, containing(term), include_deleted, team_ids)


async def common_teams(db: Db, channel_id: str) -> list[Team]:
    """The live teams that all members of a channel are in. Indexes: channel_members_pkey, team_members_user_idx."""
    return [opened(db, team) for team in await db.many(Team, COMMON_TEAMS, channel_id)]


async def share_a_team(db: Db, user_id: str, other_id: str) -> bool:
    """Whether two users are in the same live team. Index: team_members_user_idx."""
    return bool(await db.value(SHARE_A_TEAM, user_id, other_id))
