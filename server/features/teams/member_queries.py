"""The table `team_members`, and what members have not read."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.teams.models import MEMBER_COLUMNS, TeamMember, TeamUnread, member_of_row

MEMBER = SQL(f"SELECT {MEMBER_COLUMNS} FROM team_members m WHERE m.team_id = $1 AND m.user_id = $2")

LOCK_MEMBER = SQL(f"{MEMBER.text} FOR UPDATE")

_PAGE = f"""
    SELECT {MEMBER_COLUMNS}
      FROM team_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.team_id = $1 AND m.delete_at = 0 AND (u.delete_at = 0 OR NOT $2)
       AND ($3::text[] IS NULL OR m.user_id = ANY($3))
"""

MEMBERS_BY_ID = SQL(f"{_PAGE} ORDER BY m.user_id LIMIT $4 OFFSET $5")

MEMBERS_BY_USERNAME = SQL(f"{_PAGE} ORDER BY u.username LIMIT $4 OFFSET $5")

MEMBERS_AMONG = SQL(f"""
    SELECT {MEMBER_COLUMNS}
      FROM team_members m
     WHERE m.team_id = $1 AND m.user_id = ANY($2::text[]) AND m.delete_at = 0
  ORDER BY m.user_id
""")

MEMBERSHIPS_OF = SQL(f"""
    SELECT {MEMBER_COLUMNS}
      FROM team_members m
      JOIN teams t ON t.id = m.team_id
     WHERE m.user_id = $1 AND m.delete_at = 0 AND t.delete_at = 0
  ORDER BY m.team_id
""")

COUNT_ACTIVE = SQL("""
    SELECT count(*)
      FROM team_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.team_id = $1 AND m.delete_at = 0 AND u.delete_at = 0
""")

MEMBER_IDS = SQL("SELECT user_id FROM team_members WHERE team_id = $1 AND delete_at = 0 ORDER BY user_id")

# Who was in the team before gets the old row back, without the rights of then.
JOIN = SQL(f"""
    INSERT INTO team_members AS m (team_id, user_id, scheme_guest, scheme_user, scheme_admin, create_at)
    SELECT $1, u.id, 'system_guest' = ANY (string_to_array(u.roles, ' ')),
           'system_guest' <> ALL (string_to_array(u.roles, ' ')), $3, $4
      FROM users u
     WHERE u.id = ANY($2::text[])
  ORDER BY u.id
        ON CONFLICT (team_id, user_id) DO UPDATE
       SET delete_at = 0, roles = '', scheme_guest = excluded.scheme_guest, scheme_user = excluded.scheme_user,
           scheme_admin = excluded.scheme_admin, create_at = excluded.create_at
     WHERE m.delete_at > 0
 RETURNING {MEMBER_COLUMNS}
""")

LEAVE = SQL(f"""
    UPDATE team_members m
       SET delete_at = $3, roles = '', scheme_admin = false
     WHERE m.team_id = $1 AND m.user_id = $2 AND m.delete_at = 0
 RETURNING {MEMBER_COLUMNS}
""")

SET_ROLES = SQL(f"""
    UPDATE team_members m
       SET roles = $3, scheme_guest = $4, scheme_user = $5, scheme_admin = $6
     WHERE m.team_id = $1 AND m.user_id = $2 AND m.delete_at = 0
 RETURNING {MEMBER_COLUMNS}
""")

# Nobody takes rights of before along: explicit roles and administrators' rights end either way.
SET_GUEST = SQL(f"""
    UPDATE team_members m
       SET scheme_guest = $2, scheme_user = NOT $2, scheme_admin = false, roles = ''
     WHERE m.user_id = $1 AND m.delete_at = 0
 RETURNING {MEMBER_COLUMNS}
