"""The upgrade of an HTTP request to a WebSocket (RFC 6455, 4.2; RFC 7692, 7): who may, and with which wishes.

The request has been read already when it comes here; a general implementation of the handshake costs more than all the
rest of connecting.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from server.errors import ApiError, BadRequest, Busy, Forbidden, NotFound
from server.gateway.frames import DEFLATE, JSON, MSGPACK
from server.ids import is_id, new_id

PATH = "/api/v4/websocket"
_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DEFLATE = "permessage-deflate"
_DEFLATE_ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_NO_TAKEOVER = ("server_no_context_takeover", "client_no_context_takeover")

_CLIENT_CODES = frozenset((*range(1000, 1017), 4000, 4001))


class Request(Struct, frozen=True):
    """An HTTP request's head."""

    method: str
    target: str
    version: str
    """Of HTTP."""
    headers: Mapping[str, Sequence[str]]
    """By lower-case name."""

    @classmethod
    def of(cls, method: bytes, target: bytes, version: str, fields: Iterable[tuple[bytes, bytes]]) -> Self:
        """The request with these headers; their names are in lower case."""
        headers: dict[str, list[str]] = {}
        for name, value in fields:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip(" \t"))
        return cls(method.decode("latin-1"), target.decode("latin-1"), version, headers)

    def first(self, name: str) -> str:
        """The value of a header, the first of several, "" for none."""
        values = self.headers.get(name)
        return values[0] if values else ""

    def joined(self, name: str) -> str:
        """All values of a header joined by commas, "" for none."""
        return ",".join(self.headers.get(name, ()))

    @property
    def token(self) -> str:
        """The token that it brings in Authorization or as cookie, "" for none."""
        return _token(self)

    def tokens(self, name: str) -> list[str]:
        """The words of a header that is a comma-separated list, in lower case."""
        return [word.strip().lower() for value in self.headers.get(name, ()) for word in value.split(",")]


class Wishes(Struct, frozen=True):
    """What a client asked for when it connected."""

    token: str = ""
    connection_id: str = ""
    sequence_number: int = -1
    codec: int = JSON
    closed_by: int = 0
    """Why its last connection ended, by its own account; 0 when it doesn't say."""
    confirms: bool = False
    """Whether it wants to be asked to confirm posts that its user is to be told of."""

    @property
    def broken(self) -> bool:
        """Whether the resume parameters make no sense, so that the socket is closed at once."""
        return bool(self.connection_id) and (not is_id(self.connection_id) or self.sequence_number < 0)


def upgrade_required() -> BadRequest:
    """What a plain request to the path of the WebSocket is answered."""
    return BadRequest(
        "api.web_socket.connect.upgrade.app_error", "This address is for WebSocket connections: an upgrade is needed."
    )


def error_body(error: ApiError, request_id: str) -> dict[str, object]:
    """An error in API v4's form."""
    return {
        "id": error.id,
        "message": error.message,
        "detailed_error": "",
        "request_id": request_id,
        "status_code": error.status,
    }


def refusal(error: ApiError) -> bytes:
    """The HTTP answer to an upgrade that is refused."""
    request_id = new_id()
    body = msgspec.json.encode(error_body(error, request_id))
    headers = {"Retry-After": "1", **error.headers} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else error.headers
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{told}"
        f"X-Request-Id: {request_id}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def check(request: Request, allowed_origins: str, draining: bool) -> None:
    """Raise the ApiError that refuses this upgrade, if any."""
    if request.target.partition("?")[0] not in (PATH, f"{PATH}/"):
        raise NotFound("api.context.404.app_error")
    proper = (
        request.method == "GET"
        and request.version == "1.1"
        and "upgrade" in request.tokens("connection")
        and request.tokens("upgrade") == ["websocket"]
        and request.headers.get("sec-websocket-version") == ["13"]
        and _good_key(request.headers.get("sec-websocket-key", ()))
    )
    if not proper:
        raise upgrade_required()
    origin, host = request.first("origin"), request.first("host")
    if "origin" in request.headers and not origin_allowed(origin, host, allowed_origins):
        raise Forbidden("api.web_socket.connect.check_origin.app_error", "Connections from this origin are refused.")
    if draining:
        raise Busy("api.context.server_busy.app_error")


def _good_key(keys: Sequence[str]) -> bool:
    try:
        return len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def acceptance(request: Request, deflate: bool) -> bytes:
    """The HTTP answer to an upgrade that is accepted, with permessage-deflate or without."""
    key = request.first("sec-websocket-key").encode("latin-1")
    digest = base64.b64encode(hashlib.sha1(key + _KEY_SUFFIX, usedforsecurity=False).digest()).decode()
    extensions = f"Sec-WebSocket-Extensions: {_DEFLATE_ANSWER}\r\n" if deflate else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {digest}\r\n{extensions}\r\n"
    ).encode()


def offers_deflate(request: Request) -> bool:
    """Whether the client offers permessage-deflate in a form that events encoded once can have.

    A limit on our own window can't be met, for the bytes are shared with clients that have none.
    """
    for offer in request.tokens("sec-websocket-extensions"):
        name, *parameters = [part.strip() for part in offer.split(";")]
        known = all(part in _NO_TAKEOVER or part.partition("=")[0] == "client_max_window_bits" for part in parameters)
        if name == _DEFLATE and known and len(set(parameters)) == len(parameters):
            return True
    return False


def origin_allowed(origin: str, host: str, allowed_origins: str) -> bool:
    """Whether a page of `origin` may connect to `host`: the same host, or one of the allowed (space-separated, *)."""
    allowed = allowed_origins.split()
    if "*" in allowed or origin in allowed:
        return True
    try:
        page, server = urlsplit(origin), urlsplit(f"//{host}")
        port = 443 if page.scheme in ("https", "wss") else 80
        return bool(host) and (page.hostname, page.port or port) == (server.hostname, server.port or port)
    except ValueError:
        return False


def wishes_of(request: Request, deflate: bool) -> Wishes:
    """What the request asks for in query and headers."""
    try:
        query = parse_qs(request.target.partition("?")[2], max_num_fields=64, errors="replace")
    except ValueError:
        query = {}

    def first(name: str) -> str:
        return query.get(name, [""])[0]

    closed_by = _number(first("disconnect_err_code"))
    codec = MSGPACK if first("format") == "msgpack" else DEFLATE if deflate else JSON
    return Wishes(
        token=_token(request),
        connection_id=first("connection_id"),
        sequence_number=_number(first("sequence_number")),
        codec=codec,
        closed_by=closed_by if closed_by in _CLIENT_CODES else 0,
        confirms=first("posted_ack") == "true",
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


def _token(request: Request) -> str:
    for value in request.headers.get("authorization", ()):
        kind, _, token = value.partition(" ")
        if kind.lower() in ("bearer", "token"):
            return token.strip()
    for value in request.headers.get("cookie", ()):
        for pair in value.split(";"):
            name, _, token = pair.strip().partition("=")
            if name == "MMAUTHTOKEN":
                return token.strip('"')
    return ""
