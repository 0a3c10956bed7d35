"""The table `channel_members`: who is in which channel, and as what."""

from collections.abc import Sequence

from server.access.roles import CHANNEL_ADMIN, CHANNEL_GUEST, CHANNEL_USER
from server.bus.event import INSIDERS
from server.db import SQL, Db
from server.features.channels.member_models import ChannelMember, ChannelMemberWithTeamData, NotifyProps

# A row holds only what differs from these.
DEFAULT_NOTIFY_PROPS = (
    '{"desktop": "default", "email": "default", "ignore_channel_mentions": "default", "mark_unread": "all", '
    '"push": "default", "channel_auto_follow_threads": "off"}'
)

MEMBER_COLUMNS = f"""
    m.channel_id, m.user_id,
    concat_ws(' ', CASE WHEN m.scheme_guest THEN '{CHANNEL_GUEST}' END,
              CASE WHEN m.scheme_user THEN '{CHANNEL_USER}' END,
              CASE WHEN m.scheme_admin THEN '{CHANNEL_ADMIN}' END, nullif(m.roles, '')),
    m.last_viewed_at, m.msg_count, m.mention_count, m.mention_count_root, m.urgent_mention_count, m.msg_count_root,
    '{DEFAULT_NOTIFY_PROPS}'::jsonb || m.notify_props,
    m.last_update_at, m.scheme_guest, m.scheme_user, m.scheme_admin, m.roles
"""

TOPICS_OF = SQL(f"""
    SELECT user_id, 'team:' || team_id FROM team_members WHERE user_id = ANY($1) AND delete_at = 0
     UNION ALL
    SELECT m.user_id, 'channel:' || c.id
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     WHERE m.user_id = ANY($1) AND c.type IN ('O', 'P')
     UNION ALL
    SELECT id, '{INSIDERS}' FROM users WHERE id = ANY($1) AND 'system_guest' <> ALL (string_to_array(roles, ' '))
""")


def hears_everyone(user: str, member: str) -> str:
    """Whether @channel calls a member, as SQL over the names that users and channel_members have in a query."""
    return f"""(
        coalesce({user}.notify_props ->> 'channel', 'true') = 'true'
        AND CASE coalesce({member}.notify_props ->> 'ignore_channel_mentions', 'default')
            WHEN 'on' THEN false
            WHEN 'off' THEN true
            ELSE coalesce({member}.notify_props ->> 'mark_unread', 'all') <> 'mention' END)"""


MEMBER = SQL(f"SELECT {MEMBER_COLUMNS} FROM channel_members m WHERE m.channel_id = $1 AND m.user_id = $2")

MEMBERS_PAGE = SQL(f"""
    SELECT {MEMBER_COLUMNS}
      FROM channel_members m
     WHERE m.channel_id = $1
  ORDER BY m.user_id
     LIMIT $2 OFFSET $3
""")

MEMBERS_BY_IDS = SQL(f"""
    SELECT {MEMBER_COLUMNS}
      FROM channel_members m
     WHERE m.channel_id = $1 AND m.user_id = ANY($2)
  ORDER BY m.user_id
""")

MEMBERS_IN_TEAM = SQL(f"""
    SELECT {MEMBER_COLUMNS}
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     WHERE m.user_id = $1 AND coalesce(c.team_id) IN ($2, '') AND c.delete_at = 0
  ORDER BY m.channel_id
""")

MEMBERS_EVERYWHERE = SQL(f"""
    SELECT {MEMBER_COLUMNS}, coalesce(t.display_name, ''), coalesce(t.name, ''), coalesce(t.update_at, 0)
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
 LEFT JOIN teams t ON t.id = c.team_id
     WHERE m.user_id = $1 AND c.delete_at = 0
  ORDER BY m.channel_id
     LIMIT $2 OFFSET $3
""")

MEMBER_IDS = SQL("SELECT user_id FROM channel_members WHERE channel_id = $1 ORDER BY user_id")

