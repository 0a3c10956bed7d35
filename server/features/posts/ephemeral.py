"""Ephemeral posts: shown to one user and stored nowhere."""

from collections.abc import Sequence
from typing import Any

from server.access.grants import check_channel
from server.access.permissions import Permission
from server.bus.event import Room
from server.context import Context
from server.errors import invalid_body
from server.features.posts.emojis import add_emojis
from server.features.posts.events import EphemeralMessage, PostEdited
from server.features.posts.integrations import with_cookies
from server.features.posts.metadata import check_message, check_props, shown
from server.features.posts.models import EPHEMERAL, NewEphemeral, Post, StoredPost
from server.ids import id_at, is_id


async def send_ephemeral(
    ctx: Context,
    *,
    to: str,
    user_id: str,
    channel_id: str,
    message: str,
    root_id: str = "",
    props: dict[str, Any] | None = None,
) -> Post:
    """Show `to` a post by `user_id` in a channel; props with attachments must have been checked."""
    now = ctx.now()
    post = await _ephemeral(ctx, id_at(now), to, user_id, channel_id, root_id, message, props or {}, now)
    await ctx.tell((), [EphemeralMessage(user_id=to, post=post)])
    return post


async def change_ephemeral(
    ctx: Context,
    *,
    id: str,
    to: str,
    user_id: str,
    channel_id: str,
    message: str,
    root_id: str = "",
    props: dict[str, Any],
) -> Post:
    """Show other contents where `to` was shown an ephemeral post."""
    post = await _ephemeral(ctx, id, to, user_id, channel_id, root_id, message, props, ctx.now())
    await ctx.tell((), [PostEdited(room=Room(channel_id, (to,)), post=post)])
    return post


async def _ephemeral(
    ctx: Context,
    id: str,
    to: str,
    user_id: str,
    channel_id: str,
    root_id: str,
    message: str,
    props: dict[str, Any],
    now: int,
) -> Post:
    sealed = await with_cookies(
        ctx, props, user_id=to, post_id=id, root_id=root_id, channel_id=channel_id, author_id=user_id
    )
    post = shown(
        StoredPost(
            id=id,
            create_at=now,
            update_at=now,
            edit_at=0,
            delete_at=0,
            is_pinned=False,
            user_id=user_id,
            channel_id=channel_id,
            root_id=root_id,
            original_id="",
            message=message,
            type=EPHEMERAL,
            props=sealed,
            hashtags="",
            file_ids=[],
            has_reactions=False,
            priority=None,
            reply_count=0,
        )
    )
    await add_emojis(ctx, [post])
    return post


async def create_ephemeral(ctx: Context, body: NewEphemeral) -> Post:
    """Show a user a post as the caller; raises Forbidden without the right to it in the channel."""
    new = body.post
    if not is_id(new.channel_id):
        raise invalid_body("post.channel_id")
    await check_channel(ctx, new.channel_id, Permission.CREATE_POST_EPHEMERAL)
    check_message(new.message)
    props = dict(new.props)
    check_props(props)
    return await send_ephemeral(
        ctx,
        to=body.user_id,
        user_id=ctx.user_id,
        channel_id=new.channel_id,
        root_id=new.root_id if is_id(new.root_id) else "",
        message=new.message,
        props=props,
    )


async def tell_of_outsiders(ctx: Context, room: Room, post: Post, outsiders: Sequence[tuple[str, str]]) -> None:
    """Tell an author which of the people called (names and ids) are not in the channel, so that they can be added."""
    names = [name for name, _ in outsiders]
    ids = [user_id for _, user_id in outsiders]
    called = ", ".join(f"@{name}" for name in names)
    are = "is" if len(names) == 1 else "are"
    await send_ephemeral(
        ctx,
        to=post.user_id,
        user_id=post.user_id,
        channel_id=room.channel_id,
        root_id=post.root_id,
        message=f"{called} {are} not in this channel and will not hear of this post.",
        props={
            "add_channel_member": {
                "post_id": post.id,
                "usernames": names,
                "not_in_channel_usernames": names,
                "user_ids": ids,
                "not_in_channel_user_ids": ids,
                "not_in_groups_usernames": [],
                "not_in_groups_user_ids": [],
            }
        },
    )


async def tell_of_silence(ctx: Context, post: Post, word: str) -> None:
    """Tell an author that @channel and the like call nobody in a channel of this size."""
    limit = ctx.config.TeamSettings.MaxNotificationsPerChannel
    await send_ephemeral(
        ctx,
        to=post.user_id,
        user_id=post.user_id,
        channel_id=post.channel_id,
        root_id=post.root_id,
        message=f"{word} calls nobody in channels with {limit} or more members.",
    )
