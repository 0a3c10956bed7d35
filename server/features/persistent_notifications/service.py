"""Calling again those who have not answered an urgent post."""

from collections.abc import Sequence

from server.access.grants import ChannelPlace, channel_place
from server.context import Context
from server.features.notifications.models import NotifyOfPost
from server.features.persistent_notifications import queries
from server.features.persistent_notifications.events import PersistentNotificationTriggered
from server.features.persistent_notifications.models import Calling
from server.features.posts.metadata import shown
from server.features.posts.models import Post
from server.features.posts.queries import posts_by_ids
from server.features.status.models import DND, OUT_OF_OFFICE
from server.features.status.service import statuses_of
from server.features.users.lookup import get_user
from server.notify.push import is_configured

MINUTE = 60_000


async def send_due(ctx: Context, now: int) -> None:
    """Call everyone whom a post has not called for as long as the settings say."""
    settings = ctx.config.ServiceSettings
    if not settings.PostPriority or not settings.AllowPersistentNotifications:
        return
    sent_until = now - settings.PersistentNotificationIntervalMinutes * MINUTE
    while await _send_some(ctx, now, sent_until, settings.PersistentNotificationMaxCount):
        pass


async def _send_some(ctx: Context, now: int, sent_until: int, at_most: int) -> bool:
    async with ctx.begin() as tx:
        due = await queries.take_due(tx, sent_until)
        calling = [each for each in due if each.lives and each.waiting and each.sent_count < at_most]
        ended = [each.post_id for each in due if each not in calling or each.sent_count + 1 >= at_most]
        await queries.set_sent(tx, calling, now, at_most)
        await queries.delete(tx, ended)
        tx.publish(*await _events(ctx, calling))
        if is_configured(ctx.config.EmailSettings):
            tx.enqueue(*(NotifyOfPost(post_id=each.post_id, again=list(each.waiting)) for each in calling))
    return len(due) == queries.AT_ONCE


async def _events(ctx: Context, calling: Sequence[Calling]) -> list[PersistentNotificationTriggered]:
    waiting = {each.post_id: each.waiting for each in calling}
    statuses = await statuses_of(ctx, {user_id for users in waiting.values() for user_id in users})
    events: list[PersistentNotificationTriggered] = []
    for row in await posts_by_ids(ctx.db, list(waiting)) if waiting else ():
        place = await channel_place(ctx, row.channel_id)
        if place is None:
            continue
        post = shown(row)
        name = await _sender_name(ctx, post)
        events += [
            _event(place, post, name, user_id)
            for user_id in waiting[row.id]
            if statuses[user_id].status not in (DND, OUT_OF_OFFICE)
        ]
    return events


async def _sender_name(ctx: Context, post: Post) -> str:
    sender = await get_user(ctx, post.user_id)
    return f"@{sender.username}" if sender is not None else ""


def _event(place: ChannelPlace, post: Post, sender_name: str, user_id: str) -> PersistentNotificationTriggered:
    files = post.metadata.files or ()
    return PersistentNotificationTriggered(
        user_id=user_id,
        channel_type=place.type,
        channel_display_name=sender_name if place.type == "D" else place.display_name,
        channel_name=place.name,
        sender_name=sender_name,
        team_id=place.team_id,
        post=post,
        mentions=[user_id],
        otherFile="true" if files else None,
        image="true" if any(file.is_image for file in files) else None,
    )
