"""The tables groups and group_members."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.groups.models import (
    GROUP_COLUMNS,
    ChannelMemberCountByGroup,
    GroupMember,
    GroupPatch,
    GroupRow,
    NewGroup,
    WantedGroups,
)
from server.features.users.models import USER_COLUMNS_U, User
from server.ids import new_id

MAX_GROUPS = 10_000
MAX_MEMBERS = 50_000
"""Of one group."""

INSERT_GROUP = SQL(f"""
    INSERT INTO groups AS g (id, name, display_name, description, create_at, update_at, allow_reference)
    SELECT $1, $2, $3, $4, $5, $5, $6
     WHERE (SELECT count(*) FROM groups) < {MAX_GROUPS}
        ON CONFLICT (name) WHERE name IS NOT NULL DO NOTHING
 RETURNING {GROUP_COLUMNS}
""")


async def insert_group(db: Db, new: NewGroup, now: int) -> GroupRow | None:
    """Store a group; None when its name is taken or there are too many."""
    return await db.one(
        GroupRow, INSERT_GROUP, new_id(), new.name, new.display_name, new.description, now, new.allow_reference
    )


NAME_TAKEN = SQL("""
    SELECT EXISTS (SELECT FROM groups WHERE name = $1 AND id <> $2) OR EXISTS (SELECT FROM users WHERE username = $1)
""")


async def name_taken(db: Db, name: str, group_id: str = "") -> bool:
    """Whether another group or a user has the name. Indexes: groups_name_idx, users_username_idx."""
    return bool(await db.value(NAME_TAKEN, name, group_id))


GROUP_BY_ID = SQL(f"SELECT {GROUP_COLUMNS} FROM groups g WHERE g.id = $1")


async def group_by_id(db: Db, id: str) -> GroupRow | None:
    """A group, archived ones too."""
    return await db.one(GroupRow, GROUP_BY_ID, id)


GROUPS = SQL(f"""
    SELECT {GROUP_COLUMNS}
      FROM groups g
     WHERE ($1 = '' OR g.name ILIKE $1 OR g.display_name ILIKE $1)
       AND g.update_at >= $2
       AND ($3 = '' OR EXISTS (SELECT FROM group_members m WHERE m.group_id = g.id AND m.user_id = $3))
       AND (NOT $4 OR g.allow_reference)
       AND CASE WHEN $6 THEN g.delete_at > 0 ELSE $5 OR g.delete_at = 0 END
       AND ($7 = '' OR g.source = $7)
  ORDER BY g.display_name, g.id
     LIMIT $8 OFFSET $9
""")


async def groups(db: Db, wanted: WantedGroups, page: int, per_page: int) -> list[GroupRow]:
    """A page of groups by display name; the table is small."""
    return await db.many(
        GroupRow,
        GROUPS,
        f"%{_literal(wanted.q)}%" if wanted.q else "",
        wanted.since,
        wanted.has_member,
        wanted.only_referable,
        wanted.archived_too or wanted.since > 0,
        wanted.only_archived,
        wanted.source,
        per_page,
        page * per_page,
    )


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


GROUPS_BY_NAMES = SQL(
    f"SELECT {GROUP_COLUMNS} FROM groups g WHERE g.name = ANY($1) AND g.delete_at = 0 ORDER BY g.name"
)


async def groups_by_names(db: Db, names: Sequence[str]) -> list[GroupRow]:
    """Groups of these names. Index: groups_name_idx."""
    return await db.many(GroupRow, GROUPS_BY_NAMES, names)


GROUPS_OF_USER = SQL(f"""
    SELECT {GROUP_COLUMNS}
      FROM group_members m
      JOIN groups g ON g.id = m.group_id
     WHERE m.user_id = $1 AND g.delete_at = 0
  ORDER BY g.display_name, g.id
""")


async def groups_of_user(db: Db, user_id: str) -> list[GroupRow]:
    """The groups that a user is in. Index: group_members_user_idx."""
    return await db.many(GroupRow, GROUPS_OF_USER, user_id)


PATCH_GROUP = SQL(f"""
    UPDATE groups g
       SET name = coalesce($3, g.name), display_name = coalesce($4, g.display_name),
           description = coalesce($5, g.description), allow_reference = coalesce($6, g.allow_reference), update_at = $2
     WHERE g.id = $1
 RETURNING {GROUP_COLUMNS}
""")


async def patch_group(db: Db, id: str, patch: GroupPatch, now: int) -> GroupRow | None:
    """Change parts of a group; raises UniqueViolationError for a name that was taken just now."""
    return await db.one(
        GroupRow, PATCH_GROUP, id, now, patch.name, patch.display_name, patch.description, patch.allow_reference
    )


SET_DELETE_AT = SQL(f"""
    UPDATE groups g SET delete_at = $2::bigint, update_at = $3
     WHERE g.id = $1 AND (g.delete_at = 0) = ($2::bigint > 0)
 RETURNING {GROUP_COLUMNS}
