"""Making and ending personal access tokens: one's own, those of one's bots, everybody's for administrators."""

from msgspec.structs import replace

from server.access.grants import check_system, has_system
from server.access.permissions import Permission
from server.access.sessions import hash_token
from server.bus.signals import SessionsEnded
from server.context import Context
from server.errors import BadRequest, NotAvailable, NotFound, forbidden, invalid_body
from server.features.bots.queries import bot_by_id
from server.features.bots.service import refusal_to_manage
from server.features.tokens import queries
from server.features.tokens.models import NewToken, UserAccessToken
from server.features.users.lookup import get_user, no_such_user
from server.features.users.models import SendAccountNews, User
from server.ids import new_id, new_token
from server.notify.mail import is_configured

DESCRIPTION_MAX = 255
DAY = 24 * 3600 * 1000


async def manageable_user(ctx: Context, user_id: str) -> User:
    """A user whose tokens the caller may manage: oneself, a bot of one's own, or anyone for who may edit accounts."""
    user = await get_user(ctx, user_id)
    if user_id != ctx.user_id and not await has_system(ctx, Permission.EDIT_OTHER_USERS):
        bot = await bot_by_id(ctx.db, user_id) if user is not None and user.is_bot else None
        if bot is None or await refusal_to_manage(ctx, bot.owner_id) is not None:
            raise forbidden()
    if user is None:
        raise no_such_user()
    if user_id != ctx.user_id and user.is_admin:
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    return user


async def manageable_token(ctx: Context, token_id: str) -> tuple[UserAccessToken, User]:
    """A token that the caller may manage, and its user; raises NotFound."""
    token = await queries.token_by_id(ctx.db, token_id)
    if token is None:
        raise NotFound("app.user_access_token.get_by_user.app_error", "There is no such token.")
    return token, await manageable_user(ctx, token.user_id)


def _check_enabled(ctx: Context, user: User) -> None:
    if not ctx.config.ServiceSettings.EnableUserAccessTokens and not user.is_bot:
        raise NotAvailable("app.user_access_token.disabled", "Personal access tokens are switched off.")


def _checked_expiry(ctx: Context, user: User, expires_at: int) -> int:
    """An expiry within the longest life that is allowed to people's tokens; 0 is for ever."""
    now = ctx.now()
    if expires_at and not now < expires_at < 1 << 53:
        raise invalid_body("expires_at")
    days = ctx.config.ServiceSettings.MaximumPersonalAccessTokenLifetimeDays
    if days > 0 and not user.is_bot and not 0 < expires_at <= now + days * DAY:
        raise BadRequest(
            "app.user_access_token.expires_at.app_error", f"A token must expire within {days} days.", days=days
        )
    return expires_at


def _check_no_oauth(ctx: Context) -> None:
    """Who got in by a token that an app was granted can't make itself a lasting one of it."""
    if ctx.session is not None and ctx.session.is_oauth:
        raise forbidden()


async def create_token(ctx: Context, user_id: str, new: NewToken) -> UserAccessToken:
    """Make a token; the only answer that holds its secret."""
    _check_no_oauth(ctx)
    user = await manageable_user(ctx, user_id)
    _check_enabled(ctx, user)
    description = new.description.strip()
    if not 1 <= len(description) <= DESCRIPTION_MAX:
        raise invalid_body("description")
    expires_at = _checked_expiry(ctx, user, new.expires_at)
    secret = new_token()
    async with ctx.begin() as tx:
        token = await queries.insert_token(
            tx,
            id=new_id(),
            token_hash=hash_token(secret),
            user_id=user_id,
            description=description,
            now=ctx.now(),
            expires_at=expires_at,
        )
        if token is None:
            raise BadRequest(
                "app.user_access_token.limit.app_error", f"An account has at most {queries.MAX_TOKENS} tokens."
            )
        if not user.is_bot and is_configured(ctx.config.EmailSettings):
            tx.enqueue(SendAccountNews(user_id=user_id, news="token"))
    return replace(token, token=secret)


async def rotate_token(ctx: Context, token_id: str, expires_at: int | None) -> UserAccessToken:
    """Give a token a new secret; who uses the old one is out at once."""
    _check_no_oauth(ctx)
    token, user = await manageable_token(ctx, token_id)
    _check_enabled(ctx, user)
    secret = new_token()
    until = token.expires_at if expires_at is None else _checked_expiry(ctx, user, expires_at)
    rotated = await queries.set_secret(ctx.db, token_id, hash_token(secret), until)
    if rotated is None:
        raise NotFound("app.user_access_token.get_by_user.app_error", "There is no such token.")
    await _tell_ended(ctx, token)
    return replace(rotated, token=secret)


async def enable_token(ctx: Context, token_id: str, enabled: bool) -> None:
    """Switch a token on or off; who uses one that is off is out at once."""
    token, user = await manageable_token(ctx, token_id)
    if enabled:
        _check_no_oauth(ctx)
        _check_enabled(ctx, user)
    await queries.set_active(ctx.db, token_id, enabled)
    if not enabled:
        await _tell_ended(ctx, token)


async def revoke_token(ctx: Context, token_id: str) -> None:
    """End a token for good."""
    token, _ = await manageable_token(ctx, token_id)
    await queries.delete_token(ctx.db, token_id)
    await _tell_ended(ctx, token)


async def _tell_ended(ctx: Context, token: UserAccessToken) -> None:
    await ctx.tell([f"session:{token.id}"], [SessionsEnded(user_id=token.user_id, session_ids=(token.id,))])
