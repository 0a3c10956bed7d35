"""The table `channels`: single rows and their changes."""

from collections.abc import Sequence

from server.db import SQL, Db, columns
from server.features.channels.models import NOT_COLUMNS, Channel

CHANNEL_COLUMNS = columns(Channel, "c", leave=NOT_COLUMNS)

CHANNEL_BY_ID = SQL(f"SELECT {CHANNEL_COLUMNS} FROM channels c WHERE c.id = $1")

CHANNEL_BY_NAME = SQL(f"""
    SELECT {CHANNEL_COLUMNS}
      FROM channels c
     WHERE c.team_id IN ($1, '') AND c.name = $2 AND (c.delete_at = 0 OR $3)
  ORDER BY c.team_id DESC
     LIMIT 1
""")

TEAM_BY_NAME = SQL("SELECT id FROM teams WHERE name = $1 AND delete_at = 0")

LOCK_CHANNEL = SQL(f"SELECT {CHANNEL_COLUMNS} FROM channels c WHERE c.id = $1 FOR NO KEY UPDATE")

TEAM_DISPLAY_NAME = SQL("SELECT display_name FROM teams WHERE id = $1")

# One who makes or renames a channel of a team at a time: so names and the limit can be looked at before the write.
LOCK_TEAM = SQL("SELECT id FROM teams WHERE id = $1 AND delete_at = 0 FOR NO KEY UPDATE")

LIVE_COUNT = SQL("SELECT count(*) FROM channels WHERE team_id = $1 AND type IN ('O', 'P') AND delete_at = 0")

NAME_TAKEN = SQL("SELECT EXISTS (SELECT FROM channels WHERE team_id = $1 AND name = $2 AND id <> $3)")

INSERT_CHANNEL = SQL(f"""
    INSERT INTO channels AS c (id, create_at, update_at, team_id, type, display_name, name, header, purpose, creator_id,
                               props, group_constrained, banner_info, default_category_name)
    VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (team_id, name) DO NOTHING
 RETURNING {CHANNEL_COLUMNS}
""")

SET_PROPERTIES = SQL(f"""
    UPDATE channels c
       SET name = $2, display_name = $3, header = $4, purpose = $5, group_constrained = $6, banner_info = $7,
           default_category_name = $8, props = $9, update_at = $10
     WHERE c.id = $1
 RETURNING {CHANNEL_COLUMNS}
""")

SET_TYPE = SQL(f"UPDATE channels c SET type = $2, update_at = $3 WHERE c.id = $1 RETURNING {CHANNEL_COLUMNS}")

SET_DELETE_AT = SQL(f"UPDATE channels c SET delete_at = $2, update_at = $3 WHERE c.id = $1 RETURNING {CHANNEL_COLUMNS}")

SET_TEAM = SQL(f"UPDATE channels c SET team_id = $2, update_at = $3 WHERE c.id = $1 RETURNING {CHANNEL_COLUMNS}")

GROUP_TO_PRIVATE = SQL(f"""
    UPDATE channels c
       SET type = 'P', team_id = $2, name = $3, display_name = $4, update_at = $5
     WHERE c.id = $1
 RETURNING {CHANNEL_COLUMNS}
""")

PUBLIC_NAMES = SQL("""
    SELECT c.name, c.display_name, t.name
      FROM channels c
      JOIN teams t ON t.id = c.team_id
     WHERE c.team_id = $1 AND c.name = ANY($2) AND c.type = 'O' AND c.delete_at = 0
""")

PUBLIC_IDS = SQL("""
    SELECT name, id
      FROM channels
     WHERE team_id = $1 AND name = ANY($2) AND type = 'O' AND delete_at = 0
""")

_CONTENTS = """
           (SELECT count(*) FROM posts WHERE channel_id = $1 AND is_pinned AND delete_at = 0),
           (SELECT count(*) FROM files WHERE channel_id = $1 AND delete_at = 0 AND post_id <> '')"""

CONTENT_COUNTS = SQL(f"SELECT {_CONTENTS}")

COUNTS_OF = SQL(f"""
    SELECT count(*), count(*) FILTER (WHERE m.scheme_guest), {_CONTENTS}
      FROM channel_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.channel_id = $1 AND u.delete_at = 0
""")


async def channel_by_id(db: Db, channel_id: str) -> Channel | None:
    """A channel, archived ones too."""
    return await db.one(Channel, CHANNEL_BY_ID, channel_id)


