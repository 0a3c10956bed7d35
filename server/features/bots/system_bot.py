"""The bot in whose name the server itself writes to people. Made when it is first needed."""

from server.context import Context, Session, request_context
from server.db import SQL
from server.errors import Busy
from server.features.bots import queries
from server.features.users.events import NewUserMade
from server.features.users.models import User
from server.features.users.rules import tidy
from server.ids import new_id

OWNER = "system"
"""Its owner is no user: nobody can make another bot that passes for it."""
USERNAME = "system-bot"
ROLES = "system_user"

_MAKING = 0x68756266
"""The advisory lock of the node that makes it."""

LOCK = SQL("SELECT pg_advisory_xact_lock($1)")

FIND = SQL("SELECT b.user_id FROM bots b WHERE b.owner_id = $1 ORDER BY b.create_at LIMIT 1")


async def system_bot_id(ctx: Context) -> str:
    """The id of the system bot."""

    async def load() -> str:
        found: str | None = await ctx.db.value(FIND, OWNER)
        return found or await _make(ctx)

    return await ctx.cache.get("system_bot", ("system_bot",), load)


async def as_system_bot(ctx: Context) -> Context:
    """A context in which the system bot is the caller, with the rights of any user."""
    session = Session(
        id="",
        user_id=await system_bot_id(ctx),
        create_at=0,
        expires_at=0,
        last_activity_at=0,
        device_id="",
        is_oauth=False,
        props={},
        roles=ROLES,
        is_bot=True,
    )
    return request_context(ctx.services, session)


async def _make(ctx: Context) -> str:
    """Whoever has taken its name keeps it; the bot goes by another one then. One node makes it, the others wait."""
    async with ctx.begin() as tx:
        await tx.run(LOCK, _MAKING)
        found: str | None = await tx.value(FIND, OWNER)
        if found:
            return found
        for username in (USERNAME, f"{USERNAME}-{new_id()[-8:]}"):
            user = _user(ctx, username)
            if await queries.insert_bot(tx, user, OWNER):
                tx.publish(NewUserMade(user_id=user.id))
                return user.id
    raise Busy("api.context.server_busy.app_error")


def _user(ctx: Context, username: str) -> User:
    now = ctx.now()
    return tidy(
        User(
            id=new_id(),
            create_at=now,
            update_at=now,
            delete_at=0,
            username=username,
            auth_service="",
            email=f"{username}@localhost",
            nickname="",
            first_name="System",
            last_name="",
            position="",
            roles=ROLES,
            locale="",
            timezone={},
            is_bot=True,
            bot_description="Messages from the server itself.",
        ),
        ctx.config.LocalizationSettings.DefaultClientLocale,
    )
