"""Passwords: confirming, changing and resetting them, and locking after too many wrong ones."""

from server.access.grants import check_system, has_system
from server.access.limits import ACCOUNT_MAILS, limit_address
from server.access.permissions import Permission
from server.context import Context
from server.errors import ApiError, BadRequest, NotFound, Unauthorized, forbidden, invalid_body
from server.features.audits.log import record
from server.features.sessions.service import revoke_all
from server.features.users import queries, rules, token_queries
from server.features.users.models import Credentials, PasswordChange, PasswordReset, SendAccountNews, SendPasswordReset
from server.features.users.news import tell_updated
from server.features.users.passwords import hash_password, verify_password
from server.ids import new_id

RESET_LIFE = 24 * 3600 * 1000
"""Milliseconds for which the link of a reset mail holds."""


def too_many_attempts() -> Unauthorized:
    """401 for an account that is locked until its password is reset."""
    return Unauthorized(
        "api.user.check_user_login_attempts.too_many.app_error",
        "The account is locked because of too many failed attempts. Please reset the password.",
    )


async def check_credentials(ctx: Context, known: Credentials, password: str, *, refusal: ApiError) -> None:
    """Refuse a wrong password with `refusal` and count it; after too many of them the account is locked."""
    limit = ctx.config.ServiceSettings.MaximumLoginAttempts
    if limit > 0 and known.user.failed_attempts >= limit:
        raise too_many_attempts()
    # One that is too long takes as long, or its quick refusal would tell which accounts there are.
    short = len(password.encode()) <= rules.PASSWORD_MAX
    if await verify_password(password if short else "", known.password if short else ""):
        return
    await count_failure(ctx, known.user.id)
    raise refusal


async def count_failure(ctx: Context, user_id: str) -> None:
    """Count a wrong password or code; after too many of them the account is locked."""
    limit = ctx.config.ServiceSettings.MaximumLoginAttempts
    if limit > 0 and await queries.count_failure(ctx.db, user_id, limit):
        await ctx.tell([f"user:{user_id}"])


async def confirm_password(ctx: Context, user_id: str, password: str, *, refusal: ApiError) -> None:
    """Let a signed-in user prove the password again before a delicate change."""
    known = await queries.credentials_by_id(ctx.db, user_id)
    if known is None:
        raise refusal
    await check_credentials(ctx, known, password, refusal=refusal)


async def update_password(ctx: Context, user_id: str, body: PasswordChange) -> None:
    """Change a password: one's own with the current one, that of others as administrator. Other sessions end."""
    known = await queries.credentials_by_id(ctx.db, user_id)
    if known is None:
        raise NotFound("app.user.missing_account.const", "There is no such account.")
    own = ctx.user_id == user_id
    if own:
        if not body.current_password:
            raise invalid_body("current_password")
    elif not await has_system(ctx, Permission.SYSCONSOLE_WRITE_USER_MANAGEMENT_USERS):
        raise _no_right()
    elif known.user.is_admin:
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    if known.user.is_bot:
        raise forbidden()
    if known.user.auth_service:
        raise BadRequest("api.user.update_password.oauth.app_error", "This account signs in at another service.")
    if own:
        wrong = BadRequest("api.user.update_password.incorrect.app_error", "The current password is not right.")
        await check_credentials(ctx, known, body.current_password, refusal=wrong)
    rules.check_password(body.new_password, ctx.config.PasswordSettings)
    await _set_password(
        ctx, user_id, body.new_password, keep=ctx.session.id if own and ctx.session else "", how="changed"
    )


def _no_right() -> ApiError:
    error = forbidden()
    error.id = "api.user.update_password.context.app_error"
    return error


async def _set_password(ctx: Context, user_id: str, password: str, *, keep: str, how: str) -> None:
    hashed = await hash_password(password)
    async with ctx.begin() as tx:
        user = await queries.set_password(tx, user_id, hashed, ctx.now())
        if user is None:
            raise NotFound("app.user.missing_account.const", "There is no such account.")
        await token_queries.void_mail_tokens(tx, token_queries.PASSWORD_RECOVERY, user_id)
        if ctx.config.ServiceSettings.TerminateSessionsOnPasswordChange:
            await revoke_all(ctx, tx, user_id, except_id=keep)
        tx.enqueue(SendAccountNews(user_id=user_id, news="password"))
        await record(ctx, tx, user_id, f"/users/{user_id}/password", how)
        await tell_updated(ctx, tx, user)


async def send_password_reset(ctx: Context, email: str) -> None:
    """Mail a link to the owner of the address; the answer never tells whether there is one."""
    if not email:
        raise invalid_body("email")
    await limit_address(ctx, ACCOUNT_MAILS)
    user = await queries.user_by_email(ctx.db, email.strip().lower())
    eligible = user is not None and not user.delete_at and not user.auth_service and not user.is_bot
    async with ctx.begin() as tx:
        # For nobody, too: what takes longer for known addresses would tell which these are.
        tx.enqueue(SendPasswordReset(user_id=user.id if user is not None and eligible else new_id()))


async def reset_password(ctx: Context, body: PasswordReset) -> None:
    """Set a new password by the token of a mail; all sessions of the user end."""
    token = body.token or body.code
    if not token:
        raise invalid_body("token")
    link = await token_queries.mail_token(ctx.db, token_queries.PASSWORD_RECOVERY, token)
    if link is None:
        raise BadRequest("api.user.reset_password.invalid_link.app_error", "This link is not valid.")
    if ctx.now() - link.create_at > RESET_LIFE:
        raise BadRequest("api.user.reset_password.link_expired.app_error", "This link is too old, ask for a new one.")
    user = await queries.user_by_id(ctx.db, str(link.extra.get("user_id", "")))
    if user is None or user.delete_at or user.auth_service or user.is_bot or user.email != link.extra.get("email"):
        raise BadRequest("api.user.reset_password.invalid_link.app_error", "This link is not valid.")
    rules.check_password(body.new_password, ctx.config.PasswordSettings)
    # Taken last and only once, so that a refused password leaves the link alive.
    if not await token_queries.take_mail_token(ctx.db, token_queries.PASSWORD_RECOVERY, token):
        raise BadRequest("api.user.reset_password.invalid_link.app_error", "This link is not valid.")
    await _set_password(ctx, user.id, body.new_password, keep="", how="reset by mail")