ADD_MEMBERS = SQL(f"""
    INSERT INTO channel_members AS m (channel_id, user_id, mention_count, mention_count_root, last_update_at,
                                      scheme_guest, scheme_user)
    SELECT $1, t.user_id, $4, $4, $5, t.scheme_guest, NOT t.scheme_guest
      FROM team_members t
      JOIN users u ON u.id = t.user_id
     WHERE t.team_id = $2 AND t.user_id = ANY($3) AND t.delete_at = 0 AND u.delete_at = 0
        ON CONFLICT (channel_id, user_id) DO NOTHING
 RETURNING {MEMBER_COLUMNS}
""")

INSERT_PERSONAL_MEMBERS = SQL("""
    INSERT INTO channel_members (channel_id, user_id, last_update_at, scheme_guest, scheme_user)
    SELECT $1, u.id, $3, 'system_guest' = ANY (string_to_array(u.roles, ' ')),
           'system_guest' <> ALL (string_to_array(u.roles, ' '))
      FROM users u
     WHERE u.id = ANY($2)
        ON CONFLICT (channel_id, user_id) DO NOTHING
""")

INSERT_CREATOR = SQL("""
    INSERT INTO channel_members (channel_id, user_id, last_update_at, scheme_admin)
    VALUES ($1, $2, $3, true)
""")

# Several public channels of a team for several of its members who are no guests, in one statement.
JOIN_CHANNELS = SQL("""
    INSERT INTO channel_members (channel_id, user_id, last_update_at, scheme_admin)
    SELECT c.id, t.user_id, $4, t.scheme_admin
      FROM channels c
      JOIN team_members t ON t.team_id = c.team_id
     WHERE c.team_id = $1 AND c.id = ANY($2) AND t.user_id = ANY($3) AND t.delete_at = 0 AND NOT t.scheme_guest
  ORDER BY c.id, t.user_id
        ON CONFLICT (channel_id, user_id) DO NOTHING
 RETURNING channel_id, user_id
""")

DELETE_MEMBERS = SQL("""
    DELETE FROM channel_members
     WHERE channel_id = $1 AND user_id = ANY($2)
 RETURNING user_id
""")

LEAVE_TEAM = SQL("""
    DELETE FROM channel_members m
     USING channels c
     WHERE c.id = m.channel_id AND m.user_id = $2 AND c.team_id = $1
 RETURNING m.channel_id
""")

DELETE_STRANGERS = SQL("""
    DELETE FROM channel_members m
     WHERE m.channel_id = $1
       AND NOT EXISTS (SELECT FROM team_members t WHERE t.team_id = $2 AND t.user_id = m.user_id AND t.delete_at = 0)
 RETURNING m.user_id
""")

STRANGER_COUNT = SQL("""
    SELECT count(*)
      FROM channel_members m
      JOIN users u ON u.id = m.user_id AND u.delete_at = 0
     WHERE m.channel_id = $1
       AND NOT EXISTS (SELECT FROM team_members t WHERE t.team_id = $2 AND t.user_id = m.user_id AND t.delete_at = 0)
""")

LOCK_MEMBER = SQL(f"""
    SELECT {MEMBER_COLUMNS}
      FROM channel_members m
     WHERE m.channel_id = $1 AND m.user_id = $2
       FOR NO KEY UPDATE
""")

SET_ROLES = SQL(f"""
    UPDATE channel_members m
       SET roles = $3, scheme_guest = $4, scheme_user = $5, scheme_admin = $6, last_update_at = $7
     WHERE m.channel_id = $1 AND m.user_id = $2
 RETURNING {MEMBER_COLUMNS}
""")

SET_ADMINS = SQL(f"""
    UPDATE channel_members m
       SET scheme_admin = user_id = ANY($2), last_update_at = $3
     WHERE m.channel_id = $1 AND NOT m.scheme_guest AND m.scheme_admin <> (m.user_id = ANY($2))
 RETURNING {MEMBER_COLUMNS}
""")

SET_GUEST = SQL(f"""
    UPDATE channel_members m
       SET scheme_guest = $2, scheme_user = NOT $2, scheme_admin = false, roles = '', last_update_at = $3
     WHERE m.user_id = $1
 RETURNING {MEMBER_COLUMNS}
""")