async def channel_by_name(db: Db, team_id: str, name: str, include_deleted: bool) -> Channel | None:
    """A channel of a team by its name, or a direct or group one. Index: channels_name_idx."""
    return await db.one(Channel, CHANNEL_BY_NAME, team_id, name, include_deleted)


async def team_by_name(db: Db, name: str) -> str | None:
    """The id of a live team. Index: teams_name_idx."""
    found: str | None = await db.value(TEAM_BY_NAME, name)
    return found


async def team_display_name(db: Db, team_id: str) -> str:
    """What people call a team; "" for none."""
    return str(await db.value(TEAM_DISPLAY_NAME, team_id) or "")


async def lock_channel(db: Db, channel_id: str) -> Channel | None:
    """A channel, kept from other changes until the transaction ends."""
    return await db.one(Channel, LOCK_CHANNEL, channel_id)


async def lock_team(db: Db, team_id: str) -> bool:
    """Keep others from making or renaming channels of a team until the transaction ends; False without such a team."""
    return await db.value(LOCK_TEAM, team_id) is not None


async def live_count(db: Db, team_id: str) -> int:
    """How many public and private channels a team has, without archived ones. Index: channels_team_idx."""
    return int(await db.value(LIVE_COUNT, team_id))


async def name_taken(db: Db, team_id: str, name: str, except_id: str) -> bool:
    """Whether another channel of the team has the name, archived or not. Index: channels_name_idx."""
    return bool(await db.value(NAME_TAKEN, team_id, name, except_id))


async def insert_channel(db: Db, channel: Channel) -> Channel | None:
    """Store a new channel; None when its team has one of that name."""
    return await db.one(
        Channel,
        INSERT_CHANNEL,
        channel.id,
        channel.create_at,
        channel.team_id,
        channel.type,
        channel.display_name,
        channel.name,
        channel.header,
        channel.purpose,
        channel.creator_id,
        channel.props,
        channel.group_constrained,
        channel.banner_info,
        channel.default_category_name,
    )


async def set_properties(db: Db, channel: Channel, now: int) -> Channel | None:
    """Store what people may change of a channel."""
    return await db.one(
        Channel,
        SET_PROPERTIES,
        channel.id,
        channel.name,
        channel.display_name,
        channel.header,
        channel.purpose,
        channel.group_constrained,
        channel.banner_info,
        channel.default_category_name,
        channel.props,
        now,
    )


async def set_type(db: Db, channel_id: str, type: str, now: int) -> Channel | None:
    """Make a channel public or private."""
    return await db.one(Channel, SET_TYPE, channel_id, type, now)


async def set_delete_at(db: Db, channel_id: str, delete_at: int, now: int) -> Channel | None:
    """Archive a channel, or with 0 restore it."""
    return await db.one(Channel, SET_DELETE_AT, channel_id, delete_at, now)


async def set_team(db: Db, channel_id: str, team_id: str, now: int) -> Channel | None:
    """Move a channel into another team."""
    return await db.one(Channel, SET_TEAM, channel_id, team_id, now)


async def group_to_private(
    db: Db, channel_id: str, team_id: str, name: str, display_name: str, now: int
) -> Channel | None:
    """Turn a group channel into a private one of a team."""
    return await db.one(Channel, GROUP_TO_PRIVATE, channel_id, team_id, name, display_name, now)


async def public_names(db: Db, team_id: str, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The display names, and that of the team, of its public channels of these names. Index: channels_name_idx."""
    return {row[0]: (row[1], row[2]) for row in await db.rows(PUBLIC_NAMES, team_id, names)}


async def public_ids(db: Db, team_id: str, names: Sequence[str]) -> dict[str, str]:
    """The ids of those live public channels of a team that have these names, by name. Index: channels_name_idx."""
    return {row[0]: row[1] for row in await db.rows(PUBLIC_IDS, team_id, names)}


async def content_counts(db: Db, channel_id: str) -> tuple[int, int]:
    """How many posts of a channel are pinned, and how many files its posts have.

    Indexes: posts_pinned_idx, files_channel_idx.
    """
    pinned, files = await db.row(CONTENT_COUNTS, channel_id) or (0, 0)
    return pinned, files


async def counts_of(db: Db, channel_id: str) -> tuple[int, int, int, int]:
    """How many active members a channel has, guests among them, pinned posts, and files.

    Indexes: channel_members_pkey, posts_pinned_idx, files_channel_idx.
    """
    members, guests, pinned, files = await db.row(COUNTS_OF, channel_id) or (0, 0, 0, 0)
    return members, guests, pinned, files
