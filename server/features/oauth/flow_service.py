"""The flow of OAuth 2: consent becomes a code, a code becomes tokens, and they can be renewed and taken back."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from server.access.sessions import hash_token
from server.context import Context
from server.errors import BadRequest
from server.features.oauth import queries
from server.features.oauth.models import (
    AccessToken,
    AppRow,
    AuthorizeRequest,
    Grant,
    NewGrant,
    TokenRequest,
)
from server.features.oauth.service import check_person
from server.features.sessions.models import Made
from server.features.sessions.service import create_session, end_app_sessions, end_sessions
from server.features.users.lookup import get_user
from server.features.users.models import User
from server.ids import is_id, new_token

CODE, TOKEN = "code", "token"
SCOPE = "user"
"""The one scope there is: all that the user may do."""

CODE_LIFE = 10 * 60 * 1000
REFRESH_LIFE = 180 * 24 * 3600 * 1000
"""For how long, in milliseconds, a code and an unused refresh token are good."""

STATE_MAX, SCOPE_MAX, RESOURCE_MAX = 1024, 512, 512

_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class FlowError(Exception):
    """A refusal in the protocol's words: `error` as in RFC 6749, `description` for people.

    `redirect` is where the browser takes the refusal, "" when the app that asks is not known for sure.
    """

    def __init__(self, error: str, description: str, *, redirect: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.redirect = redirect


class Asked(Struct, frozen=True):
    """A request for consent that may be shown to a person."""

    app: AppRow
    redirect_uri: str
    request: AuthorizeRequest

    def back(self, **values: str) -> str:
        """Where the browser goes with these values, and the state that the app gave."""
        if self.request.state:
            values["state"] = self.request.state
        parts = urlsplit(self.redirect_uri)
        if self.request.response_type == TOKEN:
            return urlunsplit(parts._replace(fragment=urlencode(values)))
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *values.items()])
        return urlunsplit(parts._replace(query=query))

    def refused(self, error: str, description: str) -> FlowError:
        """A refusal that the app hears of."""
        return FlowError(error, description, redirect=self.back(error=error, error_description=description))


async def read_request(ctx: Context, request: AuthorizeRequest) -> Asked:
    """Check what an app asks for; raises FlowError, without a redirect until it is sure whom the answer goes to."""
    app = await queries.app_by_id(ctx.db, request.client_id) if is_id(request.client_id) else None
    if app is None:
        raise FlowError("invalid_request", "There is no such app.")
    redirect_uri = request.redirect_uri
    if not redirect_uri and len(app.callback_urls) == 1:
        redirect_uri = app.callback_urls[0]
    elif not any(_same_callback(redirect_uri, known) for known in app.callback_urls):
        raise FlowError("invalid_request", "The app did not register the address that it wants the answer at.")
    asked = Asked(app, redirect_uri, request)
    if len(request.state) > STATE_MAX or len(request.scope) > SCOPE_MAX or not _is_resource(request.resource):
        raise asked.refused("invalid_request", "A parameter is too long or malformed.")
    if request.response_type not in (CODE, TOKEN):
        raise asked.refused("unsupported_response_type", "The response_type is code or token.")
    _check_challenge(asked)
    return asked


def _same_callback(given: str, known: str) -> bool:
    """Whether an address is a registered one; on the user's own machine any port will do (RFC 8252, 7.3)."""
    if given == known:
        return True
    try:
        one, other = urlsplit(given), urlsplit(known)
        loopback = other.scheme == "http" and other.hostname in _LOOPBACK and one.hostname == other.hostname
        _ = one.port
    except ValueError:
        return False
    same = one._replace(netloc="") == other._replace(netloc="")
    return loopback and same and one.username is None and given.isascii() and given.isprintable()


def _is_resource(resource: str) -> bool:
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    return not resource or (len(resource) <= RESOURCE_MAX and bool(parts.scheme) and not parts.fragment)


def _check_challenge(asked: Asked) -> None:
    request = asked.request
    if request.code_challenge or request.code_challenge_method:
        if request.response_type != CODE:
            raise asked.refused("invalid_request", "A code_challenge belongs to the response_type code.")
        if request.code_challenge_method != "S256" or not _CHALLENGE.fullmatch(request.code_challenge):
            raise asked.refused("invalid_request", "The code_challenge must be one of method S256.")
    elif asked.app.is_public:
        raise asked.refused("invalid_request", "A public client must send a code_challenge.")


async def needs_no_consent(ctx: Context, asked: Asked) -> bool:
    """Whether the caller is not to be asked: the app is trusted, or was let in before and can prove who it is."""
    if asked.app.is_trusted:
        return True
    return not asked.app.is_public and await queries.is_authorized(ctx.db, ctx.user_id, asked.app.id)


async def allow(ctx: Context, asked: Asked) -> str:
    """Let an app in as the caller; where the browser takes the code or, implicitly, the token."""
    check_person(ctx)
    await queries.authorize(ctx.db, ctx.user_id, asked.app.id, SCOPE, ctx.now())
    if asked.request.response_type == TOKEN:
        made = await _session(ctx, asked.app, await _live_user(ctx, ctx.user_id))
        return asked.back(access_token=made.token, token_type="bearer", expires_in=str(made.max_age), scope=SCOPE)  # noqa: S106
    code = new_token()
    grant = NewGrant(
        app_id=asked.app.id,
        user_id=ctx.user_id,
        redirect_uri=asked.request.redirect_uri,
        scope=SCOPE,
        code_challenge=asked.request.code_challenge,
        resource=asked.request.resource,
    )
    now = ctx.now()
    await queries.insert_grant(ctx.db, grant, code_hash=hash_token(code), now=now, expires_at=now + CODE_LIFE)
    return asked.back(code=code)


