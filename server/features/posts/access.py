"""Getting at posts that requests name: the post, or a refusal."""

from server.access.grants import (
    channel_place,
    check_channel,
    check_system,
    has_system,
    has_team,
    may_read_channel,
)
from server.access.permissions import Permission
from server.context import Context
from server.db import Db
from server.errors import BadRequest, NotFound, forbidden
from server.features.posts import queries
from server.features.posts.models import PostInfo, StoredPost


def no_such_post() -> NotFound:
    """404 for a post that is not there, or no longer."""
    return NotFound("app.post.get.app_error", "There is no such post.")


async def readable_post(ctx: Context, post_id: str, *, deleted: bool = False) -> StoredPost:
    """A post that the caller may read; deleted ones only where wanted, and only for those who may read these."""
    post = await queries.post_by_id(ctx.db, post_id)
    if post is None:
        raise no_such_post()
    if not await may_read_channel(ctx, post.channel_id):
        raise forbidden()
    if post.delete_at:
        if not deleted:
            raise no_such_post()
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    return post


async def changeable_post(ctx: Context, tx: Db, post_id: str, own: Permission, others: Permission) -> StoredPost:
    """A post, locked, that its author may change with one permission and everybody else with the other.

    Raises NotFound when it is not there; a deleted one is given too.
    """
    post = await queries.lock_post(tx, post_id)
    if post is None:
        raise no_such_post()
    await check_channel(ctx, post.channel_id, own if post.user_id == ctx.user_id else others)
    return post


async def check_not_archived(ctx: Context, channel_id: str, id: str) -> None:
    """Refuse what would change an archived channel."""
    place = await channel_place(ctx, channel_id)
    if place is not None and place.delete_at:
        raise BadRequest(id, "The channel is archived.")


async def post_info(ctx: Context, post_id: str) -> PostInfo:
    """Where a post is, for someone who may read its channel or join it; raises NotFound for others."""
    found = await queries.where_is(ctx.db, post_id, ctx.user_id)
    if found is None:
        raise no_such_post()
    info, open_team = found
    if await may_read_channel(ctx, info.channel_id):
        return info
    may_join = info.channel_type == "O" and (
        await has_team(ctx, info.team_id, Permission.JOIN_PUBLIC_CHANNELS)
        or (open_team and await has_system(ctx, Permission.JOIN_PUBLIC_TEAMS))
    )
    if not may_join:
        raise no_such_post()
    return info
