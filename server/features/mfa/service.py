"""Switching second factors on and off."""

from server.access.sessions import PASSWORD_SERVICES
from server.context import Context
from server.errors import BadRequest, NotFound, Unauthorized, forbidden, invalid_body
from server.features.audits.log import record
from server.features.mfa import codes, queries
from server.features.mfa.models import MfaSecret, MfaUpdate
from server.features.users.lookup import no_such_user
from server.features.users.models import SendAccountNews
from server.features.users.news import tell_updated
from server.features.users.queries import credentials_by_login
from server.features.users.service import editable_user


def _check_no_oauth(ctx: Context) -> None:
    """Who got in by a token that an app was granted must not touch how its user signs in."""
    if ctx.session is not None and ctx.session.is_oauth:
        raise forbidden()


async def generate(ctx: Context, user_id: str) -> MfaSecret:
    """Make a secret for a user; it counts from the moment that a code of it comes to `update`."""
    _check_no_oauth(ctx)
    async with ctx.begin() as tx:
        user = await editable_user(ctx, tx, user_id)
        if user.is_bot:
            raise forbidden()
        if user.auth_service not in PASSWORD_SERVICES:
            raise BadRequest(
                "api.user.generate_mfa_qr.email_and_ldap_only.app_error", "This account signs in at another service."
            )
        made = codes.new_secret(ctx.config.TeamSettings.SiteName, user.email)
        await queries.set_pending(tx, user_id, made.secret)
    return made


async def update(ctx: Context, user_id: str, body: MfaUpdate) -> None:
    """Switch the second factor on, proven by a code of the generated secret, or off."""
    _check_no_oauth(ctx)
    if body.activate:
        await _activate(ctx, user_id, body.code.replace(" ", ""))
    else:
        await deactivate(ctx, user_id)


async def _activate(ctx: Context, user_id: str, code: str) -> None:
    if not code:
        raise invalid_body("code")
    async with ctx.begin() as tx:
        user = await editable_user(ctx, tx, user_id)
        if user.auth_service not in PASSWORD_SERVICES:
            raise BadRequest(
                "api.user.activate_mfa.email_and_ldap_only.app_error", "This account signs in at another service."
            )
        factor = await queries.factor(tx, user_id)
        if not factor.pending:
            raise BadRequest("mfa.activate.app_error", "Generate a secret first.")
        step = codes.step_of(factor.pending, code, ctx.now()) if codes.is_code(code) else None
        if step is None:
            raise Unauthorized("mfa.activate.bad_token.app_error", "The code is wrong.")
        active = await queries.activate(tx, user_id, factor, step, ctx.now())
        if active is None:
            raise no_such_user()
        await record(ctx, tx, user_id, f"/users/{user_id}/mfa", "activated")
        tx.enqueue(SendAccountNews(user_id=user_id, news="mfa_on"))
        await tell_updated(ctx, tx, active)


async def deactivate(ctx: Context, user_id: str) -> None:
    """Switch the second factor of a user off; no news when it is off."""
    async with ctx.begin() as tx:
        user = await editable_user(ctx, tx, user_id)
        changed = await queries.deactivate(tx, user_id, ctx.now())
        if changed is None:
            raise no_such_user()
        if not user.mfa_active:
            return
        await record(ctx, tx, user_id, f"/users/{user_id}/mfa", "deactivated")
        tx.enqueue(SendAccountNews(user_id=user_id, news="mfa_off"))
        await tell_updated(ctx, tx, changed)


async def needs_code(ctx: Context, login_id: str) -> bool:
    """Whether who signs in so needs a code; asked by old clients only, where the settings answer them."""
    settings = ctx.config.ServiceSettings
    if settings.DisableLegacyMFA:
        raise NotFound("api.context.404.app_error")
    if not settings.EnableMultifactorAuthentication:
        return False
    signing = ctx.config.EmailSettings
    known = await credentials_by_login(
        ctx.db,
        login_id.strip().lower(),
        usernames=signing.EnableSignInWithUsername,
        emails=signing.EnableSignInWithEmail,
    )
    return known is not None and known.user.mfa_active
