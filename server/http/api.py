"""The ASGI application: finds the route, authenticates, decodes, guards, runs the handler and encodes what it gives."""

import hmac
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request

from server import metrics
from server.access.addresses import client_ip
from server.access.request_limits import HEALTH, RequestLimits
from server.access.sessions import lacks_factor, session_by_token
from server.context import Context, Services, Session
from server.errors import (
    ApiError,
    BadRequest,
    HeadersTooLarge,
    Internal,
    NotAvailable,
    NotFound,
    TooLarge,
    Unauthorized,
    UriTooLong,
    factor_required,
    invalid_body,
    invalid_url,
    session_expired,
)
from server.http.cookies import AUTH_TOKEN, clear_cookies
from server.http.params import parse_query
from server.http.reply import NotModified, Reply
from server.http.router import Route, RouteTree
from server.http.streams import send_chunks
from server.ids import new_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_HEADERS = 32 * 1024
GZIP_FROM = 1400
FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
_OK = b'{"status":"OK"}'
_SAFE = ("GET", "HEAD", "OPTIONS")


class MethodNotAllowed(ApiError):
    """405: the path is there, the method is not."""

    status = 405


class Incoming(msgspec.Struct):
    """One request as far as it has been read."""

    method: str
    headers: dict[bytes, bytes]
    scope: Scope
    receive: Receive

    def header(self, name: bytes) -> str:
        """A header's value, "" when it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def peer(self) -> str:
        """The address that it came from, perhaps a proxy's."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def values(self, name: str) -> str:
        """All values of a header joined by commas, "" when it is not there."""
        wanted = name.encode()
        return ",".join([value.decode("latin-1") for each, value in self.scope["headers"] if each == wanted])


