"""The tables oauth_apps, oauth_authorizations and oauth_grants."""

from server.db import SQL, Db
from server.features.oauth.models import APP_COLUMNS, GRANT_COLUMNS, AppRow, Grant, NewApp, NewGrant
from server.ids import new_id

MAX_APPS = 1000
"""That are registered by people with the right to."""
MAX_DYNAMIC = 1000
"""That registered themselves; those that nobody let in make room after a day."""
MAX_GRANTS = 50
"""Of one user to one app."""

APP_BY_ID = SQL(f"SELECT {APP_COLUMNS} FROM oauth_apps a WHERE a.id = $1")


async def app_by_id(db: Db, id: str) -> AppRow | None:
    """An app."""
    return await db.one(AppRow, APP_BY_ID, id)


APPS = SQL(f"""
    SELECT {APP_COLUMNS}
      FROM oauth_apps a
     WHERE $1 = '' OR a.creator_id = $1
  ORDER BY a.id
    OFFSET $2
     LIMIT $3
""")


async def apps(db: Db, creator_id: str, page: int, per_page: int) -> list[AppRow]:
    """A page of the apps of a creator, of everybody for "". Index: the primary key, or oauth_apps_creator_idx."""
    return await db.many(AppRow, APPS, creator_id, page * per_page, per_page)


AUTHORIZED_APPS = SQL(f"""
    SELECT {APP_COLUMNS}
      FROM oauth_authorizations
      JOIN oauth_apps a ON a.id = oauth_authorizations.app_id
     WHERE user_id = $1
  ORDER BY a.id
    OFFSET $2
     LIMIT $3
""")


async def authorized_apps(db: Db, user_id: str, page: int, per_page: int) -> list[AppRow]:
    """A page of the apps that a user let in. Index: the primary key of oauth_authorizations."""
    return await db.many(AppRow, AUTHORIZED_APPS, user_id, page * per_page, per_page)


INSERT_APP = SQL(f"""
    INSERT INTO oauth_apps AS a (id, creator_id, create_at, update_at, secret_hash, name, description, icon_url,
                                 callback_urls, homepage, is_trusted, is_dynamic)
    SELECT $1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11
     WHERE (SELECT count(*) FROM oauth_apps WHERE is_dynamic = $11) < $12
 RETURNING {APP_COLUMNS}
""")


async def insert_app(
    db: Db, new: NewApp, *, creator_id: str, secret_hash: bytes | None, dynamic: bool, now: int
) -> AppRow | None:
    """Store an app; None when there are too many."""
    return await db.one(
        AppRow,
        INSERT_APP,
        new_id(),
        creator_id,
        now,
        secret_hash,
        new.name,
        new.description,
        new.icon_url,
        new.callback_urls,
        new.homepage,
        new.is_trusted,
        dynamic,
        MAX_DYNAMIC if dynamic else MAX_APPS,
    )


UPDATE_APP = SQL(f"""
    UPDATE oauth_apps a
       SET update_at = $2, name = $3, description = $4, icon_url = $5, callback_urls = $6, homepage = $7,
           is_trusted = $8
     WHERE a.id = $1
 RETURNING {APP_COLUMNS}
""")


async def update_app(db: Db, id: str, new: NewApp, now: int) -> AppRow | None:
    """Replace what an app says of itself."""
    return await db.one(
        AppRow,
        UPDATE_APP,
        id,
        now,
        new.name,
        new.description,
        new.icon_url,
        new.callback_urls,
        new.homepage,
        new.is_trusted,
    )


SET_SECRET = SQL(f"UPDATE oauth_apps a SET secret_hash = $2, update_at = $3 WHERE a.id = $1 RETURNING {APP_COLUMNS}")


async def set_secret(db: Db, id: str, secret_hash: bytes, now: int) -> AppRow | None:
    """Give an app another secret."""
    return await db.one(AppRow, SET_SECRET, id, secret_hash, now)


DELETE_APP = SQL("DELETE FROM oauth_apps WHERE id = $1")


async def delete_app(db: Db, id: str) -> bool:
    """Forget an app, with who let it in; whether there was one."""
    return await db.run(DELETE_APP, id) > 0


AUTHORIZE = SQL("""
    INSERT INTO oauth_authorizations (user_id, app_id, scope, create_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT (user_id, app_id) DO UPDATE SET scope = excluded.scope
""")


async def authorize(db: Db, user_id: str, app_id: str, scope: str, now: int) -> None:
    """Note that a user lets an app in."""
    await db.run(AUTHORIZE, user_id, app_id, scope, now)


