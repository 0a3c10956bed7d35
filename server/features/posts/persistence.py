"""Urgent posts that go on calling the people they name: who that is, and which posts may."""

from typing import Any

from server.access.grants import ChannelPlace
from server.bus.event import Room
from server.context import Context
from server.errors import BadRequest, Forbidden
from server.features.persistent_notifications import queries
from server.features.posts.insert import Draft
from server.features.posts.mentions import Keywords, attachment_texts, find_calls
from server.features.users.lookup import get_user

DIRECT = "D"

_ID = "api.post.post_priority.{}_persistent_notification_post.request_error"


async def note_persistent(ctx: Context, channel: ChannelPlace, room: Room, draft: Draft, props: dict[str, Any]) -> None:
    """Check a post that is to call again and again, and store whom it calls; one statement more, just before it.

    Raises BadRequest unless it is urgent and names a few people, Forbidden for guests where they may not.
    """
    settings = ctx.config.ServiceSettings
    if draft.priority is None or draft.priority.priority != "urgent":
        raise BadRequest(_ID.format("urgent"), "Only urgent posts can have persistent notifications.")
    author = await get_user(ctx, draft.user_id)
    if author is not None and author.is_guest and not settings.AllowPersistentNotificationsForGuests:
        raise Forbidden("api.post.post_priority.priority_post_not_allowed_for_user.request_error")
    receivers = await _receivers(ctx, channel, room, draft, props)
    if not receivers:
        raise BadRequest(_ID.format("min_recipients"), "A post with persistent notifications must mention someone.")
    limit = settings.PersistentNotificationMaxRecipients
    if len(receivers) > limit:
        raise BadRequest(
            _ID.format("max_recipients"), f"A post with persistent notifications can mention up to {limit} people."
        )
    await queries.insert(ctx.db, draft.id, receivers, ctx.now())


async def _receivers(ctx: Context, channel: ChannelPlace, room: Room, draft: Draft, props: dict[str, Any]) -> list[str]:
    """Who is called by name, members only; in a direct channel the other one. Words for everybody call nobody here."""
    if channel.type == DIRECT:
        others = [user_id for user_id in room.user_ids or () if user_id != draft.user_id]
        users = [await get_user(ctx, user_id) for user_id in dict.fromkeys(others)]
        return [user.id for user in users if user is not None and not user.is_bot and not user.delete_at]
    called = find_calls((draft.message, *attachment_texts(props.get("attachments"))), Keywords()).names
    if not called:
        return []
    people = await queries.people_named(ctx.db, channel.id, sorted({name for names in called for name in names}))
    found = {next((people[name] for name in names if name in people), "") for names in called}
    return sorted(found - {"", draft.user_id})
