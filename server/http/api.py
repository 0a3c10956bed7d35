"""The application: finds the route, authenticates, decodes, guards, runs the handler and encodes what it gives."""

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request

from server import metrics
from server.access.addresses import client_ip
from server.access.request_limits import HEALTH, RequestLimits
from server.access.sessions import lacks_factor
from server.context import Context, Services, Session
from server.errors import (
    ApiError,
    HeadersTooLarge,
    Internal,
    NotAvailable,
    NotFound,
    Unauthorized,
    UriTooLong,
    factor_required,
    invalid_body,
    invalid_url,
    session_expired,
)
from server.http.cors import is_preflight
from server.http.exchange import Exchange, too_large
from server.http.heads import Heads
from server.http.params import parse_query
from server.http.reply import NotModified, Reply
from server.http.router import Route, RouteTree
from server.http.sign_in import known_session, session_of, tokens_of
from server.http.streams import send_chunks
from server.ids import new_id

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
_OK = b'{"status":"OK"}'


class MethodNotAllowed(ApiError):
    """405: the path is there, the method is not."""

    status = 405


class Api:
    """Everything below `/`: answers what comes on connections. `after_auth` is told of each authenticated request.

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
        self._heads = Heads(version_id)
        self._limits = limits
        self._after_auth = after_auth

    async def __call__(self, exchange: Exchange) -> None:
        """Answer, or break off; raises nothing."""
        started = time.perf_counter()
        ctx = Context(services=self._services, request_id=new_id())
        route: Route | None = None
        try:
            if exchange.method == "OPTIONS" and is_preflight(ctx.config, exchange):
                await self._send(ctx, exchange, Reply(status=204))
                return
            try:
                self._check_sizes(exchange)
                if ctx.config.RateLimitSettings.Enable and exchange.path not in HEALTH:
                    token = tokens_of(exchange)[1]
                    ctx.reply_headers += await self._limits.admit(exchange.peer, token, exchange.values)
                route, values = self._find(exchange)
                reply = await self._run(ctx, exchange, route, values)
            except ApiError as error:
                if error.status == 413:
                    exchange.keep_alive = False  # the rest of it is nothing to wait for
                reply = _failure(ctx, error)
                error.__traceback__ = None  # its frames may hold the error in turn, and with it all of the request
            except NotModified as fresh:
                reply = Reply(status=304, headers=(("ETag", fresh.etag),))
            except ClientDisconnect:  # in the middle of its body
                reply = _failure(ctx, invalid_body("body"))
            except Exception:
                log.exception("request failed", request_id=ctx.request_id, operation=route.operation if route else "")
                reply = _failure(ctx, Internal("api.context.internal.app_error"))
            await self._send(ctx, exchange, reply)
        except BaseException:
            log.exception("an answer could not be given", request_id=ctx.request_id)
            exchange.break_off()
            return
        _measure(route, reply.status, time.perf_counter() - started)

    def _check_sizes(self, exchange: Exchange) -> None:
        if len(exchange.path) + len(exchange.query) > self._services.config.ServiceSettings.MaximumURLLength:
            raise UriTooLong("api.context.url_too_long.app_error", "The URL is too long.")
        if exchange.is_heavy:
            raise HeadersTooLarge("api.context.headers_too_large.app_error", "The headers are too large.")

    def _find(self, exchange: Exchange) -> tuple[Route, list[str]]:
        found = self._tree.find(_segments(exchange.path))
        if found is None:
            raise NotFound("api.context.404.app_error")
        routes, values = found
        route = routes.get("GET" if exchange.method == "HEAD" else exchange.method)
        if route is None:
            error = MethodNotAllowed("api.context.method_not_allowed.app_error", "There is no such method here.")
            allowed = sorted({*routes, "HEAD"} if "GET" in routes else routes)
            error.headers = {"Allow": ", ".join(allowed)}
            raise error
        return route, values

    async def _run(self, ctx: Context, exchange: Exchange, route: Route, values: list[str]) -> Reply:
        self._note_headers(ctx, exchange)
        ctx.session = known_session(ctx, exchange) or await _session_of(ctx, exchange, route)
        if ctx.session is not None:
            for told in self._after_auth:
                told(ctx)
        if route.feature:
            _check_switched_on(ctx, route)
        arguments = _path_arguments(ctx, route, values)
        if not route.guard.public:
            _check_factor(ctx, route, arguments)
        check = route.guard.check_for(ctx.session)
        if check is not None:
            await check(ctx, arguments)
        if route.queries:
            _add_queries(exchange, route, arguments)
        if route.body is not None:
            raw = await exchange.body(self._body_limit(route))
            if raw or not route.body_optional:
                is_form = route.form_too and exchange.header(b"content-type").lower().startswith(FORM)
                arguments["body"] = route.body.form(raw) if is_form else route.body(raw)
        if route.takes_request:
            arguments["request"] = Request(exchange.scope(), _bounded(exchange, self._body_limit(route)))
        result = await route.handler(ctx, **arguments)
        if isinstance(result, Reply):
            return result
        return Reply(content=_OK if result is None else _encode(result), status=route.status)

    def _note_headers(self, ctx: Context, exchange: Exchange) -> None:
        config, fields = self._services.config, exchange.fields
        ctx.ip = exchange.peer
        if config.ServiceSettings.TrustedProxyIPHeader:
            ctx.ip = client_ip(config, exchange.peer, exchange.values)
        if b"user-agent" in fields:
            ctx.user_agent = exchange.header(b"user-agent")[:512]
        if b"connection-id" in fields:
            ctx.connection_id = exchange.header(b"connection-id")
        if b"if-none-match" in fields:
            ctx.if_none_match = exchange.header(b"if-none-match")

    def _body_limit(self, route: Route) -> int:
        return route.body_limit or self._services.config.ServiceSettings.MaximumPayloadSizeBytes

    async def _send(self, ctx: Context, exchange: Exchange, reply: Reply) -> None:
        lines, content = self._heads(ctx, exchange, reply)
        if not exchange.may_write and not await exchange.can_write():
            return
        if reply.chunks is None:
            exchange.write_whole(reply.status, lines, content)
            return
        exchange.begin(reply.status, lines, reply.length or 0)
        await send_chunks(exchange, reply.chunks)
        if not exchange.answered:
            exchange.break_off()


def _measure(route: Route | None, status: int, seconds: float) -> None:
    if route is None:
        metrics.UNKNOWN_ROUTES.inc()
        return
    times = route.times.get(status)
    if times is None:
        times = route.times[status] = metrics.REQUEST_SECONDS.of(route.operation, str(status))
    times.observe(seconds)


def _failure(ctx: Context, error: ApiError) -> Reply:
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
    if error.status in (429, 503) and "Retry-After" not in error.headers:
        headers.append(("Retry-After", "1"))
    return Reply(content=_encode(body), status=error.status, headers=headers)


def _segments(path: bytes) -> list[str]:
    """The parts of a path. Some clients double a slash: mattermostdriver does when it asks for reactions."""
    try:
        if b"%" in path or b"\0" in path:
            return [_unquoted(part) for part in path.split(b"/") if part] or [""]
        return [part for part in path.decode("utf-8").split("/") if part] or [""]
    except ValueError:
        raise invalid_url("path") from None


def _unquoted(raw: bytes) -> str:
    text = unquote_to_bytes(raw).decode("utf-8")
    if "\0" in text:
        raise ValueError("NUL")
    return text


async def _session_of(ctx: Context, exchange: Exchange, route: Route) -> Session | None:
    """The caller's session. On a public route a token that is no good is the same as none."""
    try:
        return await session_of(ctx, exchange)
    except Unauthorized:
        if not route.guard.public:
            raise
        return None


