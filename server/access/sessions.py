"""Sessions by their tokens, from the cache when it knows them."""

import hashlib
from functools import lru_cache
from typing import cast

from server.config import Config
from server.context import Context, Services, Session
from server.db import SQL, Db
from server.db.grouped import GroupedReads
from server.errors import session_expired
from server.ids import now_ms

PERSONAL = "UserAccessToken"
"""The prop `type` of sessions that are personal access tokens. Such a session has the id of its token."""

MAX_TOKEN = 256
"""Characters; what is longer is no token of ours."""

PASSWORD_SERVICES = ("", "email", "ldap")
"""Of accounts that sign in here, with a password of this server or of a directory."""

SESSIONS_BY_TOKEN = SQL(f"""
    SELECT s.token_hash,
           s.id, s.user_id, s.create_at, s.expires_at, s.last_activity_at, s.device_id, s.is_oauth, s.props,
           u.roles, u.is_bot, u.mfa_active, u.auth_service
      FROM sessions s
      JOIN users u ON u.id = s.user_id
     WHERE s.token_hash = ANY($1::bytea[]) AND u.delete_at = 0
 UNION ALL
    SELECT t.token_hash,
           t.id, t.user_id, t.create_at, t.expires_at, t.create_at, '', false,
           jsonb_build_object('type', '{PERSONAL}', 'user_access_token_id', t.id,
                              'is_bot', u.is_bot::text, 'is_guest', (u.roles ~ '\\msystem_guest\\M')::text),
           u.roles, u.is_bot, u.mfa_active, u.auth_service
      FROM user_access_tokens t
      JOIN users u ON u.id = t.user_id
     WHERE t.token_hash = ANY($1::bytea[]) AND t.is_active AND u.delete_at = 0
""")


def hash_token(token: str) -> bytes:
    """How tokens are stored: their SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


_hash_of = lru_cache(4096)(hash_token)
"""The same for tokens that are used again and again. They stay in the memory of this process only."""


class SessionReads(GroupedReads[bytes, Session]):
    """Sessions by the hash of their token, as they are stored; a part of every node."""

    def __init__(self, db: Db) -> None:
        async def load(hashes: list[bytes]) -> dict[bytes, Session]:
            return {row[0]: Session(*row[1:]) for row in await db.rows(SESSIONS_BY_TOKEN, hashes)}

        super().__init__(load)


def session_at_hand(services: Services, token: str) -> Session | None:
    """The live session of a token if this node knows it, else None, which says nothing: ask `session_by_token`."""
    if not 1 <= len(token) <= MAX_TOKEN:
        return None
    session = services.cache.peek(("session", _hash_of(token)), Session)
    return session if session is not None and _is_live(services, session) else None


async def session_by_token(services: Services, token: str) -> Session | None:
    """The live session of a token, or None when there is none, it has expired, or its user is deactivated."""
    if not 1 <= len(token) <= MAX_TOKEN:
        return None
    digest = hash_token(token)
    reads = cast(SessionReads, services.extras[SessionReads])

    async def load() -> Session | None:
        return await reads.get(digest)

    session = await services.cache.get(("session", digest), _tags, load)
    return session if session is not None and _is_live(services, session) else None


def _is_live(services: Services, session: Session) -> bool:
    if session.expires_at and session.expires_at <= now_ms():
        return False
    return not is_switched_off(services.config, session)


def is_access_token(session: Session) -> bool:
    """Whether it is a personal access token that was used to get in."""
    return session.props.get("type") == PERSONAL


def is_switched_off(config: Config, session: Session) -> bool:
    """Whether it is a personal access token of a person, where the settings let only bots have them."""
    return not config.ServiceSettings.EnableUserAccessTokens and is_access_token(session) and not session.is_bot


def lacks_factor(config: Config, session: Session) -> bool:
    """Whether the settings ask the session's user for a second factor that there is none of yet.

    Programs are not asked, nor are those who sign in elsewhere, where a factor is asked for or not.
    """
    settings = config.ServiceSettings
    if not (settings.EnforceMultifactorAuthentication and settings.EnableMultifactorAuthentication):
        return False
    if session.mfa_active or session.is_bot or session.is_oauth or is_access_token(session):
        return False
    if session.auth_service not in PASSWORD_SERVICES:
        return False
    guest = "system_guest" in session.roles.split()
    return not guest or config.GuestAccountsSettings.EnforceMultifactorAuthentication


def _tags(session: Session | None) -> tuple[str, ...]:
    return (f"session:{session.id}", f"user:{session.user_id}") if session else ()


def signed_in_session(ctx: Context) -> Session:
    """The caller's session; raises Unauthorized without one."""
    if ctx.session is None:
        raise session_expired()
    return ctx.session
