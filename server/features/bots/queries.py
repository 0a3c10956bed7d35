"""Bots by id and by owner, and every change of them."""

import asyncpg

from server.db import SQL, Db
from server.errors import BadRequest
from server.features.bots.models import BOT_COLUMNS, Bot
from server.features.users.models import USER_COLUMNS, User

BOT_BY_ID = SQL(f"SELECT {BOT_COLUMNS} FROM bots b JOIN users u ON u.id = b.user_id WHERE b.user_id = $1")


async def bot_by_id(db: Db, user_id: str) -> Bot | None:
    """A bot, disabled ones too."""
    return await db.one(Bot, BOT_BY_ID, user_id)


LOCK_BOT = SQL(f"""
    SELECT {BOT_COLUMNS} FROM bots b JOIN users u ON u.id = b.user_id WHERE b.user_id = $1 FOR NO KEY UPDATE
""")


async def lock_bot(db: Db, user_id: str) -> Bot | None:
    """A bot, held against other changes until the transaction ends."""
    return await db.one(Bot, LOCK_BOT, user_id)


LIST_BOTS = SQL(f"""
    SELECT {BOT_COLUMNS}
      FROM bots b
      JOIN users u ON u.id = b.user_id
     WHERE ($1 = '' OR b.owner_id = $1)
       AND ($2 OR u.delete_at = 0)
       AND (NOT $3 OR EXISTS (SELECT FROM users o WHERE o.id = b.owner_id AND o.delete_at > 0))
  ORDER BY b.create_at, b.user_id
    OFFSET $4 LIMIT $5
""")


async def list_bots(
    db: Db, *, owner_id: str, include_deleted: bool, only_orphaned: bool, page: int, per_page: int
) -> list[Bot]:
    """A page of bots, the oldest first; `owner_id` "" for those of everybody."""
    return await db.many(Bot, LIST_BOTS, owner_id, include_deleted, only_orphaned, page * per_page, per_page)


LIVE_BOTS_OF = SQL("""
    SELECT b.user_id FROM bots b JOIN users u ON u.id = b.user_id WHERE b.owner_id = $1 AND u.delete_at = 0 ORDER BY 1
""")


async def live_bots_of(db: Db, owner_id: str) -> list[str]:
    """The ids of an owner's bots that are not disabled. Index: bots_owner_idx."""
    return await db.values(LIVE_BOTS_OF, owner_id)


INSERT_BOT = SQL("""
    WITH made AS (
        INSERT INTO users (id, create_at, update_at, username, email, email_verified, first_name, roles, notify_props,
                           locale, timezone, is_bot, bot_description)
        VALUES ($1, $2, $2, $3, $4, true, $5, 'system_user', $6, $7, $8, true, $9)
            ON CONFLICT DO NOTHING
     RETURNING id
    )
    INSERT INTO bots (user_id, owner_id, create_at, update_at) SELECT id, $10, $2, $2 FROM made
""")


async def insert_bot(db: Db, user: User, owner_id: str) -> bool:
    """Store a bot with its user; False when the name is taken."""
    return (
        await db.run(
            INSERT_BOT,
            user.id,
            user.create_at,
            user.username,
            user.email,
            user.first_name,
            user.notify_props,
            user.locale,
            user.timezone,
            user.bot_description,
            owner_id,
        )
        > 0
    )


SET_PROFILE = SQL(f"""
    UPDATE users
       SET username = $2, email = $3, first_name = $4, bot_description = $5, update_at = $6
     WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def set_profile(
    db: Db, user_id: str, *, username: str, email: str, display_name: str, description: str, now: int
) -> User | None:
    """Store what a bot is called; raises BadRequest when the name is taken."""
    try:
        return await db.one(User, SET_PROFILE, user_id, username, email, display_name, description, now)
    except asyncpg.UniqueViolationError as error:
        raise name_taken() from error


def name_taken() -> BadRequest:
    """400 for a name that another account has."""
    return BadRequest("app.user.save.username_exists.app_error", "An account with that username already exists.")


SET_OWNER = SQL("UPDATE bots SET owner_id = $2, update_at = $3 WHERE user_id = $1")


async def set_owner(db: Db, user_id: str, owner_id: str, now: int) -> None:
    """Give a bot to another owner."""
    await db.run(SET_OWNER, user_id, owner_id, now)


SET_ICON = SQL(f"""
    UPDATE users SET bot_last_icon_update = $2, update_at = $3 WHERE id = $1 RETURNING {USER_COLUMNS}
""")


async def set_icon_update(db: Db, user_id: str, last_icon_update: int, now: int) -> User | None:
    """Say when the icon was set, 0 for none."""
    return await db.one(User, SET_ICON, user_id, last_icon_update, now)


MAKE_USER = SQL("""
    WITH gone AS (
        DELETE FROM bots WHERE user_id = $1 RETURNING user_id
    )
    UPDATE users
       SET is_bot = false, bot_description = '', bot_last_icon_update = 0, roles = $2
     WHERE id = (SELECT user_id FROM gone)
""")


async def make_user(db: Db, user_id: str, roles: str) -> bool:
    """Make a bot a person with these roles; False when there is no such bot."""
    return await db.run(MAKE_USER, user_id, roles) > 0


MAKE_BOT = SQL(f"""
    WITH made AS (
        INSERT INTO bots (user_id, owner_id, create_at, update_at) VALUES ($1, $2, $5, $5)
    ), secrets AS (
        DELETE FROM credentials WHERE user_id = $1
    ), links AS (
        DELETE FROM mail_tokens WHERE extra ->> 'user_id' = $1 AND type IN ('password_recovery', 'verify_email')
    )
    UPDATE users
       SET is_bot = true, email = $3, email_verified = true, first_name = $4, last_name = '', nickname = '',
           auth_service = '', auth_data = NULL, mfa_active = false, failed_attempts = 0, update_at = $5
     WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def make_bot(db: Db, user_id: str, *, owner_id: str, email: str, display_name: str, now: int) -> User | None:
    """Make a person a bot, who has no secrets any more; raises BadRequest when the address of the bot is taken."""
    try:
        return await db.one(User, MAKE_BOT, user_id, owner_id, email, display_name, now)
    except asyncpg.UniqueViolationError as error:
        raise name_taken() from error
