"""The headers of answers, as lines."""

import re
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache

from server.config import Config
from server.context import Context
from server.http.cors import cors_lines
from server.http.exchange import Exchange
from server.http.reply import Reply

GZIP_FROM = 1400
JSON = "application/json"
BODILESS = (204, 304)
MOST_CODINGS = 30
"""So many of those that a client accepts are looked at."""
LEAST = 0.001
"""The weight of what a client accepts without naming it."""

_JSON_TYPE = b"content-type: application/json\r\n"
_VARY = b"vary: Accept-Encoding\r\n"
_CODING = re.compile(r"\s*([^\s;]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


class Heads:
    """Makes the headers of answers. `version_id` is what all of them tell clients of the settings in force."""

    def __init__(self, version_id: Callable[[], str]) -> None:
        self._version_id = version_id
        self._settings: Config | None = None
        self._version = b""
        self._cors = False

    def __call__(self, ctx: Context, exchange: Exchange, reply: Reply) -> tuple[bytes, bytes]:
        """The lines, and the content, which is packed for those who take it so. Raises ValueError as `line` does."""
        if ctx.services.config is not self._settings:
            self._settings = ctx.services.config
            self._version = line("X-Version-Id", self._version_id())
            self._cors = bool(self._settings.ServiceSettings.AllowCorsFrom)
        content = reply.content
        lines = b"x-request-id: %b\r\n%b" % (ctx.request_id.encode(), self._version)
        if exchange.method == "GET":
            lines += b"expires: 0\r\n"
        for name, value in (*ctx.reply_headers, *reply.headers) if reply.headers else ctx.reply_headers:
            lines += line(name, value)
        if self._cors:
            lines += cors_lines(self._settings, exchange)
        is_json = reply.media_type == JSON
        if is_json:
            lines += _VARY
        if reply.status in BODILESS:
            return lines, b""
        if is_json:
            lines += _JSON_TYPE
            accepted = exchange.fields.get(b"accept-encoding", b"")
            if len(content) >= (_gzip_from(accepted) if b";" in accepted else GZIP_FROM) and b"gzip" in accepted:
                content = _gzip(content)
                lines += b"content-encoding: gzip\r\n"
        else:
            lines += line("Content-Type", reply.media_type)
        return b"%bcontent-length: %d\r\n" % (lines, len(content) if reply.length is None else reply.length), content


def line(name: str, value: str) -> bytes:
    """A header. Raises ValueError for a value with a line break of its own, which would be another header."""
    told = f"{name.lower()}: {value}".encode("latin-1", "replace")
    if b"\n" in told or b"\r" in told or b"\0" in told:
        raise ValueError(f"{name} must be one line")
    return told + b"\r\n"


@lru_cache(64)
def _gzip_from(accepted: bytes) -> int:
    """How long an answer has to be to be packed for those who give weights to the codings that they accept."""
    codings = [_CODING.fullmatch(each) for each in accepted.decode("latin-1").split(",", MOST_CODINGS)[:MOST_CODINGS]]
    weights = {coding[1]: float(coding[2] or 1) for coding in codings if coding}
    gzip = weights.get("gzip", 0)
    plain = weights.get("identity", weights.get("*", LEAST))
    if not gzip or gzip < plain:
        return sys.maxsize
    return GZIP_FROM if plain else 1


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()
