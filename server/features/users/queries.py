"""People by id, name and address, and every change of a row of users."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg

from server.db import SQL, Db
from server.errors import BadRequest
from server.features.users.models import USER_COLUMNS, Credentials, User

USER_BY_ID = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE id = $1")


async def user_by_id(db: Db, id: str) -> User | None:
    """A user, deactivated ones too."""
    return await db.one(User, USER_BY_ID, id)


LOCK_USER = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE id = $1 FOR NO KEY UPDATE")


async def lock_user(db: Db, id: str) -> User | None:
    """A user, held against other changes until the transaction ends."""
    return await db.one(User, LOCK_USER, id)


USERS_BY_IDS = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE id = ANY($1) ORDER BY username")


async def users_by_ids(db: Db, ids: Sequence[str]) -> list[User]:
    """Users by name, deactivated ones too; unknown ids are left out."""
    return await db.many(User, USERS_BY_IDS, ids)


USERS_SINCE = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE id = ANY($1) AND update_at > $2 ORDER BY username")


async def users_since(db: Db, ids: Sequence[str], since: int) -> list[User]:
    """Those of the users that changed after `since`, by name."""
    return await db.many(User, USERS_SINCE, ids, since)


USER_BY_USERNAME = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE username = $1")


async def user_by_username(db: Db, username: str) -> User | None:
    """A user by the exact name, which is lower case. Index: users_username_idx."""
    return await db.one(User, USER_BY_USERNAME, username)


USERS_BY_USERNAMES = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE username = ANY($1) ORDER BY username")


async def users_by_usernames(db: Db, usernames: Sequence[str]) -> list[User]:
    """Users by their exact names. Index: users_username_idx."""
    return await db.many(User, USERS_BY_USERNAMES, usernames)


USER_BY_EMAIL = SQL(f"SELECT {USER_COLUMNS} FROM users WHERE email = $1")


async def user_by_email(db: Db, email: str) -> User | None:
    """A user by the address, which is lower case. Index: users_email_idx."""
    return await db.one(User, USER_BY_EMAIL, email)


CREDENTIALS_OF = """
    SELECT coalesce((SELECT password FROM credentials WHERE user_id = u.id), ''), {columns}
      FROM users u
     WHERE {condition}
"""
CREDENTIALS_BY_ID = SQL(CREDENTIALS_OF.format(columns=USER_COLUMNS, condition="id = $1"))
# A name has no @, so that nobody can take another one's address as name.
CREDENTIALS_BY_LOGIN = SQL(
    CREDENTIALS_OF.format(columns=USER_COLUMNS, condition="username = $1 AND $2 OR email = $1 AND $3") + " LIMIT 1"
)


def _credentials(password: str, *user: object) -> Credentials:
    return Credentials(User(*user), password)  # type: ignore[arg-type]


async def credentials_by_id(db: Db, id: str) -> Credentials | None:
    """A user with the hash of the password."""
    return await db.one(_credentials, CREDENTIALS_BY_ID, id)


async def credentials_by_login(db: Db, login_id: str, *, usernames: bool, emails: bool) -> Credentials | None:
    """A user, by name or address as allowed, with the hash of the password."""
    return await db.one(_credentials, CREDENTIALS_BY_LOGIN, login_id, usernames, emails)


ANY_USER = SQL("SELECT EXISTS (SELECT 1 FROM users WHERE NOT is_bot)")
LOCK_FIRST_USER = SQL("SELECT pg_advisory_xact_lock(7308332182831202)")


async def any_user(db: Db) -> bool:
    """Whether an account was ever made, deactivated ones count."""
    return bool(await db.value(ANY_USER))


async def is_first_user(db: Db) -> bool:
    """Whether the account being made is the very first; sign-ups at the same time wait for each other then."""
    if await any_user(db):
        return False
    await db.rows(LOCK_FIRST_USER)
    return not await any_user(db)


@contextmanager
def _taken_names() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise {
            "users_username_idx": BadRequest(
                "app.user.save.username_exists.app_error", "An account with that username already exists."
            ),
            "users_email_idx": BadRequest(
                "app.user.save.email_exists.app_error", "An account with that e-mail address already exists."
            ),
        }.get(error.constraint_name, BadRequest("app.user.save.existing.app_error")) from error


INSERT_USER = SQL(f"""
    WITH made AS (
        INSERT INTO users (id, create_at, update_at, username, auth_service, email, nickname, first_name, last_name,
                           position, roles, locale, timezone, auth_data, email_verified, allow_marketing, props,
                           notify_props, last_password_update, remote_id)
        VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
     RETURNING {USER_COLUMNS}
    ), secret AS (
        INSERT INTO credentials (user_id, password) SELECT id, $20 FROM made WHERE $20 <> ''
    )
    SELECT {USER_COLUMNS} FROM made