class Api:
    """Everything below `/`, as one ASGI application. `after_auth` is told of each authenticated request.

    `limits` counts requests, if the settings want it.
    """

    def __init__(
        self,
        services: Services,
        tree: RouteTree,
        version_id: Callable[[], str],
        limits: RequestLimits,
        after_auth: Sequence[Callable[[Context], None]] = (),
    ) -> None:
        self._services = services
        self._tree = tree
        self._version_id = version_id
        self._limits = limits
        self._after_auth = after_auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; lifespan and WebSockets are handled elsewhere."""
        if scope["type"] != "http":
            raise RuntimeError(f"unexpected scope {scope['type']}")
        started = time.perf_counter()
        ctx = Context(services=self._services, request_id=new_id())
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request = Incoming(scope["method"], headers, scope, receive)
        route: Route | None = None
        try:
            self._check_sizes(scope)
            if self._services.config.RateLimitSettings.Enable and scope["raw_path"] not in HEALTH:
                token = _tokens(request)[1]
                ctx.reply_headers += await self._limits.admit(request.peer, token, request.values)
            route, values = self._find(request)
            reply = await self._run(ctx, request, route, values)
        except ApiError as error:
            reply = self._failure(ctx, error)
        except NotModified as fresh:
            reply = Reply(status=304, headers=(("ETag", fresh.etag),))
        except ClientDisconnect:  # in the middle of its body
            reply = self._failure(ctx, invalid_body("body"))
        except Exception:
            log.exception("request failed", request_id=ctx.request_id, operation=route.operation if route else "")
            reply = self._failure(ctx, Internal("api.context.internal.app_error"))
        await self._send(ctx, request, reply, send)
        self._measure(route, reply.status, time.perf_counter() - started)

    def _measure(self, route: Route | None, status: int, seconds: float) -> None:
        if route is None:
            metrics.UNKNOWN_ROUTES.inc()
            return
        child = route.metrics.get(status)
        if child is None:
            child = route.metrics[status] = metrics.REQUEST_SECONDS.labels(route.operation, str(status))
        child.observe(seconds)

    def _check_sizes(self, scope: Scope) -> None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._services.config.ServiceSettings.MaximumURLLength:
            raise UriTooLong("api.context.url_too_long.app_error", "The URL is too long.")
        if sum([len(name) + len(value) for name, value in scope["headers"]]) > MAX_HEADERS:
            raise HeadersTooLarge("api.context.headers_too_large.app_error", "The headers are too large.")

    def _find(self, request: Incoming) -> tuple[Route, list[str]]:
        raw_path: bytes = request.scope["raw_path"]
        try:
            # Some clients double a slash: mattermostdriver does when it asks for reactions.
            if b"%" in raw_path or b"\0" in raw_path:
                segments = [_segment(part) for part in raw_path.split(b"/") if part]
            else:
                segments = [part for part in raw_path.decode("utf-8").split("/") if part]
        except ValueError:
            raise invalid_url("path") from None
        found = self._tree.find(segments or [""])
        if found is None:
            raise NotFound("api.context.404.app_error")
        routes, values = found
        method = "GET" if request.method == "HEAD" else request.method
        route = routes.get(method)
        if route is None:
            error = MethodNotAllowed("api.context.method_not_allowed.app_error", "There is no such method here.")
            allowed = sorted({*routes, "HEAD"} if "GET" in routes else routes)
            error.headers = {"Allow": ", ".join(allowed)}
            raise error
        return route, values

    async def _run(self, ctx: Context, request: Incoming, route: Route, values: list[str]) -> Reply:
        ctx.connection_id = request.header(b"connection-id")
        ctx.user_agent = request.header(b"user-agent")[:512]
        ctx.if_none_match = request.header(b"if-none-match")
        ctx.ip = self._client_ip(request)
        await self._sign_in(ctx, request, route)
        _check_switched_on(ctx, route)
        arguments: dict[str, Any] = {}
        path: dict[str, str] = {}
        for name, parse, value in zip(route.path_names, route.path_parsers, values, strict=True):
            if value == "me" and name == "user_id" and ctx.session is not None:
                value = ctx.session.user_id
            elif value == "me" and name == "user_id" and not route.guard.public:
                raise session_expired()
            arguments[name] = parse(name, value)
            path[name] = value
        _check_factor(ctx, route, path)
        guard = route.guard
        if guard.check is not None or (ctx.session is None and not guard.public):
            await guard(ctx, path)
        if route.queries:
            self._queries(request, route, arguments)
        if route.body is not None:
            raw = await read_body(request.headers, request.receive, self._body_limit(route))
            if raw or not route.body_optional:
                is_form = route.form_too and request.header(b"content-type").lower().startswith(FORM)
                arguments["body"] = route.body.form(raw) if is_form else route.body(raw)
        if route.takes_request:
            arguments["request"] = Request(request.scope, _bounded(request, self._body_limit(route)))
        return _reply(await route.handler(ctx, **arguments), route.status)

    def _body_limit(self, route: Route) -> int:
        return route.body_limit or self._services.config.ServiceSettings.MaximumPayloadSizeBytes

    async def _sign_in(self, ctx: Context, request: Incoming, route: Route) -> None:
        """Set the session. On a public route a token that is no good is the same as none."""
        try:
            ctx.session = await self._authenticate(request, ctx)
        except Unauthorized:
            if not route.guard.public:
                raise
        if ctx.session is not None:
            for told in self._after_auth:
                told(ctx)

    def _queries(self, request: Incoming, route: Route, arguments: dict[str, Any]) -> None:
        fields = parse_query(request.scope["query_string"])
        for query in route.queries:
            text = fields.get(query.name)
            value = None if text is None else query.parse(query.name, text)
            if value is None:
                if query.default is ...:
                    raise invalid_body(query.name)
                value = query.default
            arguments[query.name] = value

    async def _authenticate(self, request: Incoming, ctx: Context) -> Session | None:
        """The session of the request's token; raises Unauthorized for one that is no good."""
        cookie, token = _tokens(request)
        if not token:
            if b"access_token=" in request.scope["query_string"]:
                return await self._query_token(request)
            return None
        session = await session_by_token(self._services, token)
        if session is None:
            if cookie:
                ctx.reply_headers += clear_cookies(self._services.config)
            raise session_expired()
        if cookie and request.method not in _SAFE and not self._csrf_ok(request, session):
            raise session_expired()
        return session

    async def _query_token(self, request: Incoming) -> Session | None:
        token = parse_query(request.scope["query_string"]).get("access_token", "")
        session = await session_by_token(self._services, token)
        if session is None:
            raise session_expired()
        if not session.is_oauth:
            raise Unauthorized("api.context.token_provided.app_error", "A session token does not belong into a URL.")
        return session

    def _csrf_ok(self, request: Incoming, session: Session) -> bool:
        given = request.header(b"x-csrf-token")
        if given:
            return bool(session.csrf) and hmac.compare_digest(given.encode(), session.csrf.encode())
        if self._services.config.ServiceSettings.ExperimentalStrictCSRFEnforcement:
            return False
        return request.header(b"x-requested-with") == "XMLHttpRequest"

    def _client_ip(self, request: Incoming) -> str:
        config = self._services.config
        if not config.ServiceSettings.TrustedProxyIPHeader:
            return request.peer
        return client_ip(config, request.peer, request.values)

    def _failure(self, ctx: Context, error: ApiError) -> Reply:
        body = {
            "id": error.id,
            "message": error.message,
            "detailed_error": "",
            "request_id": ctx.request_id,
            "status_code": error.status,
        }
        headers = [*error.headers.items()]
        if error.headers:  # what the error tells of a limit is news, what was to be told of another one isn't
            ctx.reply_headers = [each for each in ctx.reply_headers if each[0] not in error.headers]
        if error.status == 413:  # the rest of it is nothing to wait for
            headers.append(("Connection", "close"))
        if error.status in (429, 503) and "Retry-After" not in error.headers:
            headers.append(("Retry-After", "1"))
        return Reply(content=_encode(body), status=error.status, headers=headers)

    async def _send(self, ctx: Context, request: Incoming, reply: Reply, send: Send) -> None:
        content = reply.content
        has_body = reply.status not in (204, 304)
        raw: list[tuple[bytes, bytes]] = [
            (b"x-request-id", ctx.request_id.encode()),
            (b"x-version-id", self._version_id().encode()),
        ]
        if has_body:
            raw.append((b"content-type", reply.media_type.encode()))
        if request.method == "GET":
            raw.append((b"expires", b"0"))
        for name, value in (*ctx.reply_headers, *reply.headers):
            raw.append((name.lower().encode("latin-1"), value.encode("latin-1", "replace")))
        if reply.media_type == "application/json":
            raw.append((b"vary", b"Accept-Encoding"))
            if len(content) >= GZIP_FROM and b"gzip" in request.headers.get(b"accept-encoding", b""):
                content = _gzip(content)
                raw.append((b"content-encoding", b"gzip"))
        if request.scope.get("state", {}).get("closing"):
            raw.append((b"connection", b"close"))
        if b"origin" in request.headers:
            raw += self._cors(request)
        if has_body:
            length = len(content) if reply.length is None else reply.length
            raw.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        if reply.chunks is None:
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else content})
        else:
            await send_chunks(reply.chunks, request.receive, send)

    def _cors(self, request: Incoming) -> list[tuple[bytes, bytes]]:
        allowed = self._services.config.ServiceSettings.AllowCorsFrom
        origin = request.headers.get(b"origin")
        if not allowed or origin is None:
            return []
        if allowed != "*" and origin.decode("latin-1") not in allowed.split():
            return []
        exposed = b"token, etag, x-request-id, x-version-id"
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", exposed)]


