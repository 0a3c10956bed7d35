"""What authors do with their scheduled posts."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict

from server.access.grants import channel_place, check_channel
from server.access.permissions import Permission
from server.context import Change, Context
from server.errors import BadRequest, Forbidden, NotFound, forbidden
from server.features.files.models import FileInfo
from server.features.posts.metadata import check_message, check_props
from server.features.posts.models import NewMetadata, NewPost, Priority
from server.features.posts.queries import post_by_id
from server.features.posts.service import checked_file_ids, checked_priority, given_props, may_post
from server.features.scheduled_posts import queries
from server.features.scheduled_posts.events import ScheduledPostCreated, ScheduledPostDeleted, ScheduledPostUpdated
from server.features.scheduled_posts.models import (
    MAX_AHEAD_MS,
    MAX_BYTES,
    MAX_LATE_MS,
    MAX_WAITING,
    TIMER,
    NewScheduledPost,
    Scheduled,
    ScheduledMetadata,
    ScheduledPost,
    ScheduledPostUpdate,
)
from server.ids import id_at, is_id
from server.jobs.job import wake

_json = msgspec.json.Encoder().encode


def shown(row: Scheduled) -> ScheduledPost:
    """A scheduled post as its author sees it."""
    priority = Priority(**row.priority) if row.priority is not None else None
    return ScheduledPost(
        id=row.id,
        create_at=row.create_at,
        update_at=row.update_at,
        user_id=row.user_id,
        channel_id=row.channel_id,
        root_id=row.root_id,
        message=row.message,
        props=row.props,
        file_ids=row.file_ids or UNSET,
        metadata=ScheduledMetadata([FileInfo(**file) for file in row.files] if row.files else None, priority),
        priority=priority or UNSET,
        scheduled_at=row.scheduled_at,
        processed_at=row.processed_at,
        error_code=row.error_code,
    )


def check_enabled(ctx: Context) -> None:
    """Refuse where posts can't be scheduled."""
    if not ctx.config.ServiceSettings.ScheduledPosts:
        raise BadRequest("api.scheduled_posts.feature_disabled", "Scheduled posts are switched off.")


async def create(ctx: Context, new: NewScheduledPost) -> ScheduledPost:
    """Schedule a post of the caller."""
    check_enabled(ctx)
    await _check_place(ctx, new.channel_id)
    if new.root_id:
        root = await post_by_id(ctx.db, new.root_id) if is_id(new.root_id) else None
        if root is None or root.delete_at or root.root_id or root.channel_id != new.channel_id:
            raise BadRequest(
                "api.post.create_post.root_id.app_error", "root_id is not the first post of a thread in the channel."
            )
    now = ctx.now()
    row = Scheduled(
        id=id_at(now),
        create_at=now,
        update_at=now,
        user_id=ctx.user_id,
        channel_id=new.channel_id,
        root_id=new.root_id,
        **await _contents(ctx, new, new.channel_id, new.root_id, ()),
    )
    async with ctx.begin() as tx:
        await _check_room(tx, row)
        stored = await queries.insert(tx, row)
        if stored is None:
            raise _too_many()
        await wake(tx, TIMER)
        scheduled = shown(stored)
        tx.publish(ScheduledPostCreated(connection_id=ctx.connection_id, scheduledPost=scheduled))
    return scheduled


def _too_many() -> BadRequest:
    return BadRequest(
        "app.save_scheduled_post.save.app_error",
        f"One can have up to {MAX_WAITING} scheduled posts, and {MAX_BYTES} bytes in all of them.",
    )


async def _check_room(tx: Change, row: Scheduled) -> None:
    """Refuse what would make all that its author has scheduled too large."""
    size = len(row.message.encode()) + len(_json(row.props))
    if size + await queries.bytes_of(tx, row.user_id, row.id) > MAX_BYTES:
        raise _too_many()


async def _check_place(ctx: Context, channel_id: str) -> None:
    channel = await channel_place(ctx, channel_id)
    if channel is None or not await may_post(ctx, channel):
        raise forbidden()
    if channel.delete_at:
        raise BadRequest("app.save_scheduled_post.channel_deleted.app_error", "The channel is archived.")