def _check_switched_on(ctx: Context, route: Route) -> None:
    section, _, key = route.feature.partition(".")
    if not getattr(getattr(ctx.config, section), key):
        raise NotAvailable(route.disabled_id or f"api.{route.area}.disabled.app_error")


def _path_arguments(ctx: Context, route: Route, values: list[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for (name, parse), value in zip(route.path_parsers, values, strict=True):
        if value != "me" or name != "user_id":
            arguments[name] = parse(name, value)
        elif ctx.session is not None:
            arguments[name] = ctx.session.user_id
        elif route.guard.public:
            raise invalid_url(name)
        else:
            raise session_expired()
    return arguments


def _check_factor(ctx: Context, route: Route, arguments: dict[str, Any]) -> None:
    """Refuse users who lack the second factor that the settings ask for, but for what they need to set it up."""
    session = ctx.session
    if session is None or not lacks_factor(ctx.config, session):
        return
    if not route.without_factor or arguments.get("user_id", session.user_id) != session.user_id:
        raise factor_required()


def _add_queries(exchange: Exchange, route: Route, arguments: dict[str, Any]) -> None:
    fields = parse_query(exchange.query)
    for query in route.queries:
        text = fields.get(query.name)
        value = None if text is None else query.parse(query.name, text)
        if value is None:
            if query.default is ...:
                raise invalid_body(query.name)
            value = query.default
        arguments[query.name] = value


def _bounded(exchange: Exchange, limit: int) -> Receive:
    exchange.check_length(limit)
    left = limit

    async def receive() -> MutableMapping[str, Any]:
        nonlocal left
        message = await exchange.receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_large()
        return message

    return receive