async def deauthorize(ctx: Context, app_id: str) -> None:
    """Take back that the caller let an app in; its tokens are dead at once."""
    check_person(ctx)
    async with ctx.begin() as tx:
        if not await queries.deauthorize(tx, ctx.user_id, app_id):
            raise BadRequest("api.oauth.deauthorize.not_authorized.app_error", "The app was not let in.")
        await end_app_sessions(tx, app_id, ctx.user_id)


async def give_tokens(ctx: Context, request: TokenRequest) -> AccessToken:
    """Exchange a code or a refresh token for tokens; raises FlowError."""
    app = await _authenticated(ctx, request)
    if request.grant_type == "authorization_code":
        return await _by_code(ctx, app, request)
    if request.grant_type == "refresh_token":
        return await _by_refresh(ctx, app, request)
    raise FlowError("unsupported_grant_type", "The grant_type is authorization_code or refresh_token.")


async def _authenticated(ctx: Context, request: TokenRequest) -> AppRow:
    if not request.client_id:
        raise FlowError("invalid_request", "The client_id is missing.")
    app = await queries.app_by_id(ctx.db, request.client_id) if is_id(request.client_id) else None
    if app is None:
        raise FlowError("invalid_client", "The app is not known, or this is not its secret.")
    if app.secret_hash is None:
        if request.client_secret:
            raise FlowError("invalid_client", "A public client has no secret.")
    elif not hmac.compare_digest(hash_token(request.client_secret), app.secret_hash):
        raise FlowError("invalid_client", "The app is not known, or this is not its secret.")
    return app


def _invalid_grant(kind: str) -> FlowError:
    return FlowError("invalid_grant", f"The {kind} is not good, or no longer.")


async def _by_code(ctx: Context, app: AppRow, request: TokenRequest) -> AccessToken:
    grant = await queries.grant_by_code(ctx.db, hash_token(request.code))
    if grant is None or grant.app_id != app.id:
        raise _invalid_grant("code")
    good = grant.expires_at > ctx.now() and _proves(grant, request)
    if not good or not await queries.use_code(ctx.db, grant.id):
        # Brought twice, or by somebody else: whoever has it, what came of it ends.
        await _end(ctx, grant)
        raise _invalid_grant("code")
    return await _tokens(ctx, app, grant, "code")


async def _end(ctx: Context, grant: Grant) -> None:
    async with ctx.begin() as tx:
        await queries.delete_grant(tx, grant.id)
        await end_sessions(tx, grant.user_id, [grant.session_id])


def _proves(grant: Grant, request: TokenRequest) -> bool:
    """Whether who brings a code is who asked for it."""
    if request.redirect_uri != grant.redirect_uri or (request.resource and request.resource != grant.resource):
        return False
    if not grant.code_challenge:
        return not request.code_verifier
    if not _VERIFIER.fullmatch(request.code_verifier):
        return False
    digest = hashlib.sha256(request.code_verifier.encode()).digest()
    return hmac.compare_digest(urlsafe_b64encode(digest).rstrip(b"=").decode(), grant.code_challenge)


async def _by_refresh(ctx: Context, app: AppRow, request: TokenRequest) -> AccessToken:
    found = await queries.grant_by_refresh(ctx.db, hash_token(request.refresh_token))
    if found is None or found[0].app_id != app.id:
        raise _invalid_grant("refresh_token")
    grant, newest = found
    now = ctx.now()
    was_ended = not grant.alive and not 0 < grant.session_until <= now
    if not newest or was_ended or grant.expires_at <= now:
        await _end(ctx, grant)
        raise _invalid_grant("refresh_token")
    tokens = await _tokens(ctx, app, grant, "refresh_token")
    async with ctx.begin() as tx:
        await end_sessions(tx, grant.user_id, [grant.session_id])
    return tokens


async def _tokens(ctx: Context, app: AppRow, grant: Grant, kind: str) -> AccessToken:
    user = await get_user(ctx, grant.user_id)
    if user is None or user.delete_at or user.last_password_update > max(grant.create_at, _last_use(grant)):
        await _end(ctx, grant)
        raise _invalid_grant(kind)
    made = await _session(ctx, app, user)
    refresh = new_token()
    now = ctx.now()
    noted = await queries.set_tokens(
        ctx.db,
        grant,
        session_id=made.id,
        session_until=now + made.max_age * 1000 if made.max_age else 0,
        refresh_hash=hash_token(refresh),
        expires_at=now + REFRESH_LIFE,
    )
    if not noted:
        async with ctx.begin() as tx:
            await end_sessions(tx, user.id, [made.id])
        raise _invalid_grant(kind)
    return AccessToken(access_token=made.token, expires_in=made.max_age, scope=grant.scope, refresh_token=refresh)


def _last_use(grant: Grant) -> int:
    """When a grant gave tokens last, milliseconds since the epoch."""
    return grant.expires_at - REFRESH_LIFE if grant.session_id else 0


async def _live_user(ctx: Context, user_id: str) -> User:
    user = await get_user(ctx, user_id)
    if user is None or user.delete_at:
        raise FlowError("access_denied", "The account is switched off.")
    return user


async def _session(ctx: Context, app: AppRow, user: User) -> Made:
    props = {
        "platform": app.name,
        "os": "OAuth2",
        "browser": "OAuth2",
        "oauth_app_id": app.id,
        "is_guest": "true" if user.is_guest else "false",
    }
    made = await create_session(ctx, user.id, user.roles, props=props, oauth=True)
    if made is None:
        raise FlowError("access_denied", "The account is switched off.")
    return made
