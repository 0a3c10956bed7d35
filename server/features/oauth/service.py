"""Keeping OAuth apps: who may make and change them, and what they may say of themselves."""

import re
from urllib.parse import urlsplit

from server.access.grants import check_system, has_system
from server.access.permissions import Permission
from server.access.sessions import hash_token
from server.context import Context
from server.errors import BadRequest, Forbidden, NotFound, forbidden, invalid_body
from server.features.oauth import queries
from server.features.oauth.models import AppRow, ClientRegistration, NewApp, OAuthApp, RegisteredClient
from server.features.sessions.service import end_app_sessions
from server.ids import is_id, new_token

NAME_MAX, DESCRIPTION_MAX, URL_MAX = 64, 512, 256
CALLBACKS_MAX = 1024
"""Characters of all callback addresses together."""

# What a browser would run or read instead of leaving for it.
_ACTIVE = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_METHODS = ("client_secret_post", "client_secret_basic", "none")


def no_such_app() -> NotFound:
    """404 for an app that is not there."""
    return NotFound("app.oauth.get_app.find.app_error", "There is no such app.")


async def known_app(ctx: Context, app_id: str) -> AppRow:
    """An app; raises NotFound."""
    app = await queries.app_by_id(ctx.db, app_id) if is_id(app_id) else None
    if app is None:
        raise no_such_app()
    return app


async def manageable_app(ctx: Context, app_id: str) -> AppRow:
    """An app of the caller, or anyone's for who manages all; raises NotFound or Forbidden."""
    check_person(ctx)
    app = await known_app(ctx, app_id)
    if app.creator_id != ctx.user_id:
        await check_system(ctx, Permission.MANAGE_SYSTEM_WIDE_OAUTH)
    return app


def check_person(ctx: Context) -> None:
    """Refuse an app that acts for a user: it can't give itself or others more than it was given."""
    if ctx.session is not None and ctx.session.is_oauth:
        raise forbidden()


async def list_apps(ctx: Context, page: int, per_page: int) -> list[OAuthApp]:
    """A page of all apps for who manages all, of one's own for others."""
    everyones = await has_system(ctx, Permission.MANAGE_SYSTEM_WIDE_OAUTH)
    rows = await queries.apps(ctx.db, "" if everyones else ctx.user_id, page, per_page)
    return [row.shown() for row in rows]


async def create_app(ctx: Context, new: NewApp) -> OAuthApp:
    """Register an app; the only answer that holds its secret. Public ones have none."""
    check_person(ctx)
    if new.is_trusted:
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    secret = "" if new.is_public else new_token()
    app = await queries.insert_app(
        ctx.db,
        _checked(new),
        creator_id=ctx.user_id,
        secret_hash=hash_token(secret) if secret else None,
        dynamic=False,
        now=ctx.now(),
    )
    if app is None:
        raise _too_many()
    return app.shown(secret=secret)


async def update_app(ctx: Context, app_id: str, new: NewApp) -> OAuthApp:
    """Replace what an app says of itself; only administrators make one trusted, others leave that as it is."""
    app = await manageable_app(ctx, app_id)
    if new.id and new.id != app_id:
        raise invalid_body("id")
    if new.is_trusted != app.is_trusted and not await has_system(ctx, Permission.MANAGE_SYSTEM):
        new.is_trusted = app.is_trusted
    updated = await queries.update_app(ctx.db, app_id, _checked(new), ctx.now())
    if updated is None:
        raise no_such_app()
    return updated.shown()


async def regenerate_secret(ctx: Context, app_id: str) -> OAuthApp:
    """Give an app a new secret, which is told here and never again; tokens that it has stay good."""
    app = await manageable_app(ctx, app_id)
    if app.is_public:
        raise BadRequest("api.oauth.regenerate_secret.public_client.app_error", "A public client has no secret.")
    secret = new_token()
    updated = await queries.set_secret(ctx.db, app_id, hash_token(secret), ctx.now())
    if updated is None:
        raise no_such_app()
    return updated.shown(secret=secret)


async def delete_app(ctx: Context, app_id: str) -> None:
    """Forget an app; its tokens are dead at once."""
    await manageable_app(ctx, app_id)
    async with ctx.begin() as tx:
        if not await queries.delete_app(tx, app_id):
            raise no_such_app()
        await end_app_sessions(tx, app_id)


async def register_client(ctx: Context, body: ClientRegistration) -> RegisteredClient:
    """Let a program register itself, where the settings allow that and the addresses it wants (RFC 7591)."""
    allowed = ctx.config.ServiceSettings.DCRRedirectURIAllowlist
    method = body.token_endpoint_auth_method
    if method not in _METHODS:
        raise invalid_body("token_endpoint_auth_method")
    if allowed and not all(any(_matches(uri, pattern) for pattern in allowed) for uri in body.redirect_uris):
        raise Forbidden("api.oauth.register_oauth_app.redirect_uri.app_error", "A redirect_uri is not on the list.")
    new = NewApp(
        name=body.client_name.strip()[:NAME_MAX] or "Registered client",
        callback_urls=body.redirect_uris,
        homepage=body.client_uri,
        is_public=method == "none",
    )
    secret = "" if new.is_public else new_token()
    app = await queries.insert_app(
        ctx.db,
        _checked(new, homepage_needed=False),
        creator_id="",
        secret_hash=hash_token(secret) if secret else None,
        dynamic=True,
        now=ctx.now(),
    )
    if app is None:
        raise _too_many()
    return RegisteredClient(
        client_id=app.id,
        client_secret=secret,
        redirect_uris=app.callback_urls,
        token_endpoint_auth_method=method,
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope="user",
        client_name=app.name,
        client_uri=app.homepage,
        client_id_issued_at=app.create_at // 1000,
        client_secret_expires_at=0 if secret else None,
    )


def _too_many() -> BadRequest:
    return BadRequest("app.oauth.save_app.limit.app_error", "There are too many apps.")


def _matches(uri: str, pattern: str) -> bool:
    """Whether an address is what a pattern says, in which * stands for any text within a part of the path."""
    regex = "[^/?#]*".join(re.escape(piece) for piece in pattern.split("*"))
    return re.fullmatch(regex, uri) is not None


def _checked(new: NewApp, *, homepage_needed: bool = True) -> NewApp:
    new.name = new.name.strip()
    if not 1 <= len(new.name) <= NAME_MAX or not new.name.isprintable():
        raise invalid_body("name")
    if len(new.description) > DESCRIPTION_MAX:
        raise invalid_body("description")
    if (new.homepage or homepage_needed) and not _is_web(new.homepage):
        raise invalid_body("homepage")
    if new.icon_url and (not _is_web(new.icon_url) or len(new.icon_url) > DESCRIPTION_MAX):
        raise invalid_body("icon_url")
    new.callback_urls = [url.strip() for url in new.callback_urls]
    fits = len(new.callback_urls) >= 1 and sum(map(len, new.callback_urls)) <= CALLBACKS_MAX
    if not fits or not all(map(_is_callback, new.callback_urls)):
        raise invalid_body("callback_urls")
    return new


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= URL_MAX and _is_plain(url)


def _is_callback(url: str) -> bool:
    """Whether a browser may be sent there: a page, or an app that has a scheme of its own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname) and parts.username is None and not parts.fragment and _is_plain(url)
    good = _SCHEME.fullmatch(parts.scheme) is not None and parts.scheme not in _ACTIVE
    return good and bool(parts.netloc or parts.path) and not parts.fragment and _is_plain(url)


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url and "\\" not in url
