"""Deleting posts."""

from collections.abc import Sequence

from server.access.grants import check_system
from server.access.permissions import Permission
from server.bus.event import Event, Room
from server.context import Change, Context
from server.errors import NotAvailable
from server.features.channels.rooms import room_of
from server.features.files.queries import delete_files_of, erase_files_of
from server.features.posts import delete_queries, queries
from server.features.posts.access import changeable_post, check_not_archived, no_such_post
from server.features.posts.contents import contents_of
from server.features.posts.events import PostDeleted
from server.features.posts.metadata import shown
from server.features.posts.models import StoredPost
from server.features.preferences.queries import delete_of_all
from server.features.preferences.service import FLAGGED_POST

DELETED_BY = "deleteBy"


async def delete_post(ctx: Context, post_id: str) -> None:
    """Delete a post, and with the first post of a thread all replies; their flags go, counts of threads fall."""
    async with ctx.begin() as tx:
        channel_id = await queries.channel_of(tx, post_id)
        if channel_id is None:
            raise no_such_post()
        # Before anything else, as the writer does: no reply may slip in behind the deletion.
        await queries.lock_channel(tx, channel_id)
        post = await changeable_post(ctx, tx, post_id, Permission.DELETE_POST, Permission.DELETE_OTHERS_POSTS)
        if post.delete_at:
            raise no_such_post()
        await check_not_archived(ctx, channel_id, "api.post.delete_post.can_not_delete_post_in_deleted.error")
        now = await queries.next_change(tx, channel_id, ctx.now())
        gone = await delete_queries.delete_post(tx, post_id, ctx.user_id, now)
        if post.root_id:
            await delete_queries.leave_thread(tx, post.root_id, post_id, now)
        await _forget(tx, gone)
        tx.invalidate(*contents_of(gone))
        if with_files := [row.id for row in gone if row.file_ids]:
            await delete_files_of(tx, with_files, now)
        tx.publish(*deletion_news(await room_of(ctx, channel_id), gone[0], ctx.user_id))


async def remove_post(ctx: Context, post_id: str) -> None:
    """Take a post and what hangs on it out of the database, for administrators where it is allowed."""
    await check_system(ctx, Permission.MANAGE_SYSTEM)
    if not ctx.config.ServiceSettings.EnableAPIPostDeletion:
        raise NotAvailable("api.post.delete_post.not_enabled.app_error", "Deleting posts for good is switched off.")
    async with ctx.begin() as tx:
        channel_id = await queries.channel_of(tx, post_id)
        if channel_id is None:
            raise no_such_post()
        await queries.lock_channel(tx, channel_id)
        now = await queries.next_change(tx, channel_id, ctx.now())
        gone = await delete_queries.remove_post(tx, post_id)
        if not gone:
            raise no_such_post()
        if gone[0].root_id:
            await delete_queries.leave_thread(tx, gone[0].root_id, post_id, now)
        await _forget(tx, gone)
        tx.invalidate(*contents_of(gone))
        if with_files := [row.id for row in gone if row.file_ids]:
            await erase_files_of(tx, with_files, now)
        tx.invalidate(*(f"post_channel:{post.id}" for post in gone))
        tx.publish(*deletion_news(await room_of(ctx, channel_id), gone[0], ctx.user_id))


async def _forget(tx: Change, gone: Sequence[StoredPost]) -> None:
    """Nobody flags these posts any more."""
    for user_id in set(await delete_of_all(tx, FLAGGED_POST, [post.id for post in gone])):
        tx.invalidate(f"preferences:{user_id}")


def deletion_news(room: Room, row: StoredPost, actor_id: str) -> list[Event]:
    """For everybody that the post is gone, and for administrators also who did it."""
    row.props.pop(DELETED_BY, None)
    post = shown(row)
    return [PostDeleted(room=room, post=post), PostDeleted(room=room, post=post, delete_by=actor_id)]
