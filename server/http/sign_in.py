"""Who asks: the session of a request's token, from its cookie, its Authorization or, of OAuth, its URL."""

import hmac

from server.access.sessions import session_at_hand, session_by_token
from server.context import Context, Session
from server.errors import Unauthorized, session_expired
from server.http.cookies import AUTH_TOKEN, clear_cookies
from server.http.exchange import Exchange
from server.http.params import parse_query

_SAFE = ("GET", "HEAD", "OPTIONS")
_SCHEMES = ("bearer", "token")


def known_session(ctx: Context, exchange: Exchange) -> Session | None:
    """The session of an Authorization that this node knows; None says nothing: ask `session_of`."""
    if b"cookie" in exchange.fields:
        return None
    return session_at_hand(ctx.services, _authorization(exchange))


async def session_of(ctx: Context, exchange: Exchange) -> Session | None:
    """The session of the request's token, None without one; raises Unauthorized for one that is no good."""
    cookie, token = tokens_of(exchange)
    if not token:
        return await _by_url(ctx, exchange) if b"access_token=" in exchange.query else None
    session = session_at_hand(ctx.services, token) or await session_by_token(ctx.services, token)
    if session is None:
        if cookie:
            ctx.reply_headers += clear_cookies(ctx.config)
        raise session_expired()
    if cookie and exchange.method not in _SAFE and not _proves_origin(ctx, exchange, session):
        raise session_expired()
    return session


def tokens_of(exchange: Exchange) -> tuple[str, str]:
    """The token of the request's cookie, and the one that counts: that, or else the one of its Authorization."""
    cookie = _cookie(exchange.header(b"cookie"), AUTH_TOKEN)
    return cookie, cookie or _authorization(exchange)


def _authorization(exchange: Exchange) -> str:
    if b"authorization" not in exchange.fields:
        return ""
    scheme, _, rest = exchange.header(b"authorization").partition(" ")
    return rest.strip() if scheme.lower() in _SCHEMES else ""


async def _by_url(ctx: Context, exchange: Exchange) -> Session:
    token = parse_query(exchange.query).get("access_token", "")
    session = await session_by_token(ctx.services, token)
    if session is None:
        raise session_expired()
    if not session.is_oauth:
        raise Unauthorized("api.context.token_provided.app_error", "A session token does not belong into a URL.")
    return session


def _proves_origin(ctx: Context, exchange: Exchange, session: Session) -> bool:
    """Whether it was a page of ours that sent the cookie, not another one that the browser shows."""
    given = exchange.header(b"x-csrf-token")
    if given:
        return bool(session.csrf) and hmac.compare_digest(given.encode(), session.csrf.encode())
    if ctx.config.ServiceSettings.ExperimentalStrictCSRFEnforcement:
        return False
    return exchange.header(b"x-requested-with") == "XMLHttpRequest"


def _cookie(header: str, name: str) -> str:
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""
