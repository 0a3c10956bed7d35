"""The addresses of the protocol: the page where people agree, and where programs fetch their tokens."""

import binascii
import re
import secrets
from base64 import b64decode
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from msgspec import Struct
from starlette.requests import Request

from server.access.guards import anyone, signed_in
from server.access.limits import TOKEN_FAILURES, check_failures, count_failure
from server.access.sessions import lacks_factor
from server.context import Context
from server.errors import BadRequest
from server.features.oauth import flow_service
from server.features.oauth.flow_service import Asked, FlowError
from server.features.oauth.models import AuthorizeRequest, Deauthorization, Redirect, TokenRequest
from server.features.oauth.routes import OAUTH
from server.features.users.lookup import get_user
from server.http.reply import Reply
from server.http.router import Router

router = Router("oauth", prefix="")

FORM_LIMIT = 16_384

_encode = msgspec.json.Encoder().encode
_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")
_NOT_STORED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("Referrer-Policy", "no-referrer"))


class Metadata(Struct, kw_only=True):
    """How programs find their way (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    response_types_supported: list[str]
    registration_endpoint: str | msgspec.UnsetType = msgspec.UNSET
    scopes_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]


@router.get("/.well-known/oauth-authorization-server", guard=anyone, **OAUTH)
async def get_authorization_server_metadata(ctx: Context) -> Metadata:
    """How programs find their way: addresses and what is supported (RFC 8414)."""
    site = ctx.config.ServiceSettings.SiteURL.rstrip("/")
    if not site:
        raise BadRequest("api.oauth.authorization_server_metadata.site_url.app_error", "The SiteURL is not set.")
    dynamic = ctx.config.ServiceSettings.EnableDynamicClientRegistration
    return Metadata(
        issuer=site,
        authorization_endpoint=f"{site}/oauth/authorize",
        token_endpoint=f"{site}/oauth/access_token",
        response_types_supported=["code"],
        registration_endpoint=f"{site}/api/v4/oauth/apps/register" if dynamic else msgspec.UNSET,
        scopes_supported=[flow_service.SCOPE],
        grant_types_supported=["authorization_code", "refresh_token"],
        token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic", "none"],
        code_challenge_methods_supported=["S256"],
    )


@router.get("/oauth/authorize", guard=anyone, **OAUTH)
async def get_authorize_page(
    ctx: Context,
    client_id: str = "",
    response_type: str = "",
    redirect_uri: str = "",
    scope: str = "",
    state: str = "",
    code_challenge: str = "",
    code_challenge_method: str = "",
    resource: str = "",
) -> Reply:
    """The page where a person signs in and lets an app in; an app that needs no consent is let in at once."""
    request = AuthorizeRequest(
        client_id=client_id,
        response_type=response_type,
        redirect_uri=redirect_uri,
        scope=scope,
        state=state,
        code_challenge=code_challenge,
        code_challenge_method=code_challenge_method,
        resource=resource,
    )
    try:
        asked = await flow_service.read_request(ctx, request)
        if ctx.session is None:
            return _page(ctx, asked, "login", "")
        if lacks_factor(ctx.config, ctx.session):
            raise FlowError("access_denied", "First set up the second factor that is needed here.")
        if await flow_service.needs_no_consent(ctx, asked):
            return _sent_to(await flow_service.allow(ctx, asked))
    except FlowError as error:
        return _sent_to(error.redirect) if error.redirect else _refusal_page(ctx, error)
    user = await get_user(ctx, ctx.user_id)
    return _page(ctx, asked, "consent", user.username if user is not None else "")


@router.post("/oauth/authorize", guard=signed_in, **OAUTH)
async def authorize(ctx: Context, body: AuthorizeRequest) -> Redirect:
    """Let an app in as the caller; tells where the browser takes the answer."""
    try:
        asked = await flow_service.read_request(ctx, body)
        return Redirect(await flow_service.allow(ctx, asked))
    except FlowError as error:
        raise BadRequest(f"api.oauth.allow_oauth.{error.error}.app_error", error.description) from None


@router.post("/oauth/deauthorize", guard=signed_in, **OAUTH)
async def deauthorize(ctx: Context, body: Deauthorization) -> None:
    """Take back that the caller let an app in; its tokens are dead at once."""
    await flow_service.deauthorize(ctx, body.client_id)


@router.post("/oauth/access_token", guard=anyone, body_limit=FORM_LIMIT, **OAUTH)
async def get_access_token(ctx: Context, request: Request) -> Reply:
    """Exchange a code or a refresh token for tokens; the app proves who it is in the form or by HTTP Basic."""
    await check_failures(ctx, TOKEN_FAILURES)
    try:
        form = _form(await request.body(), request.headers.get("authorization", ""))
        tokens = await flow_service.give_tokens(ctx, form)
    except FlowError as error:
        await count_failure(ctx, TOKEN_FAILURES)
        return _refusal(ctx, error)
    return Reply(content=_encode(tokens), headers=_NOT_STORED)


def _form(raw: bytes, authorization: str) -> TokenRequest:
    bad = FlowError("invalid_request", "The form is malformed.")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise bad from None
    fields = dict(pairs)
    known = {name: value for name, value in fields.items() if name in TokenRequest.__struct_fields__}
    if len(fields) != len(pairs) or any("\0" in value or len(value) > 2048 for value in known.values()):
        raise bad
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = b64decode(rest.strip(), validate=True).decode("ascii").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise bad from None
        known |= {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
    return TokenRequest(**known)


def _refusal(ctx: Context, error: FlowError) -> Reply:
    """A refusal in the words of RFC 6749 and in those of API v4."""
    status = 401 if error.error == "invalid_client" else 400
    body = {
        "error": error.error,
        "error_description": error.description,
        "id": f"api.oauth.get_access_token.{error.error}.app_error",
        "message": error.description,
        "detailed_error": "",
        "request_id": ctx.request_id,
        "status_code": status,
        "is_oauth": True,
    }
    challenge = (("WWW-Authenticate", 'Basic realm="oauth"'),) if status == 401 else ()
    return Reply(content=_encode(body), status=status, headers=(*_NOT_STORED, *challenge))


def _sent_to(address: str) -> Reply:
    return Reply(status=302, media_type="text/plain", headers=(("Location", address), *_NOT_STORED))


@cache
def _template() -> str:
    return Path(__file__).with_name("authorize.html").read_text(encoding="utf-8")


def _page(ctx: Context, asked: Asked, step: str, username: str) -> Reply:
    denied = asked.back(error="access_denied", error_description="The user said no.")
    values = {
        "step": step,
        "app_name": asked.app.name,
        "description": asked.app.description,
        "homepage": asked.app.homepage,
        "username": username,
        "denied": denied,
        "message": "",
    }
    return _html(ctx, values)


def _refusal_page(ctx: Context, error: FlowError) -> Reply:
    names = ("app_name", "description", "homepage", "username", "denied")
    return _html(ctx, {**dict.fromkeys(names, ""), "step": "refused", "message": error.description}, status=400)


def _html(ctx: Context, values: dict[str, str], status: int = 200) -> Reply:
    nonce = secrets.token_urlsafe(16)
    filled = {**values, "site_name": ctx.config.TeamSettings.SiteName, "nonce": nonce}
    page = _PLACE.sub(lambda place: escape(filled[place[1]]), _template())
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        *_NOT_STORED,
        ("Content-Security-Policy", policy),
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Reply(content=page.encode(), status=status, media_type="text/html; charset=utf-8", headers=headers)