SET_NOTIFY_PROPS = SQL(f"""
    UPDATE channel_members m
       SET notify_props = m.notify_props || $3, last_update_at = $4
     WHERE m.channel_id = $1 AND m.user_id = $2
 RETURNING {MEMBER_COLUMNS}
""")

# Muting of several channels at once, for sidebar categories.
SET_MARK_UNREAD = SQL(f"""
    UPDATE channel_members m
       SET notify_props = m.notify_props || jsonb_build_object('mark_unread', $3::text), last_update_at = $4
     WHERE m.channel_id = ANY($1) AND m.user_id = $2
       AND coalesce(m.notify_props ->> 'mark_unread', 'all') <> $3
 RETURNING {MEMBER_COLUMNS}
""")

COUNTS_IN = SQL("""
    SELECT m.channel_id, count(*), count(*) FILTER (WHERE m.scheme_guest)
      FROM channel_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.channel_id = ANY($1) AND u.delete_at = 0
  GROUP BY m.channel_id
""")

TIMEZONES_IN = SQL("""
    SELECT DISTINCT zone
      FROM channel_members m
      JOIN users u ON u.id = m.user_id
     CROSS JOIN LATERAL (
           SELECT CASE WHEN u.timezone ->> 'useAutomaticTimezone' = 'true' THEN u.timezone ->> 'automaticTimezone'
                       ELSE u.timezone ->> 'manualTimezone' END AS zone
           ) AS told
     WHERE m.channel_id = $1 AND u.delete_at = 0 AND zone <> ''
  ORDER BY zone
""")

SCHEME_MANAGED = SQL("SELECT name, scheme_managed FROM roles WHERE name = ANY($1) AND delete_at = 0")


async def topics_of(db: Db, user_ids: Sequence[str]) -> dict[str, list[str]]:
    """The topics of the teams and of the public and private channels that users are in, and that of non-guests."""
    topics: dict[str, list[str]] = {}
    for user_id, topic in await db.rows(TOPICS_OF, user_ids):
        topics.setdefault(user_id, []).append(topic)
    return topics


async def member(db: Db, channel_id: str, user_id: str) -> ChannelMember | None:
    """A user's membership in a channel."""
    return await db.one(ChannelMember, MEMBER, channel_id, user_id)


async def members_page(db: Db, channel_id: str, limit: int, offset: int) -> list[ChannelMember]:
    """Members of a channel by user id. Index: channel_members_pkey."""
    return await db.many(ChannelMember, MEMBERS_PAGE, channel_id, limit, offset)


async def members_by_ids(db: Db, channel_id: str, user_ids: Sequence[str]) -> list[ChannelMember]:
    """Those of the users who are in the channel. Index: channel_members_pkey."""
    return await db.many(ChannelMember, MEMBERS_BY_IDS, channel_id, user_ids)


async def members_in_team(db: Db, user_id: str, team_id: str) -> list[ChannelMember]:
    """A user's memberships in live channels of a team and in all D and G ones. Index: channel_members_user_idx."""
    return await db.many(ChannelMember, MEMBERS_IN_TEAM, user_id, team_id)


async def members_everywhere(db: Db, user_id: str, limit: int, offset: int) -> list[ChannelMemberWithTeamData]:
    """A user's memberships in live channels, by channel id. Index: channel_members_user_idx."""
    return await db.many(ChannelMemberWithTeamData, MEMBERS_EVERYWHERE, user_id, limit, offset)


async def member_ids(db: Db, channel_id: str) -> list[str]:
    """The users of a channel, by id. Index: channel_members_pkey."""
    return await db.values(MEMBER_IDS, channel_id)


async def add_members(
    db: Db, channel_id: str, team_id: str, user_ids: Sequence[str], mentions: int, now: int
) -> list[ChannelMember]:
    """Put live members of the team into a channel; those who were not in it before. They start with `mentions`."""
    return await db.many(ChannelMember, ADD_MEMBERS, channel_id, team_id, user_ids, mentions, now)


