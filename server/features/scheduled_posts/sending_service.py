"""Sending what is due: once, whatever happens to the nodes that try."""

import asyncio
import contextlib

import structlog

from server.access.grants import channel_place, may_see_channel, member_roles
from server.context import Context
from server.errors import ApiError, BadRequest, Busy, Forbidden
from server.features.bots.system_bot import as_system_bot
from server.features.channels.direct import create_direct
from server.features.posts.models import NewMetadata, NewPost, Priority
from server.features.posts.queries import post_by_id
from server.features.posts.service import create_post, may_post, tell_again
from server.features.scheduled_posts import models as codes
from server.features.scheduled_posts import queries
from server.features.scheduled_posts.events import ScheduledPostDeleted, ScheduledPostUpdated
from server.features.scheduled_posts.models import GIVEN_UP_AFTER_MS, Scheduled, TellOfFailure
from server.features.scheduled_posts.service import shown
from server.features.users.lookup import acting_as, get_user
from server.features.users.models import User

AT_ONCE = 4
"""Posts that one node sends at the same time; each holds a connection of the pool."""
ATTEMPTS = 10

_UNKNOWN = "something went wrong"
_REASONS = {
    codes.CHANNEL_ARCHIVED: "the channel is archived",
    codes.CHANNEL_NOT_FOUND: "the channel is gone",
    codes.NO_CHANNEL_PERMISSION: "you may not write there any more",
    codes.NO_CHANNEL_MEMBER: "you are not in the channel any more",
    codes.THREAD_DELETED: "the thread was deleted",
    codes.UNABLE_TO_SEND: "its time was more than a day ago",
    codes.INVALID_POST: "its contents are not allowed",
}

log = structlog.get_logger()


async def send_due(ctx: Context) -> None:
    """Send everything whose time has come and that no other node is sending."""
    if not ctx.config.ServiceSettings.ScheduledPosts:
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, min(AT_ONCE, ctx.services.db.size // 4))):
            group.create_task(_send_all(ctx))


async def _send_all(ctx: Context) -> None:
    while await send_next(ctx):
        pass


async def send_next(ctx: Context) -> bool:
    """Send the first that is due; whether there was one.

    The row is held until it is gone. If this node dies the database gives it back at once, and who takes it then
    sees by the id of the post whether it has been written.
    """
    async with ctx.begin() as tx:
        row = await queries.take_due(tx, ctx.now())
        if row is None:
            return False
        try:
            error_code = await _send(ctx, row)
        except Exception as error:  # noqa: BLE001 (whatever it is, the others must be sent, and this one tried again)
            log.warning("a scheduled post could not be sent", id=row.id, attempt=row.attempts + 1, error=repr(error))
            if row.attempts + 1 < ATTEMPTS:
                await queries.set_later(tx, row.id, ctx.now() + 1000 * 2**row.attempts)
                return True
            error_code = "" if await post_by_id(ctx.db, row.post_id) is not None else codes.UNKNOWN
        if error_code:
            failed = await queries.set_failed(tx, row.id, ctx.now(), error_code)
            tx.publish(ScheduledPostUpdated(scheduledPost=shown(failed or row)))
            if error_code not in (codes.USER_MISSING, codes.USER_DELETED):
                tx.enqueue(TellOfFailure(scheduled_post_id=row.id))
        else:
            await queries.delete(tx, row.id)
            tx.publish(ScheduledPostDeleted(scheduledPost=shown(row)))
    return True


async def _send(ctx: Context, row: Scheduled) -> str:
    """Write the post in the name of its author; "" or why it can't be written. Raises what may go better later."""
    author = await get_user(ctx, row.user_id)
    if author is None:
        return codes.USER_MISSING
    acting = acting_as(ctx, author)
    written = await post_by_id(ctx.db, row.post_id)
    if written is not None:
        with contextlib.suppress(Forbidden, BadRequest):
            await tell_again(acting, written)
        return ""
    refusal = await _refusal(acting, author, row)
    if refusal:
        return refusal
    priority = Priority(**row.priority) if row.priority is not None else None
    new = NewPost(
        channel_id=row.channel_id,
        root_id=row.root_id,
        message=row.message,
        props=row.props,
        file_ids=row.file_ids,
        metadata=NewMetadata(priority=priority),
    )
    try:
        await create_post(acting, new, set_online=False, id=row.post_id)
    except Busy:
        raise
    except ApiError as error:
        log.info("a scheduled post was refused", id=row.id, error=error.id)
        return codes.INVALID_POST
    return ""


async def _refusal(acting: Context, author: User, row: Scheduled) -> str:
    if author.delete_at:
        return codes.USER_DELETED
    channel = await channel_place(acting, row.channel_id)
    if channel is None:
        return codes.CHANNEL_NOT_FOUND
    if channel.delete_at:
        return codes.CHANNEL_ARCHIVED
    if not await may_post(acting, channel):
        is_member = await member_roles(acting, channel.id, author.id) is not None
        return codes.NO_CHANNEL_PERMISSION if is_member else codes.NO_CHANNEL_MEMBER
    if row.root_id:
        root = await post_by_id(acting.db, row.root_id)
        if root is None or root.delete_at:
            return codes.THREAD_DELETED
    if acting.now() - row.scheduled_at > GIVEN_UP_AFTER_MS:
        return codes.UNABLE_TO_SEND
    return ""


async def tell_of_failure(ctx: Context, id: str) -> None:
    """Let the system bot tell an author that a scheduled post could not be sent, unless that has been mended."""
    row = await queries.scheduled_by_id(ctx.db, id)
    if row is None or not row.processed_at or await post_by_id(ctx.db, row.post_id) is not None:
        return
    author = await get_user(ctx, row.user_id)
    if author is None:
        return
    bot = await as_system_bot(ctx)
    channel = await create_direct(bot, [bot.user_id, row.user_id])
    place = await channel_place(ctx, row.channel_id)
    # Who is out of a channel does not learn what it is called now.
    named = place is not None and place.team_id and await may_see_channel(acting_as(ctx, author), row.channel_id)
    where = f" in ~{place.name}" if place is not None and named else ""
    message = f"A message that you scheduled{where} could not be sent: {_REASONS.get(row.error_code, _UNKNOWN)}."
    # Its own post will never be, so its id is free: told once, however often this is tried.
    await create_post(bot, NewPost(channel_id=channel.id, message=message), set_online=False, id=row.post_id)
