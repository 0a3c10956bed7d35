"""The upgrade of an HTTP request to a WebSocket: who may, and with which wishes."""

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from server.errors import ApiError, BadRequest, Busy, Forbidden, NotFound
from server.gateway.frames import DEFLATE, JSON, MSGPACK
from server.ids import is_id, new_id

PATH = "/api/v4/websocket"
MAX_HEAD = 16_384
"""Bytes of request line and headers."""

_CLIENT_CODES = frozenset((*range(1000, 1017), 4000, 4001))


class Wishes(Struct, frozen=True):
    """What a client asked for when it connected."""

    token: str = ""
    connection_id: str = ""
    sequence_number: int = -1
    codec: int = JSON
    closed_by: int = 0
    """Why its last connection ended, by its own account; 0 when it doesn't say."""

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


def refusal(error: ApiError) -> Response:
    """The HTTP answer to an upgrade that is refused."""
    request_id = new_id()
    body = msgspec.json.encode(error_body(error, request_id))
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "X-Request-Id": request_id,
            "Connection": "close",
        }
    )
    return Response(error.status, HTTPStatus(error.status).phrase, headers, body)


def check(request: Request, allowed_origins: str, draining: bool) -> None:
    """Raise the ApiError that refuses this upgrade, if any."""
    if request.path.partition("?")[0] not in (PATH, f"{PATH}/"):
        raise NotFound("api.context.404.app_error")
    origins = request.headers.get_all("Origin")
    hosts = request.headers.get_all("Host")
    if origins and not origin_allowed(origins[0], hosts[0] if hosts else "", allowed_origins):
        raise Forbidden("api.web_socket.connect.check_origin.app_error", "Connections from this origin are refused.")
    if draining:
        raise Busy("api.context.server_busy.app_error")


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


def accept(protocol: ServerProtocol, request: Request) -> Response:
    """The answer to a proper upgrade, or the refusal of one that is not."""
    response = protocol.accept(request)
    return response if response.status_code == 101 else refusal(upgrade_required())


def wishes_of(request: Request, deflate: bool) -> Wishes:
    """What the request asks for in query and headers."""
    try:
        query = parse_qs(request.path.partition("?")[2], max_num_fields=64, errors="replace")
    except ValueError:
        query = {}

    def first(name: str) -> str:
        return query.get(name, [""])[0]

    closed_by = _number(first("disconnect_err_code"))
    codec = MSGPACK if first("format") == "msgpack" else DEFLATE if deflate else JSON
    return Wishes(
        token=_token(request.headers),
        connection_id=first("connection_id"),
        sequence_number=_number(first("sequence_number")),
        codec=codec,
        closed_by=closed_by if closed_by in _CLIENT_CODES else 0,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


def _token(headers: Headers) -> str:
    for value in headers.get_all("Authorization"):
        kind, _, token = value.partition(" ")
        if kind.lower() in ("bearer", "token"):
            return token.strip()
    for value in headers.get_all("Cookie"):
        for pair in value.split(";"):
            name, _, token = pair.strip().partition("=")
            if name == "MMAUTHTOKEN":
                return token.strip('"')
    return ""