async def insert_personal_members(db: Db, channel_id: str, user_ids: Sequence[str], now: int) -> None:
    """Put users into a direct or group channel."""
    await db.run(INSERT_PERSONAL_MEMBERS, channel_id, user_ids, now)


async def insert_creator(db: Db, channel_id: str, user_id: str, now: int) -> None:
    """Put the creator of a channel into it, as its administrator."""
    await db.run(INSERT_CREATOR, channel_id, user_id, now)


async def join_channels(
    db: Db, team_id: str, channel_ids: Sequence[str], user_ids: Sequence[str], now: int
) -> list[tuple[str, str]]:
    """Put members of a team into channels of it: (channel id, user id) of the new ones. Guests stay out."""
    return [(row[0], row[1]) for row in await db.rows(JOIN_CHANNELS, team_id, channel_ids, user_ids, now)]


async def delete_members(db: Db, channel_id: str, user_ids: Sequence[str]) -> list[str]:
    """Take users out of a channel; those who were in it."""
    return await db.values(DELETE_MEMBERS, channel_id, user_ids)


async def leave_team(db: Db, team_id: str, user_id: str) -> list[str]:
    """Take a user out of all channels of a team; their ids."""
    return await db.values(LEAVE_TEAM, team_id, user_id)


async def delete_strangers(db: Db, channel_id: str, team_id: str) -> list[str]:
    """Take those out of a channel who are not in the team; their ids."""
    return await db.values(DELETE_STRANGERS, channel_id, team_id)


async def stranger_count(db: Db, channel_id: str, team_id: str) -> int:
    """How many active members of a channel are not in the team."""
    return int(await db.value(STRANGER_COUNT, channel_id, team_id))


async def lock_member(db: Db, channel_id: str, user_id: str) -> ChannelMember | None:
    """A membership, kept from other changes until the transaction ends."""
    return await db.one(ChannelMember, LOCK_MEMBER, channel_id, user_id)


async def set_roles(
    db: Db, channel_id: str, user_id: str, explicit: str, flags: tuple[bool, bool, bool], now: int
) -> ChannelMember | None:
    """Set the explicit roles and the flags (guest, user, admin) of a membership."""
    return await db.one(ChannelMember, SET_ROLES, channel_id, user_id, explicit, *flags, now)


async def set_admins(db: Db, channel_id: str, user_ids: Sequence[str], now: int) -> list[ChannelMember]:
    """Make exactly these members administrators, guests never; the memberships that changed."""
    return await db.many(ChannelMember, SET_ADMINS, channel_id, user_ids, now)


async def set_notify_props(db: Db, channel_id: str, user_id: str, props: NotifyProps, now: int) -> ChannelMember | None:
    """Set some notify props of a membership; the others stay."""
    return await db.one(ChannelMember, SET_NOTIFY_PROPS, channel_id, user_id, props, now)


async def set_mark_unread(
    db: Db, channel_ids: Sequence[str], user_id: str, value: str, now: int
) -> list[ChannelMember]:
    """Mute ("mention") or unmute ("all") channels for a user; the memberships that changed."""
    return await db.many(ChannelMember, SET_MARK_UNREAD, channel_ids, user_id, value, now)


async def counts_in(db: Db, channel_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many active users are in each channel, and how many guests of them; channels without any are left out."""
    return {row[0]: (row[1], row[2]) for row in await db.rows(COUNTS_IN, channel_ids)}


async def timezones_in(db: Db, channel_id: str) -> list[str]:
    """The time zones that members of a channel live in."""
    return await db.values(TIMEZONES_IN, channel_id)


async def scheme_managed_roles(db: Db, names: Sequence[str]) -> dict[str, bool]:
    """The roles among `names` that exist, and whether each is given by a flag only."""
    return {row[0]: row[1] for row in await db.rows(SCHEME_MANAGED, names)}


async def set_guest(db: Db, user_id: str, guest: bool, now: int) -> list[ChannelMember]:
    """Make a user a guest or a plain member of all channels it is in. Index: channel_members_user_idx."""
    return await db.many(ChannelMember, SET_GUEST, user_id, guest, now)
