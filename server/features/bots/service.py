"""Making and managing bots: by their owners, and by those who may manage everybody's."""

from msgspec import UNSET
from msgspec.structs import replace

from server.access.grants import check_system, has_system
from server.access.permissions import Permission
from server.context import Context
from server.db import Db
from server.errors import ApiError, BadRequest, Forbidden, NotFound, forbidden
from server.features.bots import queries
from server.features.bots.models import Bot, BotPatch, NewBot
from server.features.users.events import NewUserMade
from server.features.users.lookup import get_user, no_such_user
from server.features.users.models import User
from server.features.users.news import tell_updated
from server.features.users.queries import user_by_id
from server.features.users.rules import NAME_MAX, is_username, tidy
from server.features.users.service import set_active
from server.ids import new_id

DESCRIPTION_MAX = 1024


def no_such_bot() -> NotFound:
    """404 for a bot that is not there, or that the caller may not know of."""
    return NotFound("store.sql_bot.get.missing.app_error", "There is no such bot.")


async def refusal_to_manage(ctx: Context, owner_id: str) -> ApiError | None:
    """Why the caller may not manage a bot of this owner, None if that is allowed."""
    own = owner_id == ctx.user_id
    if await has_system(ctx, Permission.MANAGE_BOTS if own else Permission.MANAGE_OTHERS_BOTS):
        return None
    if await has_system(ctx, Permission.READ_BOTS if own else Permission.READ_OTHERS_BOTS):
        return forbidden()
    return no_such_bot()


async def visible_bot(ctx: Context, user_id: str, *, include_deleted: bool = True) -> Bot:
    """A bot that the caller may know of as such; raises NotFound."""
    bot = await queries.bot_by_id(ctx.db, user_id)
    if bot is None or (bot.delete_at and not include_deleted):
        raise no_such_bot()
    own = bot.owner_id == ctx.user_id
    if not await has_system(ctx, Permission.READ_BOTS if own else Permission.READ_OTHERS_BOTS):
        raise no_such_bot()
    return bot


async def list_bots(ctx: Context, *, include_deleted: bool, only_orphaned: bool, page: int, per_page: int) -> list[Bot]:
    """A page of the bots that the caller may know of: everybody's, or one's own."""
    owner_id = ""
    if not await has_system(ctx, Permission.READ_OTHERS_BOTS):
        await check_system(ctx, Permission.READ_BOTS)
        owner_id = ctx.user_id
    return await queries.list_bots(
        ctx.db,
        owner_id=owner_id,
        include_deleted=include_deleted,
        only_orphaned=only_orphaned,
        page=page,
        per_page=per_page,
    )


async def create_bot(ctx: Context, new: NewBot) -> Bot:
    """Make a bot of the caller."""
    if ctx.session is not None and ctx.session.is_bot:
        raise forbidden()
    if not ctx.config.ServiceSettings.EnableBotAccountCreation:
        raise Forbidden("api.bot.create_disabled", "No bots can be made here.")
    now = ctx.now()
    username, display_name = _checked(new.username, new.display_name, new.description)
    user = tidy(
        User(
            id=new_id(),
            create_at=now,
            update_at=now,
            delete_at=0,
            username=username,
            auth_service="",
            email=bot_email(username),
            nickname="",
            first_name=display_name,
            last_name="",
            position="",
            roles="system_user",
            locale="",
            timezone={},
            is_bot=True,
            bot_description=new.description,
        ),
        ctx.config.LocalizationSettings.DefaultClientLocale,
    )
    async with ctx.begin() as tx:
        if not await queries.insert_bot(tx, user, ctx.user_id):
            raise queries.name_taken()
        tx.publish(NewUserMade(user_id=user.id))
        return await _bot(tx, user.id)


def bot_email(username: str) -> str:
    """An address for a bot that no mail is ever sent to: each account has one."""
    return f"{username}@localhost"


def _checked(username: str, display_name: str, description: str) -> tuple[str, str]:
    """The names as they are stored; raises BadRequest for what breaks a rule."""
    username = username.strip().lower()
    if not is_username(username):
        raise BadRequest(
            "model.bot.is_valid.username.app_error",
            "A username has up to 64 letters, digits, '.', '-' and '_', and is no reserved word.",
        )
    if len(display_name) > NAME_MAX:
        raise BadRequest(
            "model.bot.is_valid.display_name.app_error", f"A display name has at most {NAME_MAX} characters."
        )
    if len(description) > DESCRIPTION_MAX:
        raise BadRequest(
            "model.bot.is_valid.description.app_error", f"A description has at most {DESCRIPTION_MAX} characters."
        )
    return username, display_name


async def _bot(db: Db, user_id: str) -> Bot:
    bot = await queries.bot_by_id(db, user_id)
    if bot is None:
        raise no_such_bot()
    return bot


async def manageable_bot(ctx: Context, db: Db, user_id: str) -> Bot:
    """A bot that the caller may manage, locked; one that is an administrator only by administrators."""
    bot = await queries.lock_bot(db, user_id)
    if bot is None:
        raise no_such_bot()
    refusal = await refusal_to_manage(ctx, bot.owner_id)
    if refusal is not None:
        raise refusal
    user = await user_by_id(db, user_id)
    if user is not None and user.is_admin:
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    return bot


async def patch_bot(ctx: Context, user_id: str, patch: BotPatch) -> Bot:
    """Change what a bot is called and how it is described."""
    async with ctx.begin() as tx:
        old = await manageable_bot(ctx, tx, user_id)
        wanted = replace(
            old,
            username=old.username if patch.username is UNSET else patch.username,
            display_name=old.display_name if patch.display_name is UNSET else patch.display_name,
            description=old.description if patch.description is UNSET else patch.description,
        )
        username, display_name = _checked(wanted.username, wanted.display_name, wanted.description)
        user = await queries.set_profile(
            tx,
            user_id,
            username=username,
            email=bot_email(username),
            display_name=display_name,
            description=wanted.description,
            now=ctx.now(),
        )
        if user is None:
            raise no_such_bot()
        await tell_updated(ctx, tx, user, renamed=True)
        return await _bot(tx, user_id)


async def enable_bot(ctx: Context, user_id: str, enabled: bool) -> Bot:
    """Switch a bot on or off; one that is off can't get in, and its connections end."""
    async with ctx.begin() as tx:
        bot = await manageable_bot(ctx, tx, user_id)
        if (bot.delete_at == 0) != enabled:
            await set_active(ctx, tx, user_id, enabled)
        return await _bot(tx, user_id)


async def assign_bot(ctx: Context, user_id: str, owner_id: str) -> Bot:
    """Give a bot to another owner, who must be a person."""
    owner = await get_user(ctx, owner_id)
    async with ctx.begin() as tx:
        await manageable_bot(ctx, tx, user_id)
        if owner is None:
            raise no_such_user()
        if owner.is_bot:
            raise forbidden()
        await queries.set_owner(tx, user_id, owner_id, ctx.now())
        return await _bot(tx, user_id)
