"""Secrets that travel by mail: made, looked at, used once. Only their SHA-256 is stored."""

from typing import Any

from server.access.sessions import hash_token
from server.db import SQL, Db
from server.features.users.models import MailToken
from server.ids import new_token, now_ms

PASSWORD_RECOVERY = "password_recovery"  # noqa: S105 (the kind of a token)
VERIFY_EMAIL = "verify_email"
TEAM_INVITATION = "team_invitation"
GUEST_INVITATION = "guest_invitation"
INVITATIONS = (TEAM_INVITATION, GUEST_INVITATION)

MAIL_TOKENS_FOR = 48 * 3600 * 1000
"""Milliseconds after which no link holds any more, and the row goes."""

INSERT_MAIL_TOKEN = SQL("INSERT INTO mail_tokens (token_hash, create_at, type, extra) VALUES ($1, $2, $3, $4)")


async def insert_mail_token(db: Db, type: str, extra: dict[str, Any]) -> str:
    """Make a secret of a kind, standing for `extra`; this is the only time that it can be read."""
    token = new_token() + new_token()
    await db.run(INSERT_MAIL_TOKEN, hash_token(token), now_ms(), type, extra)
    return token


MAIL_TOKEN = SQL("""
    SELECT type, create_at, extra FROM mail_tokens WHERE token_hash = $1 AND type = $2 AND NOT extra ? 'void'
""")


async def mail_token(db: Db, type: str, token: str) -> MailToken | None:
    """What a secret stands for, or None when there is none, or it was used."""
    return await db.one(MailToken, MAIL_TOKEN, hash_token(token), type)


TAKE_MAIL_TOKEN = SQL("DELETE FROM mail_tokens WHERE token_hash = $1 AND type = $2 AND NOT extra ? 'void'")


async def take_mail_token(db: Db, type: str, token: str) -> bool:
    """Use a secret up; False when somebody else did."""
    return await db.run(TAKE_MAIL_TOKEN, hash_token(token), type) > 0


async def put_mail_token_back(db: Db, token: str, was: MailToken) -> None:
    """Make a secret that was used up useful again, for as long as before."""
    await db.run(INSERT_MAIL_TOKEN, hash_token(token), was.create_at, was.type, was.extra)


# The rows stay: how many mails were sent is counted by them.
VOID_MAIL_TOKENS = SQL("""
    UPDATE mail_tokens SET extra = extra || '{"void": true}' WHERE type = $1 AND extra ->> 'user_id' = $2
""")


async def void_mail_tokens(db: Db, type: str, user_id: str) -> None:
    """Make the links of a kind that were mailed to a user useless. Index: mail_tokens_user_idx."""
    await db.run(VOID_MAIL_TOKENS, type, user_id)


MAILED_LATELY = SQL("""
    SELECT greatest(of_user.hourly, to_address.hourly), of_user.lately
      FROM (SELECT count(*) AS hourly, count(*) FILTER (WHERE create_at > $5 AND extra ->> 'email' = $3) AS lately
              FROM mail_tokens
             WHERE type = $1 AND extra ->> 'user_id' = $2 AND create_at > $4) AS of_user,
           (SELECT count(*) AS hourly
              FROM mail_tokens
             WHERE type = $1 AND extra ->> 'email' = $3 AND create_at > $4) AS to_address
""")


async def mailed_lately(db: Db, type: str, user_id: str, email: str, *, since: int, lately: int) -> tuple[int, int]:
    """How many links of a kind a user, or an address, was mailed after a time; and both after a later time.

    Indexes: mail_tokens_user_idx, mail_tokens_email_idx.
    """
    row = await db.row(MAILED_LATELY, type, user_id, email, since, lately)
    return (row[0], row[1]) if row is not None else (0, 0)


MAILED_TO = SQL("""
    SELECT count(*), count(*) FILTER (WHERE create_at > $4 AND extra ->> 'team_id' = $5)
      FROM mail_tokens
     WHERE type = ANY($1) AND extra ->> 'email' = $2 AND create_at > $3
""")


async def invitations_to(db: Db, email: str, team_id: str, *, since: int, lately: int) -> tuple[int, int]:
    """How many invitations an address was mailed after a time, and of these by a team after a later time.

    Index: mail_tokens_email_idx.
    """
    row = await db.row(MAILED_TO, INVITATIONS, email, since, lately, team_id)
    return (row[0], row[1]) if row is not None else (0, 0)


INVITATION = SQL("SELECT type, create_at, extra FROM mail_tokens WHERE token_hash = $1 AND type = ANY($2)")


async def invitation(db: Db, token: str) -> MailToken | None:
    """The invitation that a secret stands for, a member's or a guest's, or None when there is none, or it was used."""
    return await db.one(MailToken, INVITATION, hash_token(token), INVITATIONS)


DELETE_INVITATIONS = SQL("DELETE FROM mail_tokens WHERE type = ANY($1)")


async def delete_invitations(db: Db) -> None:
    """Make all invitations that were mailed useless."""
    await db.run(DELETE_INVITATIONS, INVITATIONS)


HOUR = 3600_000
MOST_OF_A_SENDER = 200
"""Invitations that a sender may have mailed in an hour."""

USE_QUOTA = SQL("""
    INSERT INTO mail_quotas AS q (user_id, hour, sent)
    SELECT $1::text, $2::bigint, $3::integer WHERE $3::integer <= $4
        ON CONFLICT (user_id) DO UPDATE
       SET hour = excluded.hour,
           sent = CASE WHEN q.hour = excluded.hour THEN q.sent ELSE 0 END + excluded.sent
     WHERE q.hour <> excluded.hour OR q.sent + excluded.sent <= $4
""")


async def use_quota(db: Db, user_id: str, count: int, now: int) -> bool:
    """Count invitations of a sender; False, and nothing is counted, when there were too many in this hour."""
    return await db.run(USE_QUOTA, user_id, now // HOUR, count, MOST_OF_A_SENDER) > 0


SWEEP_QUOTAS = SQL("DELETE FROM mail_quotas WHERE hour < $1")


async def sweep_quotas(db: Db) -> None:
    """Forget what was mailed in earlier hours. Index: mail_quotas_hour_idx."""
    await db.run(SWEEP_QUOTAS, now_ms() // HOUR)


SWEEP_MAIL_TOKENS = SQL("DELETE FROM mail_tokens WHERE create_at < $1")


async def sweep_mail_tokens(db: Db) -> None:
    """Forget the links that don't hold any more. Index: mail_tokens_create_at_idx."""
    await db.run(SWEEP_MAIL_TOKENS, now_ms() - MAIL_TOKENS_FOR)