def _check_switched_on(ctx: Context, route: Route) -> None:
    if route.feature:
        section, _, key = route.feature.partition(".")
        if not getattr(getattr(ctx.config, section), key):
            raise NotAvailable(route.disabled_id or f"api.{route.area}.disabled.app_error")


def _check_factor(ctx: Context, route: Route, path: Mapping[str, str]) -> None:
    """Refuse users who lack the second factor that the settings ask for, but for what they need to set it up."""
    session = ctx.session
    if session is None or route.guard.public or not lacks_factor(ctx.config, session):
        return
    if not route.without_factor or path.get("user_id", session.user_id) != session.user_id:
        raise factor_required()


def _segment(raw: bytes) -> str:
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    text = raw.decode("utf-8")
    if "\0" in text:
        raise ValueError("NUL")
    return text


def _tokens(request: Incoming) -> tuple[str, str]:
    """The token of the request's cookie, and the one that counts: that, or else the one of its Authorization."""
    cookie = _cookie(request.headers.get(b"cookie"), AUTH_TOKEN)
    if cookie:
        return cookie, cookie
    scheme, _, rest = request.header(b"authorization").partition(" ")
    return "", rest.strip() if scheme.lower() in ("bearer", "token") else ""


def _cookie(header: bytes | None, name: str) -> str:
    if not header:
        return ""
    for part in header.decode("latin-1").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""


async def read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body; raises TooLarge past `limit` bytes, before reading it when its length is known."""
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise _too_large()
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise _too_large()
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("api.context.invalid_body_param.app_error", name="body")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large()
    return b"".join(parts)


def _too_large() -> TooLarge:
    return TooLarge("api.context.request_body_too_large.app_error", "The request body is too large.")


def _bounded(request: Incoming, limit: int) -> Receive:
    length = request.headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise _too_large()
    left = limit

    async def receive() -> MutableMapping[str, Any]:
        nonlocal left
        message = await request.receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large()
        return message

    return receive


def _reply(result: Any, status: int) -> Reply:
    if isinstance(result, Reply):
        return result
    if result is None:
        return Reply(content=_OK, status=status)
    return Reply(content=_encode(result), status=status)


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()
