"""Confirming posts, and taking that back for a short while."""

from server.access.grants import channel_place, may_read_channel, post_channel_id
from server.context import Context
from server.errors import BadRequest, Forbidden, NotFound, forbidden
from server.features.acknowledgements import queries
from server.features.acknowledgements.events import AcknowledgementAdded, AcknowledgementRemoved
from server.features.acknowledgements.models import TAKEN_BACK_WITHIN_MS, Acknowledgement
from server.features.channels.rooms import room_of
from server.features.posts.access import no_such_post
from server.features.posts.queries import post_by_id


async def acknowledge(ctx: Context, user_id: str, post_id: str) -> Acknowledgement:
    """Confirm as the caller to have seen a post; doing it again gives the first one."""
    channel_id = await _open_channel(ctx, user_id, post_id, "save")
    found, given = await queries.add(ctx.db, user_id, post_id, ctx.now())
    if not found:
        post = await post_by_id(ctx.db, post_id)
        if post is None or post.delete_at:
            raise no_such_post()
        raise BadRequest("api.acknowledgement.save.not_requested.app_error", "The post asks for no acknowledgement.")
    if given is None:
        before = await queries.acknowledgement_by(ctx.db, user_id, post_id)
        if before is None:
            raise _none_there()
        return before
    await ctx.tell((), [AcknowledgementAdded(room=await room_of(ctx, channel_id), acknowledgement=given)])
    return given


async def take_back(ctx: Context, user_id: str, post_id: str) -> None:
    """Take a confirmation of the caller's back; raises Forbidden when it is too old for that."""
    channel_id = await _open_channel(ctx, user_id, post_id, "delete")
    now = ctx.now()
    removed = await queries.remove(ctx.db, user_id, post_id, now, now - TAKEN_BACK_WITHIN_MS)
    if removed is None:
        if await queries.acknowledgement_by(ctx.db, user_id, post_id) is None:
            raise _none_there()
        raise Forbidden(
            "api.acknowledgement.delete.deadline.app_error", "It can be taken back for five minutes after it was given."
        )
    await ctx.tell((), [AcknowledgementRemoved(room=await room_of(ctx, channel_id), acknowledgement=removed)])


def _none_there() -> NotFound:
    return NotFound("app.acknowledgement.get.app_error", "There is no such acknowledgement.")


async def _open_channel(ctx: Context, user_id: str, post_id: str, what: str) -> str:
    """The channel of a post that the caller, who must be that user, reads; it must not be archived."""
    if user_id != ctx.user_id:
        raise forbidden()
    channel_id = await post_channel_id(ctx, post_id)
    if channel_id is None or not await may_read_channel(ctx, channel_id):
        raise forbidden()
    place = await channel_place(ctx, channel_id)
    if place is not None and place.delete_at:
        raise Forbidden(f"api.acknowledgement.{what}.archived_channel.app_error", "The channel is archived.")
    return channel_id
