"""The secrets of second factors, in credentials, where they are sealed."""

from server.db import SQL, Db
from server.features.mfa.models import Factor
from server.features.users.models import USER_COLUMNS, User

FACTOR = SQL("SELECT mfa_secret, mfa_pending FROM credentials WHERE user_id = $1")


def _place(user_id: str) -> str:
    """Where a secret stands: the waiting one moves into the other column as it is."""
    return f"credentials.mfa:{user_id}"


async def factor(db: Db, user_id: str) -> Factor:
    """The secrets of an account."""
    secret, pending = await db.row(FACTOR, user_id) or ("", "")
    place = _place(user_id)
    return Factor(db.seals.open(secret, place), db.seals.open(pending, place), secret, pending)


SET_PENDING = SQL("""
    INSERT INTO credentials (user_id, mfa_pending) VALUES ($1, $2)
        ON CONFLICT (user_id) DO UPDATE SET mfa_pending = excluded.mfa_pending
""")


async def set_pending(db: Db, user_id: str, secret: str) -> None:
    """Keep a secret until a code proves it; one that waited before is forgotten."""
    await db.run(SET_PENDING, user_id, db.seals.seal(secret, _place(user_id)))


USE_STEP = SQL("""
    UPDATE credentials SET mfa_used_step = $3
     WHERE user_id = $1 AND mfa_secret = $2 AND mfa_secret <> '' AND mfa_used_step < $3
""")


async def use_step(db: Db, user_id: str, factor: Factor, step: int) -> bool:
    """Use up the code of a step; False when it, or a later one, was used, or the secret is another by now."""
    return await db.run(USE_STEP, user_id, factor.stored_secret, step) > 0


ACTIVATE = SQL(f"""
    WITH proven AS (
        UPDATE credentials SET mfa_secret = mfa_pending, mfa_pending = '', mfa_used_step = $3
         WHERE user_id = $1 AND mfa_pending = $2 AND mfa_pending <> ''
     RETURNING user_id
    )
    UPDATE users SET mfa_active = true, update_at = $4
     WHERE id = (SELECT user_id FROM proven)
 RETURNING {USER_COLUMNS}
""")


async def activate(db: Db, user_id: str, factor: Factor, step: int, now: int) -> User | None:
    """Put the waiting secret to use, its code of `step` being used up; None when it waits no more."""
    return await db.one(User, ACTIVATE, user_id, factor.stored_pending, step, now)


DEACTIVATE = SQL(f"""
    WITH forgotten AS (
        UPDATE credentials SET mfa_secret = '', mfa_pending = '', mfa_used_step = 0 WHERE user_id = $1
    )
    UPDATE users SET mfa_active = false, update_at = $2 WHERE id = $1
 RETURNING {USER_COLUMNS}
""")


async def deactivate(db: Db, user_id: str, now: int) -> User | None:
    """Forget all secrets of an account."""
    return await db.one(User, DEACTIVATE, user_id, now)
