"""Signing in: who someone is, by name or address and password."""

import asyncio
import time

from msgspec.structs import replace

from server.access.limits import LOGIN_FAILURES, check_failures, count_failure
from server.config.people import EmailSection
from server.context import Context
from server.errors import ApiError, BadRequest, Forbidden, NotAvailable, Unauthorized, invalid_body
from server.features.audits.log import AuditLog
from server.features.mfa.codes import check_code
from server.features.sessions import service
from server.features.sessions.models import Login, LoginTypeQuestion, Made, SwitchAccount
from server.features.terms.service import with_terms
from server.features.users import queries
from server.features.users.models import Credentials, User
from server.features.users.password_service import check_credentials, too_many_attempts
from server.features.users.passwords import hash_password, needs_upgrade, verify_password
from server.ids import is_id

LOGIN_ID_MAX = 128
LOGIN = "/users/login"
REFUSED_EVERY = 0.1
"""Seconds: a refusal is answered after this time or a multiple of it, so that the time tells nothing of accounts."""
SERVICES = frozenset({"email", "gitlab", "google", "office365", "openid", "ldap", "saml"})


async def login(ctx: Context, body: Login, props: dict[str, str]) -> tuple[User, Made]:
    """Sign a user in; raises Unauthorized with the same answer for an unknown account and a wrong password.

    Raises TooManyRequests for an address from which too many have failed, to whatever accounts.
    """
    started = time.monotonic()
    await check_failures(ctx, LOGIN_FAILURES)
    try:
        return await _sign_in(ctx, body, props)
    except Unauthorized:
        await count_failure(ctx, LOGIN_FAILURES)
        # What is written of a wrong password takes a moment that an unknown account does not.
        spent = time.monotonic() - started
        await asyncio.sleep(-spent % REFUSED_EVERY)
        raise


async def _sign_in(ctx: Context, body: Login, props: dict[str, str]) -> tuple[User, Made]:
    if not body.password:
        raise BadRequest("api.user.login.blank_pwd.app_error", "A password is needed.")
    if len(body.device_id) > service.DEVICE_ID_MAX:
        raise BadRequest("api.context.invalid_body_param.app_error", name="device_id")
    refusal = _wrong(ctx.config.EmailSettings)
    known = await _find(ctx, body.id, body.login_id)
    if known is None:
        await verify_password(body.password[:72], "")  # as slow as for a known account
        raise refusal
    user = known.user
    _check_kind(user)
    audits: AuditLog = ctx.part(AuditLog)
    try:
        await check_credentials(ctx, known, body.password, refusal=refusal)
        _check_state(ctx, user)
        await check_code(ctx, user, body.token)
    except Unauthorized as error:
        if error.id != too_many_attempts().id:  # of a locked account every guess would be one
            audits.note(ctx, user.id, LOGIN, f"fail {error.id}")
        raise
    if needs_upgrade(known.password):
        await queries.upgrade_password(ctx.db, user.id, known.password, await hash_password(body.password))
    props["is_guest"] = "true" if user.is_guest else "false"
    made = await service.create_session(ctx, user.id, user.roles, device_id=body.device_id, props=props)
    if made is None:
        raise too_many_attempts()
    audits.note(ctx, user.id, LOGIN, "success", session_id=made.id)
    if user.failed_attempts:
        await ctx.tell([f"user:{user.id}"])
    return await with_terms(ctx, replace(user, failed_attempts=0)), made


async def service_of(ctx: Context, asked: LoginTypeQuestion) -> str:
    """By which service an account signs in; "" for a password, for bots and for accounts that are not there."""
    if not asked.id and not asked.login_id:
        raise invalid_body("login_id")
    known = await _find(ctx, asked.id, asked.login_id)
    return known.user.auth_service if known is not None else ""


def switch(ctx: Context, body: SwitchAccount) -> None:
    """Refuse to change how an account signs in: there is no service that would have to prove who it is."""
    current, new = body.current_service.lower(), body.new_service.lower()
    if {current, new} - SERVICES:
        raise invalid_body("current_service" if current not in SERVICES else "new_service")
    if current == new:
        raise invalid_body("new_service")
    if not ctx.config.ServiceSettings.ExperimentalEnableAuthenticationTransfer:
        raise Forbidden("api.user.login_switch.disabled.app_error", "Accounts can't be switched here.")
    kinds = ["email" if each == "email" else "ldap" if each == "ldap" else "oauth" for each in (current, new)]
    raise NotAvailable(
        f"api.user.{kinds[0]}_to_{kinds[1]}.not_available.app_error", "No other service signs anybody in here."
    )


async def _find(ctx: Context, id: str, login_id: str) -> Credentials | None:
    if id:
        return await queries.credentials_by_id(ctx.db, id) if is_id(id) else None
    settings = ctx.config.EmailSettings
    login_id = login_id.strip().lower()
    if not 1 <= len(login_id) <= LOGIN_ID_MAX:
        return None
    return await queries.credentials_by_login(
        ctx.db, login_id, usernames=settings.EnableSignInWithUsername, emails=settings.EnableSignInWithEmail
    )


def _wrong(settings: EmailSection) -> ApiError:
    """What is answered for an unknown account and for a wrong password; its id says what may be typed."""
    usernames, emails = settings.EnableSignInWithUsername, settings.EnableSignInWithEmail
    kind = {(True, True): "email_username", (False, True): "email", (True, False): "username", (False, False): "sso"}
    return Unauthorized(
        f"api.user.login.invalid_credentials_{kind[usernames, emails]}",
        "No account has this name and password.",
    )


def _check_kind(user: User) -> None:
    if user.is_bot:
        raise Unauthorized("api.user.login.bot_login_forbidden.app_error", "Bots sign in with access tokens only.")
    if user.auth_service:
        raise BadRequest(
            "api.user.login.use_auth_service.app_error", f"This account signs in with {user.auth_service}."
        )


def _check_state(ctx: Context, user: User) -> None:
    """After the password, so that only the owner learns of it."""
    if user.delete_at:
        raise Unauthorized("api.user.login.inactive.app_error", "This account has been deactivated.")
    if ctx.config.EmailSettings.RequireEmailVerification and not user.email_verified:
        raise Unauthorized("api.user.login.not_verified.app_error", "The e-mail address has not been verified.")
    if user.is_guest and not ctx.config.GuestAccountsSettings.Enable:
        raise Unauthorized("api.user.login.guest_accounts.disabled.error", "Guests are not let in here.")
