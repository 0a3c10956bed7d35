"""Setting reminders, and sending those whose time has come."""

import contextlib
from datetime import UTC, datetime

import structlog

from server.access.grants import may_read_channel
from server.context import Context
from server.errors import BadRequest, Forbidden, invalid_body
from server.features.bots.system_bot import as_system_bot
from server.features.channels.direct import create_direct
from server.features.posts.access import no_such_post, readable_post
from server.features.posts.ephemeral import send_ephemeral
from server.features.posts.models import NewPost
from server.features.posts.queries import post_by_id
from server.features.posts.service import create_post, tell_again
from server.features.reminders import queries
from server.features.reminders.models import (
    MAX_AHEAD_SECONDS,
    MAX_LATE_SECONDS,
    MAX_REMINDERS,
    POST_TYPE,
    TIMER,
    Reminded,
    Reminder,
)
from server.features.users.lookup import acting_as, get_user
from server.ids import id_at
from server.jobs.job import wake

ATTEMPTS = 10

log = structlog.get_logger()


async def set_reminder(ctx: Context, user_id: str, post_id: str, target_time: int) -> None:
    """Remind a user of a post that the caller reads; one that is there already moves to the new time."""
    late = ctx.now() // 1000 - target_time
    if target_time <= 0 or late > MAX_LATE_SECONDS or -late > MAX_AHEAD_SECONDS:
        raise invalid_body("target_time")
    await readable_post(ctx, post_id)
    about = await queries.reminded(ctx.db, post_id)
    if about is None:
        raise no_such_post()
    reminder = Reminder(user_id, post_id, target_time, id_at(target_time * 1000))
    async with ctx.begin() as tx:
        if not await queries.put(tx, reminder):
            raise BadRequest(
                "app.post_reminder.save.too_many.app_error", f"One can wait for {MAX_REMINDERS} reminders."
            )
        await wake(tx, TIMER)
    at = datetime.fromtimestamp(target_time, UTC).strftime("%d %b %Y %H:%M UTC")
    await send_ephemeral(
        ctx,
        to=user_id,
        user_id=user_id,
        channel_id=about.channel_id,
        root_id=post_id,
        message=f"You will be reminded of {_link(ctx, about, post_id)} by @{about.username} on {at}",
        props={"type": POST_TYPE, "target_time": target_time, **_props(about, post_id)},
    )


def _props(about: Reminded, post_id: str) -> dict[str, object]:
    return {"team_name": about.team_name, "post_id": post_id, "username": about.username}


def _link(ctx: Context, about: Reminded, post_id: str) -> str:
    """Where clients find a post; posts of direct channels are in no team."""
    return f"{ctx.config.ServiceSettings.SiteURL.rstrip('/')}/{about.team_name or '_redirect'}/pl/{post_id}"


async def send_due(ctx: Context) -> None:
    """Send every reminder whose time has come and that no other node is sending."""
    while await send_next(ctx):
        pass


async def send_next(ctx: Context) -> bool:
    """Send the first reminder that is due; whether there was one. The row is held until it is gone."""
    async with ctx.begin() as tx:
        reminder = await queries.take_due(tx, ctx.now())
        if reminder is None:
            return False
        try:
            await _send(ctx, reminder)
        except Exception as error:  # noqa: BLE001 (whatever it is, the others must be sent, and this one tried again)
            attempt = reminder.attempts + 1
            log.warning("a reminder could not be sent", post_id=reminder.post_id, attempt=attempt, error=repr(error))
            if attempt < ATTEMPTS:
                await queries.set_later(tx, reminder, ctx.now() + 1000 * 2**reminder.attempts)
                return True
        await queries.delete(tx, reminder)
    return True


async def _send(ctx: Context, reminder: Reminder) -> None:
    """Write the message, unless the user is gone or may not read the post any more."""
    written = await post_by_id(ctx.db, reminder.message_id)
    if written is not None:
        with contextlib.suppress(Forbidden, BadRequest):
            await tell_again(ctx, written)
        return
    user = await get_user(ctx, reminder.user_id)
    about = await queries.reminded(ctx.db, reminder.post_id)
    if user is None or user.delete_at or about is None:
        return
    if not await may_read_channel(acting_as(ctx, user), about.channel_id):
        return
    bot = await as_system_bot(ctx)
    channel = await create_direct(bot, [bot.user_id, user.id])
    link = _link(ctx, about, reminder.post_id)
    new = NewPost(
        channel_id=channel.id,
        message=f"You wanted to be reminded of this message from @{about.username}: {link}",
        props=_props(about, reminder.post_id),
    )
    await create_post(bot, new, set_online=False, id=reminder.message_id, type=POST_TYPE)