""")


async def insert_user(db: Db, user: User, password: str) -> User:
    """Store a new user and the hash of the password ("" for none); raises BadRequest when name or address is taken."""
    with _taken_names():
        made = await db.one(
            User,
            INSERT_USER,
            user.id,
            user.create_at,
            user.username,
            user.auth_service,
            user.email,
            user.nickname,
            user.first_name,
            user.last_name,
            user.position,
            user.roles,
            user.locale,
            user.timezone,
            user.auth_data,
            user.email_verified,
            user.allow_marketing,
            user.props,
            user.notify_props,
            user.last_password_update,
            user.remote_id,
            password,
        )
    return made or user


UPDATE_USER = SQL(f"""
    UPDATE users
       SET update_at = $2, username = $3, email = $4, email_verified = $5, nickname = $6, first_name = $7,
           last_name = $8, position = $9, locale = $10, timezone = $11, props = $12, notify_props = $13,
           remote_id = $14
     WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def update_user(db: Db, user: User) -> User | None:
    """Store a changed profile; raises BadRequest when name or address is taken."""
    with _taken_names():
        return await db.one(
            User,
            UPDATE_USER,
            user.id,
            user.update_at,
            user.username,
            user.email,
            user.email_verified,
            user.nickname,
            user.first_name,
            user.last_name,
            user.position,
            user.locale,
            user.timezone,
            user.props,
            user.notify_props,
            user.remote_id,
        )


SET_ROLES = SQL(f"UPDATE users SET roles = $2, update_at = $3 WHERE id = $1 RETURNING {USER_COLUMNS}")


async def set_roles(db: Db, id: str, roles: str, now: int) -> User | None:
    """Give a user these roles."""
    return await db.one(User, SET_ROLES, id, roles, now)


SET_DELETE_AT = SQL(f"UPDATE users SET delete_at = $2, update_at = $3 WHERE id = $1 RETURNING {USER_COLUMNS}")


async def set_delete_at(db: Db, id: str, delete_at: int, now: int) -> User | None:
    """Deactivate a user, or activate with 0."""
    return await db.one(User, SET_DELETE_AT, id, delete_at, now)


SET_PICTURE = SQL(f"UPDATE users SET last_picture_update = $2, update_at = $3 WHERE id = $1 RETURNING {USER_COLUMNS}")


async def set_picture(db: Db, id: str, last_picture_update: int, now: int) -> User | None:
    """Say when the picture was uploaded, or, negative, when it was reset to the default."""
    return await db.one(User, SET_PICTURE, id, last_picture_update, now)


SET_EMAIL_VERIFIED = SQL(f"""
    UPDATE users SET email = $2, email_verified = true, update_at = $3 WHERE id = $1 RETURNING {USER_COLUMNS}
""")


async def set_email_verified(db: Db, id: str, email: str, now: int) -> User | None:
    """Store a verified address; raises BadRequest when it is taken."""
    with _taken_names():
        return await db.one(User, SET_EMAIL_VERIFIED, id, email, now)


SET_PASSWORD = SQL(f"""
    WITH secret AS (
        INSERT INTO credentials (user_id, password) VALUES ($1, $2)
            ON CONFLICT (user_id) DO UPDATE SET password = excluded.password
    )
    UPDATE users
       SET last_password_update = $3, update_at = $3, failed_attempts = 0
     WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def set_password(db: Db, id: str, password: str, now: int) -> User | None:
    """Store the hash of a new password and unlock the account."""
    return await db.one(User, SET_PASSWORD, id, password, now)


UPGRADE_PASSWORD = SQL("UPDATE credentials SET password = $3 WHERE user_id = $1 AND password = $2")


async def upgrade_password(db: Db, id: str, old: str, new: str) -> None:
    """Replace the hash of the same password by a better one, unless it has been changed meanwhile."""
    await db.run(UPGRADE_PASSWORD, id, old, new)


COUNT_FAILURE = SQL("UPDATE users SET failed_attempts = failed_attempts + 1 WHERE id = $1 AND failed_attempts < $2")


async def count_failure(db: Db, id: str, limit: int) -> bool:
    """Count a wrong password, up to `limit`; whether it was counted."""
    return await db.run(COUNT_FAILURE, id, limit) > 0


DELETE_USER = SQL("DELETE FROM users WHERE id = $1")


async def delete_user(db: Db, id: str) -> None:
    """Forget a user with all that hangs on the row: credentials, sessions, memberships, preferences, status."""
    await db.run(DELETE_USER, id)


MERGE_PROPS = SQL(f"""
    UPDATE users
       SET props = (props || $2) - $3::text[], update_at = $4
     WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def merge_props(db: Db, id: str, changed: dict[str, str], removed: Sequence[str], now: int) -> User | None:
    """Set and remove single props of a user."""
    return await db.one(User, MERGE_PROPS, id, changed, removed, now)


CHANNEL_IDS_OF = SQL("SELECT channel_id FROM channel_members WHERE user_id = $1")


async def channel_ids_of(db: Db, id: str) -> list[str]:
    """The channels that a user is in. Index: channel_members_user_idx."""
    return await db.values(CHANNEL_IDS_OF, id)