async def _contents(
    ctx: Context, body: NewScheduledPost | ScheduledPostUpdate, channel_id: str, root_id: str, had: Sequence[str]
) -> dict[str, Any]:
    """What author and time say of a scheduled post, as it is stored; raises BadRequest or Forbidden.

    `had` are the files that it had before, which its author may have lost the right to upload.
    """
    late = ctx.now() - body.scheduled_at
    if late > MAX_LATE_MS or -late > MAX_AHEAD_MS:
        raise BadRequest(
            "model.scheduled_post.is_valid.scheduled_at.app_error", "The time must be in the future, within ten years."
        )
    check_message(body.message)
    props = given_props(ctx, body.props)
    check_props(props)
    metadata = NewMetadata(priority=body.priority or (body.metadata.priority if body.metadata is not None else None))
    post = NewPost(root_id=root_id, message=body.message, file_ids=body.file_ids, metadata=metadata)
    file_ids = checked_file_ids(post)
    if not set(file_ids) <= set(had):
        await check_channel(ctx, channel_id, Permission.UPLOAD_FILE)
    if file_ids:
        file_ids = await queries.usable_files(ctx.db, ctx.user_id, channel_id, file_ids)
    if not body.message and not file_ids:
        raise BadRequest("model.scheduled_post.is_valid.empty_post.app_error", "There is nothing to be sent.")
    priority = checked_priority(ctx, post)
    return {
        "message": body.message,
        "props": props,
        "file_ids": file_ids,
        "priority": asdict(priority) if priority is not None else None,
        "scheduled_at": body.scheduled_at,
        # It sorts as the post will, by the time of its writing.
        "post_id": id_at(max(body.scheduled_at, 0)),
    }


async def _own(ctx: Context, tx: Change, id: str, what: str) -> Scheduled:
    row = await queries.lock(tx, id)
    if row is None:
        raise NotFound(
            f"app.{what}_scheduled_post.existing_scheduled_post.not_exist", "There is no such scheduled post."
        )
    if row.user_id != ctx.user_id:
        raise Forbidden(
            f"app.{what}_scheduled_post.{what}_permission.error", "Only its author can do that with a scheduled post."
        )
    return row


async def update(ctx: Context, id: str, body: ScheduledPostUpdate) -> ScheduledPost:
    """Give a scheduled post of the caller other contents and another time."""
    check_enabled(ctx)
    async with ctx.begin() as tx:
        row = await _own(ctx, tx, id, "update")
        await _check_place(ctx, row.channel_id)
        contents = await _contents(ctx, body, row.channel_id, row.root_id, row.file_ids)
        changed = Scheduled(
            id=row.id,
            create_at=row.create_at,
            update_at=max(ctx.now(), row.update_at + 1),
            user_id=row.user_id,
            channel_id=row.channel_id,
            root_id=row.root_id,
            **contents,
        )
        await _check_room(tx, changed)
        scheduled = shown(await queries.update(tx, changed) or changed)
        await wake(tx, TIMER)
        tx.publish(ScheduledPostUpdated(connection_id=ctx.connection_id, scheduledPost=scheduled))
    return scheduled


async def delete(ctx: Context, id: str) -> ScheduledPost:
    """Forget a scheduled post of the caller."""
    check_enabled(ctx)
    async with ctx.begin() as tx:
        scheduled = shown(await _own(ctx, tx, id, "delete"))
        await queries.delete(tx, id)
        tx.publish(ScheduledPostDeleted(connection_id=ctx.connection_id, scheduledPost=scheduled))
    return scheduled


async def of_team(ctx: Context, team_id: str, *, direct: bool) -> dict[str, list[ScheduledPost]]:
    """What the caller has scheduled in a team, and on request in direct and group channels."""
    check_enabled(ctx)
    found = {team_id: [shown(row) for row in await queries.of_team(ctx.db, ctx.user_id, team_id)]}
    if direct:
        found["directChannels"] = [shown(row) for row in await queries.of_team(ctx.db, ctx.user_id, "")]
    return found
