"""Pages of other origins that may use the API in a browser: those that ServiceSettings.AllowCorsFrom names."""

import re

from server.config import Config
from server.http.exchange import Exchange

_EXPOSED = ("token", "etag", "x-request-id", "x-version-id")
_NAMES = re.compile(rb"[A-Za-z0-9_, \t-]+")
_ASKED = b"access-control-request-method"
_VARY = b"vary: Origin\r\n"
_ANSWER = (
    b"access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
    b"access-control-max-age: 86400\r\n"
    b"vary: Access-Control-Request-Headers\r\n"
)


def is_preflight(config: Config, exchange: Exchange) -> bool:
    """Whether OPTIONS is the question of a browser if a page, which may do so, may send a request."""
    return _ASKED in exchange.fields and bool(_allowed(config, exchange))


def cors_lines(config: Config, exchange: Exchange) -> bytes:
    """The headers that let a page read an answer, or send what it asks for; none for pages that may not."""
    allowed = _allowed(config, exchange)
    if not allowed:
        return _VARY
    lines = b"access-control-allow-origin: %b\r\n" % allowed
    if allowed != b"*":
        lines += _VARY
        if config.ServiceSettings.CorsAllowCredentials:  # not for any page, in the name of whoever looks at it
            lines += b"access-control-allow-credentials: true\r\n"
    if exchange.method != "OPTIONS":
        exposed = ", ".join([*_EXPOSED, *config.ServiceSettings.CorsExposedHeaders.split()])
        return lines + b"access-control-expose-headers: %b\r\n" % exposed.encode("latin-1", "replace")
    names = exchange.fields.get(b"access-control-request-headers", b"")
    if _NAMES.fullmatch(names):
        lines += b"access-control-allow-headers: %b\r\n" % names
    return lines + _ANSWER


def _allowed(config: Config, exchange: Exchange) -> bytes:
    """The origin of the page that asks, if it may; "*" where all may."""
    allowed = config.ServiceSettings.AllowCorsFrom.split()
    if "*" in allowed:
        return b"*"
    return exchange.fields[b"origin"] if exchange.header(b"origin") in allowed else b""
