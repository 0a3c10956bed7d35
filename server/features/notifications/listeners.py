"""What the rest of the server tells notifications of: new posts, what is read, statuses and settings of users."""

from collections.abc import Callable, Sequence
from typing import Any

from server.context import Change, Context
from server.features.channels import read_service
from server.features.channels.rules import direct_users
from server.features.notifications import auto_service, queries
from server.features.notifications.models import (
    NotifyOfPost,
    ReplyAutomatically,
    SendSilentPush,
    SetAutomaticStatus,
)
from server.features.notifications.service import sends_mail, sends_push
from server.features.posts import unread_service
from server.features.posts.followups import FOLLOWUPS, Upcoming
from server.features.posts.models import SYSTEM_PREFIX
from server.features.sessions.queries import has_device
from server.features.status import service as status_service
from server.features.status.models import OUT_OF_OFFICE
from server.features.threads import service as thread_service
from server.features.users import service as user_service
from server.features.users.lookup import get_user
from server.features.users.models import User
from server.jobs.job import Job, insert_jobs
from server.notify.push import CLEAR, UPDATE_BADGE

PERSONAL = ("D", "G")
MOST_CLEARED = 100
"""Channels that are taken off the phones one by one when they are read together."""


async def plan_notifications(ctx: Context, upcoming: Upcoming) -> Sequence[Job]:
    """A job for a post that somebody may have to be told of; where nobody can be told there is none."""
    pushes = sends_push(ctx)
    if not (pushes or sends_mail(ctx)) or upcoming.type.startswith(SYSTEM_PREFIX):
        return ()
    calls = upcoming.mentioned or upcoming.root_id or upcoming.channel.type in PERSONAL
    if calls or (pushes and await _wants_everything(ctx, upcoming.channel.id)):
        return [NotifyOfPost(post_id=upcoming.id)]
    return ()


async def _wants_everything(ctx: Context, channel_id: str) -> bool:
    async def load() -> bool:
        return await queries.wants_everything(ctx.db, channel_id)

    return await ctx.cache.get(("wants_everything", channel_id), (f"mentions:{channel_id}",), load)


async def plan_automatic_reply(ctx: Context, upcoming: Upcoming) -> Sequence[Job]:
    """A job for a direct message to who is out of office."""
    if not auto_service.is_enabled(ctx) or upcoming.channel.type != "D" or upcoming.type.startswith(SYSTEM_PREFIX):
        return ()
    if upcoming.is_bot or upcoming.from_webhook:
        return ()
    users = direct_users(upcoming.channel.name)
    # Who writes to oneself tries it out.
    other = next((user_id for user_id in users if user_id != upcoming.user_id), upcoming.user_id)
    user = await get_user(ctx, other)
    if user is None or not auto_service.is_active(user):
        return ()
    return [ReplyAutomatically(post_id=upcoming.id, user_id=other, channel_id=upcoming.channel.id)]


async def channels_read(ctx: Context, user_id: str, channel_ids: Sequence[str]) -> None:
    """What the user has read goes off the phones."""
    if len(channel_ids) > MOST_CLEARED:
        await _push_silently(ctx, SendSilentPush(user_id=user_id, type=UPDATE_BADGE))
        return
    session_id = _session_of(ctx, user_id)
    jobs = [
        SendSilentPush(user_id=user_id, type=CLEAR, channel_id=channel_id, except_session_id=session_id)
        for channel_id in channel_ids
    ]
    await _push_silently(ctx, *jobs)


async def thread_read(ctx: Context, user_id: str, channel_id: str, root_id: str) -> None:
    """The same for a thread."""
    job = SendSilentPush(
        user_id=user_id,
        type=CLEAR,
        channel_id=channel_id,
        root_id=root_id,
        except_session_id=_session_of(ctx, user_id),
    )
    await _push_silently(ctx, job)


async def set_unread(ctx: Context, user_id: str) -> None:
    """There is more to read again."""
    await _push_silently(ctx, SendSilentPush(user_id=user_id, type=UPDATE_BADGE))


def _session_of(ctx: Context, user_id: str) -> str:
    return ctx.session.id if ctx.session is not None and ctx.session.user_id == user_id else ""


async def _push_silently(ctx: Context, *jobs: SendSilentPush) -> None:
    if not jobs or not sends_push(ctx) or not await _has_device(ctx, jobs[0].user_id):
        return
    await insert_jobs(ctx.db, jobs)


async def _has_device(ctx: Context, user_id: str) -> bool:
    async def load() -> bool:
        return await has_device(ctx.db, user_id)

    return await ctx.cache.get(("has_device", user_id), (f"devices:{user_id}",), load)


async def profile_changed(ctx: Context, tx: Change, old: User, new: User) -> None:
    """Whoever switches automatic replies on is out of office from now on."""
    if auto_service.is_enabled(ctx) and auto_service.is_active(old) != auto_service.is_active(new):
        tx.enqueue(SetAutomaticStatus(user_id=new.id))


async def status_chosen(ctx: Context, user_id: str, status: str) -> None:
    """Whoever chooses another status is back, and replies in person."""
    if not auto_service.is_enabled(ctx) or status == OUT_OF_OFFICE:
        return
    user = await get_user(ctx, user_id)
    if user is not None and auto_service.is_active(user):
        await auto_service.switch_off(ctx, user_id)


def listen() -> None:
    """Hear of all that from now on; a second call changes nothing."""
    pairs: list[tuple[list[Any], Callable[..., Any]]] = [
        (FOLLOWUPS, plan_notifications),
        (FOLLOWUPS, plan_automatic_reply),
        (read_service.READ, channels_read),
        (thread_service.READ, thread_read),
        (unread_service.UNREAD, set_unread),
        (user_service.CHANGED, profile_changed),
        (status_service.CHOSEN, status_chosen),
    ]
    for listeners, listener in pairs:
        if listener not in listeners:
            listeners.append(listener)
