"""Automatic replies of those who are out of office, and the status that shows it."""

from datetime import UTC, datetime

from msgspec.structs import replace

from server.context import Context
from server.features.notifications import queries
from server.features.posts.models import SYSTEM_PREFIX
from server.features.posts.queries import post_by_id
from server.features.posts.service import post_system
from server.features.status.models import ONLINE, OUT_OF_OFFICE
from server.features.status.service import choose, statuses_of
from server.features.users.models import User
from server.features.users.news import tell_updated
from server.features.users.queries import lock_user, update_user, user_by_id

AUTO_RESPONDER = "system_auto_responder"
ACTIVE, MESSAGE = "auto_responder_active", "auto_responder_message"


def is_enabled(ctx: Context) -> bool:
    """Whether users may have automatic replies."""
    return ctx.config.TeamSettings.ExperimentalEnableAutomaticReplies


def is_active(user: User) -> bool:
    """Whether a user wants automatic replies."""
    return user.notify_props.get(ACTIVE) == "true"


async def reply_automatically(ctx: Context, post_id: str, user_id: str) -> None:
    """Reply to a direct message in a user's own words, once a day in each channel."""
    user = await user_by_id(ctx.db, user_id) if is_enabled(ctx) else None
    message = user.notify_props.get(MESSAGE, "").strip() if user is not None else ""
    if user is None or user.delete_at or not is_active(user) or not message:
        return
    post = await post_by_id(ctx.db, post_id)
    if post is None or post.delete_at or post.type.startswith(SYSTEM_PREFIX):
        return
    if await queries.replied_since(ctx.db, post.channel_id, user_id, _day_of(post.create_at)):
        return
    await post_system(
        ctx,
        channel_id=post.channel_id,
        user_id=user_id,
        type=AUTO_RESPONDER,
        message=message,
        props={},
        root_id=post.root_id or post.id,
    )


def _day_of(at: int) -> int:
    """When the day of a time began (UTC), in milliseconds."""
    moment = datetime.fromtimestamp(at / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(moment.timestamp() * 1000)


async def set_automatic_status(ctx: Context, user_id: str) -> None:
    """Out of office for who has switched automatic replies on, online again for who has switched them off."""
    user = await user_by_id(ctx.db, user_id)
    if user is None or user.delete_at:
        return
    status = (await statuses_of(ctx, [user_id]))[user_id].status
    if is_active(user) and status != OUT_OF_OFFICE:
        await choose(ctx, user_id, OUT_OF_OFFICE)
    elif not is_active(user) and status == OUT_OF_OFFICE:
        await choose(ctx, user_id, ONLINE)


async def switch_off(ctx: Context, user_id: str) -> None:
    """A user has chosen another status, and so is back."""
    async with ctx.begin() as tx:
        user = await lock_user(tx, user_id)
        if user is None or not is_active(user):
            return
        changed = replace(user, notify_props={**user.notify_props, ACTIVE: "false"}, update_at=ctx.now())
        updated = await update_user(tx, changed)
        if updated is not None:
            await tell_updated(ctx, tx, updated)
