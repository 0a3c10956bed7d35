"""Making bots people and people bots; the account with its messages stays the same."""

from msgspec.structs import replace

from server.context import Context
from server.errors import BadRequest, invalid_body
from server.features.audits.log import record
from server.features.bots import queries
from server.features.bots.models import Bot
from server.features.bots.service import bot_email, no_such_bot
from server.features.sessions.service import revoke_all
from server.features.users import queries as user_queries
from server.features.users import rules
from server.features.users.lookup import no_such_user
from server.features.users.models import SendEmailVerification, User, UserPatch
from server.features.users.news import tell_updated
from server.features.users.passwords import hash_password
from server.features.users.service import changes_of, editable_user

ADMIN = "system_admin"


async def to_user(ctx: Context, bot_id: str, patch: UserPatch, *, admin: bool) -> User:
    """Make a bot a person, who signs in with the password of the patch; tokens of the bot go on working as such."""
    if not isinstance(patch.password, str) or not patch.password:
        raise invalid_body("password")
    rules.check_password(patch.password, ctx.config.PasswordSettings)
    if await queries.bot_by_id(ctx.db, bot_id) is None:
        raise no_such_bot()
    hashed = await hash_password(patch.password)
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, bot_id)
        wanted = rules.tidy(replace(old, **changes_of(patch)), ctx.config.LocalizationSettings.DefaultClientLocale)
        wanted = replace(wanted, email_verified=wanted.email == old.email, update_at=ctx.now())
        rules.check_profile(wanted)
        roles = old.roles.split()
        if admin and ADMIN not in roles:
            roles.append(ADMIN)
        if not await queries.make_user(tx, bot_id, " ".join(roles)):
            raise no_such_bot()
        await user_queries.update_user(tx, wanted)
        user = await user_queries.set_password(tx, bot_id, hashed, ctx.now())
        if user is None:
            raise no_such_bot()
        if not user.email_verified:
            tx.enqueue(SendEmailVerification(user_id=user.id, email=user.email))
        await record(ctx, tx, bot_id, f"/bots/{bot_id}/convert_to_user", f"roles={user.roles}")
        await tell_updated(ctx, tx, user, renamed=True)
    return user


async def to_bot(ctx: Context, user_id: str) -> Bot:
    """Make a person a bot of the caller: whoever signs in as that person is out, and nobody signs in so any more."""
    if user_id == ctx.user_id:
        raise BadRequest("api.user.convert_user_to_bot.self.app_error", "Nobody can become a bot by the own hand.")
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        if old.is_bot or old.is_guest:
            raise BadRequest("api.user.convert_user_to_bot.kind.app_error", "Only members can become bots.")
        display_name = f"{old.first_name} {old.last_name}".strip()[: rules.NAME_MAX]
        user = await queries.make_bot(
            tx, user_id, owner_id=ctx.user_id, email=bot_email(old.username), display_name=display_name, now=ctx.now()
        )
        if user is None:
            raise no_such_user()
        await revoke_all(ctx, tx, user_id)
        await record(ctx, tx, user_id, f"/users/{user_id}/convert_to_bot")
        await tell_updated(ctx, tx, user, renamed=True)
        bot = await queries.bot_by_id(tx, user_id)
        if bot is None:
            raise no_such_bot()
    return bot