""")


async def set_delete_at(db: Db, id: str, delete_at: int, now: int) -> GroupRow | None:
    """Archive a group, or restore it with 0; None when it is so already."""
    return await db.one(GroupRow, SET_DELETE_AT, id, delete_at, now)


# Guests may be called with the others, but programs and those who are switched off can't be.
ADD_MEMBERS = SQL(f"""
    INSERT INTO group_members (group_id, user_id, create_at)
    SELECT $1, u.id, $3
      FROM users u
     WHERE u.id = ANY($2) AND u.delete_at = 0
       AND (SELECT count(*) FROM group_members WHERE group_id = $1) + cardinality($2::text[]) <= {MAX_MEMBERS}
        ON CONFLICT DO NOTHING
 RETURNING group_id, user_id, create_at, 0
""")


async def add_members(db: Db, group_id: str, user_ids: Sequence[str], now: int) -> list[GroupMember]:
    """Put people into a group; those who were not in it before. Nobody when it would have too many."""
    return [
        GroupMember(group_id=row[0], user_id=row[1], create_at=row[2])
        for row in await db.rows(ADD_MEMBERS, group_id, user_ids, now)
    ]


REMOVE_MEMBERS = SQL("""
    DELETE FROM group_members WHERE group_id = $1 AND user_id = ANY($2) RETURNING group_id, user_id, create_at
""")


async def remove_members(db: Db, group_id: str, user_ids: Sequence[str], now: int) -> list[GroupMember]:
    """Take people out of a group; those who were in it."""
    return [
        GroupMember(group_id=row[0], user_id=row[1], create_at=row[2], delete_at=now)
        for row in await db.rows(REMOVE_MEMBERS, group_id, user_ids)
    ]


EXISTING = SQL("SELECT count(*) FROM users WHERE id = ANY($1) AND delete_at = 0")


async def count_existing(db: Db, user_ids: Sequence[str]) -> int:
    """How many of these people there are."""
    return int(await db.value(EXISTING, user_ids))


MEMBERS = SQL(f"""
    SELECT {USER_COLUMNS_U}, 0
      FROM group_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.group_id = $1 AND u.delete_at = 0 AND ($2::text[] IS NULL OR u.id = ANY($2))
  ORDER BY u.username
     LIMIT $3 OFFSET $4
""")


async def members(db: Db, group_id: str, restricted: Sequence[str] | None, page: int, per_page: int) -> list[User]:
    """A page of a group's members by name, of them only the `restricted`."""
    return await db.many(User, MEMBERS, group_id, restricted, per_page, page * per_page)


COUNTS = SQL("""
    SELECT m.group_id, count(*)
      FROM group_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.group_id = ANY($1) AND u.delete_at = 0 AND ($2::text[] IS NULL OR u.id = ANY($2))
  GROUP BY m.group_id
""")


async def member_counts(db: Db, ids: Sequence[str], restricted: Sequence[str] | None = None) -> dict[str, int]:
    """How many members groups have."""
    return {row[0]: row[1] for row in await db.rows(COUNTS, ids, restricted)}


MEMBER_IDS = SQL("""
    SELECT m.group_id, array_agg(m.user_id ORDER BY m.user_id)
      FROM group_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.group_id = ANY($1) AND u.delete_at = 0 AND ($2::text[] IS NULL OR u.id = ANY($2))
  GROUP BY m.group_id
""")


async def member_ids(db: Db, ids: Sequence[str], restricted: Sequence[str] | None) -> dict[str, list[str]]:
    """The members of groups, of them only the `restricted`."""
    return {row[0]: row[1] for row in await db.rows(MEMBER_IDS, ids, restricted)}


COUNTS_IN_CHANNEL = SQL("""
    SELECT g.group_id, count(*),
           CASE WHEN $2 THEN count(DISTINCT coalesce(nullif(
               CASE WHEN u.timezone ->> 'useAutomaticTimezone' = 'false' THEN u.timezone ->> 'manualTimezone'
                    ELSE u.timezone ->> 'automaticTimezone' END, ''), 'UTC')) ELSE 0 END
      FROM channel_members m
      JOIN group_members g ON g.user_id = m.user_id
      JOIN groups ON groups.id = g.group_id AND groups.delete_at = 0 AND groups.allow_reference
      JOIN users u ON u.id = m.user_id
     WHERE m.channel_id = $1 AND u.delete_at = 0
  GROUP BY g.group_id
  ORDER BY g.group_id
""")


async def counts_in_channel(db: Db, channel_id: str, timezones: bool) -> list[ChannelMemberCountByGroup]:
    """How many members of a channel each group that can be called has, and in how many time zones."""
    return [
        ChannelMemberCountByGroup(group_id=row[0], channel_member_count=row[1], channel_member_timezones_count=row[2])
        for row in await db.rows(COUNTS_IN_CHANNEL, channel_id, timezones)
    ]