IS_AUTHORIZED = SQL("SELECT EXISTS (SELECT FROM oauth_authorizations WHERE user_id = $1 AND app_id = $2)")


async def is_authorized(db: Db, user_id: str, app_id: str) -> bool:
    """Whether a user let an app in before."""
    return bool(await db.value(IS_AUTHORIZED, user_id, app_id))


DEAUTHORIZE = SQL("""
    WITH gone AS (DELETE FROM oauth_grants WHERE user_id = $1 AND app_id = $2)
    DELETE FROM oauth_authorizations WHERE user_id = $1 AND app_id = $2
""")


async def deauthorize(db: Db, user_id: str, app_id: str) -> bool:
    """Forget that a user let an app in, and all that came of it; whether they had."""
    return await db.run(DEAUTHORIZE, user_id, app_id) > 0


INSERT_GRANT = SQL(f"""
    WITH gone AS (
        DELETE FROM oauth_grants
         WHERE id IN (
               SELECT id FROM oauth_grants WHERE user_id = $3 AND app_id = $2
             ORDER BY create_at DESC OFFSET {MAX_GRANTS - 1})
    )
    INSERT INTO oauth_grants (id, app_id, user_id, create_at, expires_at, code_hash, redirect_uri, scope,
                              code_challenge, resource)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
""")


async def insert_grant(db: Db, new: NewGrant, *, code_hash: bytes, now: int, expires_at: int) -> None:
    """Store what was agreed to; the oldest grants make room. Index: oauth_grants_user_idx."""
    await db.run(
        INSERT_GRANT,
        new_id(),
        new.app_id,
        new.user_id,
        now,
        expires_at,
        code_hash,
        new.redirect_uri,
        new.scope,
        new.code_challenge,
        new.resource,
    )


GRANT_BY_CODE = SQL(f"SELECT {GRANT_COLUMNS} FROM oauth_grants g WHERE g.code_hash = $1")


async def grant_by_code(db: Db, code_hash: bytes) -> Grant | None:
    """The grant of a code. Index: oauth_grants_code_idx."""
    return await db.one(Grant, GRANT_BY_CODE, code_hash)


GRANT_BY_REFRESH = SQL(f"""
    SELECT {GRANT_COLUMNS}, g.refresh_hash = $1
      FROM oauth_grants g
     WHERE g.refresh_hash = $1 OR g.replaced_hash = $1
""")


async def grant_by_refresh(db: Db, refresh_hash: bytes) -> tuple[Grant, bool] | None:
    """The grant of a refresh token, and whether it is the newest of that grant. Indexes: both of the hashes."""
    row = await db.row(GRANT_BY_REFRESH, refresh_hash)
    return (Grant(*row[:-1]), bool(row[-1])) if row is not None else None


USE_CODE = SQL("UPDATE oauth_grants SET code_used = true WHERE id = $1 AND NOT code_used")


async def use_code(db: Db, id: str) -> bool:
    """Use the code of a grant; False when it was used before."""
    return await db.run(USE_CODE, id) > 0


SET_TOKENS = SQL("""
    UPDATE oauth_grants
       SET session_id = $2, session_until = $3, replaced_hash = refresh_hash, refresh_hash = $4, expires_at = $5
     WHERE id = $1 AND session_id = $6
""")


async def set_tokens(
    db: Db, grant: Grant, *, session_id: str, session_until: int, refresh_hash: bytes, expires_at: int
) -> bool:
    """Note the tokens that a grant gave; False when it ended meanwhile or gave others."""
    return await db.run(SET_TOKENS, grant.id, session_id, session_until, refresh_hash, expires_at, grant.session_id) > 0


DELETE_GRANT = SQL("DELETE FROM oauth_grants WHERE id = $1")


async def delete_grant(db: Db, id: str) -> None:
    """End a grant."""
    await db.run(DELETE_GRANT, id)


SWEEP = SQL("""
    WITH old_grants AS (
        DELETE FROM oauth_grants
         WHERE id IN (SELECT id FROM oauth_grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000)
    )
    DELETE FROM oauth_apps
     WHERE is_dynamic AND create_at <= $2
       AND NOT EXISTS (SELECT FROM oauth_authorizations WHERE app_id = oauth_apps.id)
""")


async def sweep(db: Db, now: int, unused_since: int) -> None:
    """Forget grants that expired, and apps that registered themselves before a time and were never let in."""
    await db.run(SWEEP, now, unused_since)