""")

_UNREAD = """
    WITH unread AS (
        SELECT c.team_id,
               sum(greatest(c.total_msg_count - m.msg_count, 0))
                   FILTER (WHERE m.notify_props ->> 'mark_unread' IS DISTINCT FROM 'mention') AS msg_count,
               sum(m.mention_count) AS mention_count,
               sum(greatest(c.total_msg_count_root - m.msg_count_root, 0))
                   FILTER (WHERE m.notify_props ->> 'mark_unread' IS DISTINCT FROM 'mention') AS msg_count_root,
               sum(m.mention_count_root) AS mention_count_root
          FROM channel_members m
          JOIN channels c ON c.id = m.channel_id
         WHERE m.user_id = $1 AND c.team_id <> '' AND c.delete_at = 0
      GROUP BY c.team_id
    )"""
_COUNTS = """
    SELECT t.team_id, coalesce(unread.msg_count, 0)::bigint, coalesce(unread.mention_count, 0)::bigint,
           coalesce(unread.msg_count_root, 0)::bigint, coalesce(unread.mention_count_root, 0)::bigint"""
_IN_TEAMS = """
      FROM team_members t
      JOIN teams ON teams.id = t.team_id AND teams.delete_at = 0
 LEFT JOIN unread ON unread.team_id = t.team_id"""
_TEAMS = """
     WHERE t.user_id = $1 AND t.delete_at = 0 AND ($2 = '' OR t.team_id = $2)
  ORDER BY t.team_id"""

UNREADS = SQL(f"{_UNREAD} {_COUNTS} {_IN_TEAMS} {_TEAMS}")

# Summed up by channel first: no number of rows makes it look good then to go through all threads of the channels.
UNREADS_AND_THREADS = SQL(f"""
    {_UNREAD}, threads_unread AS MATERIALIZED (
        SELECT t.channel_id,
               count(*) FILTER (WHERE t.last_reply_at > m.last_viewed) AS threads,
               sum(m.unread_mentions) AS mentions,
               sum(m.unread_mentions) FILTER (WHERE m.unread_mentions > 0 AND EXISTS (
                   SELECT FROM posts p WHERE p.id = m.post_id AND p.priority ->> 'priority' = 'urgent')) AS urgent
          FROM thread_memberships m
          JOIN threads t ON t.post_id = m.post_id
         WHERE m.user_id = $1 AND m.following AND t.delete_at = 0
           AND (t.last_reply_at > m.last_viewed OR m.unread_mentions > 0)
      GROUP BY t.channel_id
    ), of_team AS MATERIALIZED (
        SELECT c.team_id, sum(threads)::bigint AS threads, sum(mentions)::bigint AS mentions,
               sum(urgent)::bigint AS urgent
          FROM threads_unread
          JOIN channel_members cm ON cm.channel_id = threads_unread.channel_id AND cm.user_id = $1
          JOIN channels c ON c.id = threads_unread.channel_id
         WHERE c.delete_at = 0 AND c.team_id <> ''
      GROUP BY c.team_id
    )
    {_COUNTS}, coalesce(of_team.threads, 0), coalesce(of_team.mentions, 0), coalesce(of_team.urgent, 0)
    {_IN_TEAMS}
 LEFT JOIN of_team ON of_team.team_id = t.team_id
    {_TEAMS}
""")


async def member(db: Db, team_id: str, user_id: str) -> TeamMember | None:
    """The membership of a user, also one that has ended (delete_at)."""
    return await db.one(member_of_row, MEMBER, team_id, user_id)


async def lock_member(db: Db, team_id: str, user_id: str) -> TeamMember | None:
    """The membership of a user, kept from other changes until the transaction ends."""
    return await db.one(member_of_row, LOCK_MEMBER, team_id, user_id)


async def members_page(
    db: Db,
    team_id: str,
    *,
    by_username: bool,
    active_only: bool,
    among: Sequence[str] | None,
    limit: int,
    offset: int,
) -> list[TeamMember]:
    """Members of a team by user id or username; `among` limits them to some users. Index: team_members_pkey."""
    sql = MEMBERS_BY_USERNAME if by_username else MEMBERS_BY_ID
    return await db.many(member_of_row, sql, team_id, active_only, among, limit, offset)


async def members_among(db: Db, team_id: str, user_ids: Sequence[str]) -> list[TeamMember]:
    """Those of the users who are in the team. Index: team_members_pkey."""
    return await db.many(member_of_row, MEMBERS_AMONG, team_id, user_ids)


async def memberships_of(db: Db, user_id: str) -> list[TeamMember]:
    """The memberships of a user in live teams. Index: team_members_user_idx."""
    return await db.many(member_of_row, MEMBERSHIPS_OF, user_id)


async def count_active(db: Db, team_id: str) -> int:
    """How many members with an active account a team has. Index: team_members_pkey."""
    return int(await db.value(COUNT_ACTIVE, team_id))


async def member_ids(db: Db, team_id: str) -> list[str]:
    """The users in a team, by id. Index: team_members_pkey."""
    return await db.values(MEMBER_IDS, team_id)


async def join(db: Db, team_id: str, user_ids: Sequence[str], *, admin: bool, now: int) -> list[TeamMember]:
    """Put users into a team; the memberships that are new or revived."""
    return await db.many(member_of_row, JOIN, team_id, user_ids, admin, now)


async def leave(db: Db, team_id: str, user_id: str, now: int) -> TeamMember | None:
    """End a membership; None when there was none."""
    return await db.one(member_of_row, LEAVE, team_id, user_id, now)


async def set_roles(
    db: Db, team_id: str, user_id: str, explicit: str, flags: tuple[bool, bool, bool]
) -> TeamMember | None:
    """Give a member these explicit roles and flags (guest, user, admin)."""
    return await db.one(member_of_row, SET_ROLES, team_id, user_id, explicit, *flags)


async def set_guest(db: Db, user_id: str, guest: bool) -> list[TeamMember]:
    """Make a user a guest or a plain member of all teams it is in. Index: team_members_user_idx."""
    return await db.many(member_of_row, SET_GUEST, user_id, guest)


async def unreads(db: Db, user_id: str, team_id: str = "", *, threads: bool) -> list[TeamUnread]:
    """What a user has not read in each live team, or in one; unread threads are counted only if asked for.

    Index: channel_members_user_idx, thread_memberships_user_idx.
    """
    return await db.many(TeamUnread, UNREADS_AND_THREADS if threads else UNREADS, user_id, team_id)
