"""Reading people through the cache. What every other feature may call: it knows no other service."""

from server.context import Context, Session, request_context
from server.errors import NotFound
from server.features.users import queries
from server.features.users.models import User
from server.features.users.visible import check_sees


def no_such_user() -> NotFound:
    """404 for a user that is not there."""
    return NotFound("app.user.missing_account.const", "There is no such account.")


async def get_user(ctx: Context, user_id: str) -> User | None:
    """A user, deactivated ones too, from the cache when it knows it."""

    async def load() -> User | None:
        return await queries.user_by_id(ctx.db, user_id)

    return await ctx.cache.get(("user", user_id), (f"user:{user_id}",), load)


def acting_as(ctx: Context, user: User) -> Context:
    """A context in which the user acts without having signed in: for jobs and programs that do what the user wanted."""
    session = Session(
        id="",
        user_id=user.id,
        create_at=0,
        expires_at=0,
        last_activity_at=0,
        device_id="",
        is_oauth=False,
        props={},
        roles=user.roles,
        is_bot=user.is_bot,
    )
    return request_context(ctx.services, session)


async def visible_user(ctx: Context, user_id: str) -> User:
    """A user that the caller may know of; raises NotFound or Forbidden."""
    await check_sees(ctx, user_id)
    user = await get_user(ctx, user_id)
    if user is None:
        raise no_such_user()
    return user
