"""Changing posts: editing, pinning, and going back to an older version."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from server.access.grants import channel_place, check_channel
from server.access.permissions import Permission
from server.context import Change, Context
from server.errors import BadRequest, NotFound, forbidden, invalid_body
from server.features.channels.counts import contents_tag
from server.features.channels.rooms import room_of
from server.features.posts import queries
from server.features.posts.access import changeable_post, check_not_archived, no_such_post, readable_post
from server.features.posts.channel_mentions import link_channels
from server.features.posts.emojis import add_emojis
from server.features.posts.events import PostEdited
from server.features.posts.file_changes import change_files
from server.features.posts.hashtags import hashtags_in
from server.features.posts.integrations import with_integrations
from server.features.posts.metadata import check_message, check_props, shown
from server.features.posts.models import SYSTEM_PREFIX, Post, PostPatch, PostUpdate, StoredPost
from server.features.posts.permalinks import add_permalinks, link_post
from server.features.posts.service import given_props
from server.ids import id_at

Listener = Callable[[Context, Change, StoredPost, StoredPost], Awaitable[None]]

EDITED: list[Listener] = []
"""Called with a post as it was and as it is, inside the transaction that changes message, props or pin."""

FROM_BOT = "from_bot"
"""The prop of posts by bots: it stays what it is, whoever edits the post."""

_ARCHIVED = "api.post.update_post.can_not_update_post_in_deleted.error"


async def update_post(ctx: Context, post_id: str, body: PostUpdate) -> Post:
    """Replace the contents of a post by those of a whole one."""
    if body.id != post_id:
        raise invalid_body("id")
    return await patch_post(ctx, post_id, PostPatch(message=body.message, is_pinned=body.is_pinned, props=body.props))


async def patch_post(ctx: Context, post_id: str, patch: PostPatch, *, restored: bool = False) -> Post:
    """Change what the patch holds; another text, or other files, keep the old ones in the history of the post.

    When an older version is `restored`, files that the post had before come back.
    """
    message = patch.message
    if message is not UNSET:
        check_message(message)
    props = patch.props
    if props is not UNSET:
        props = given_props(ctx, props)
        props.pop(FROM_BOT, None)
        check_props(props)
    async with ctx.begin() as tx:
        try:
            post = await changeable_post(ctx, tx, post_id, Permission.EDIT_POST, Permission.EDIT_OTHERS_POSTS)
        except NotFound:
            raise BadRequest("api.post.update_post.find.app_error", "There is no such post.") from None
        await _check_editable(ctx, post)
        text = post.message if message is UNSET else message
        file_ids = None
        if patch.file_ids is not UNSET:
            file_ids = await change_files(ctx, tx, post, patch.file_ids, restored=restored)
        edited = await _change(
            ctx,
            tx,
            post,
            message=text,
            props=await _new_props(ctx, tx, post, text, props),
            is_pinned=post.is_pinned if patch.is_pinned is UNSET else patch.is_pinned,
            file_ids=file_ids,
        )
    await add_permalinks(ctx, [edited])
    return edited


async def rewrite_post(ctx: Context, post_id: str, message: str, props: dict[str, Any] | UnsetType) -> Post:
    """Give a post the contents that its integration wants; who asked for that needs no right to edit it.

    Raises BadRequest when it is gone or of the server itself, when its channel is archived, and for bad contents.
    """
    check_message(message)
    if props is not UNSET:
        check_props(props)
    async with ctx.begin() as tx:
        post = await queries.lock_post(tx, post_id)
        if post is None:
            raise BadRequest("api.post.update_post.find.app_error", "There is no such post.")
        await _check_changeable(ctx, post)
        new = await _new_props(ctx, tx, post, message, props)
        edited = await _change(ctx, tx, post, message=message, props=new, is_pinned=post.is_pinned)
    await add_permalinks(ctx, [edited])
    return edited


async def _change(
    ctx: Context,
    tx: Change,
    post: StoredPost,
    *,
    message: str,
    props: dict[str, Any],
    is_pinned: bool,
    file_ids: Sequence[str] | None = None,
) -> Post:
    """Store new contents of a locked post and tell them; another text, or other files, keep the old in the history."""
    now = ctx.now()
    files = post.file_ids if file_ids is None else list(file_ids)
    if message != post.message or files != post.file_ids:
        await queries.keep_version(tx, post.id, id_at(now), now)
    changed = await queries.change_post(
        tx,
        post,
        now,
        message=message,
        hashtags=hashtags_in(message, ctx.config.ServiceSettings.MinimumHashtagLength),
        props=props,
        is_pinned=is_pinned,
        file_ids=files,
    )
    for listener in EDITED:
        await listener(ctx, tx, post, changed)
    if is_pinned != post.is_pinned or files != post.file_ids:
        tx.invalidate(contents_tag(post.channel_id))
    edited = shown(changed)
    await add_emojis(ctx, [edited])
    tx.publish(PostEdited(room=await room_of(ctx, post.channel_id), post=edited))
    return edited


async def _new_props(
    ctx: Context, tx: Change, post: StoredPost, message: str, given: dict[str, Any] | UnsetType
) -> dict[str, Any]:
    """The props that an edited post gets, from those that were given or the old ones."""
    props = dict(post.props) if given is UNSET else with_integrations(given, post.props)
    if FROM_BOT in post.props:
        props[FROM_BOT] = post.props[FROM_BOT]
    place = await channel_place(ctx, post.channel_id)
    if place is not None:
        await link_channels(ctx, tx, place, message, props)
    link_post(ctx.config, message, props)
    return props


async def _check_changeable(ctx: Context, post: StoredPost) -> None:
    if post.delete_at:
        raise BadRequest("api.post.update_post.permissions_details.app_error", "The post is deleted.")
    if post.type.startswith(SYSTEM_PREFIX):
        raise BadRequest("api.post.update_post.system_message.app_error", "The server's own posts can't be changed.")
    await check_not_archived(ctx, post.channel_id, _ARCHIVED)


async def _check_editable(ctx: Context, post: StoredPost) -> None:
    await _check_changeable(ctx, post)
    limit = ctx.config.ServiceSettings.PostEditTimeLimit
    if limit >= 0 and ctx.now() > post.create_at + limit * 1000:
        raise BadRequest(
            "api.post.update_post.permissions_time_limit.app_error",
            f"A post can be changed for {limit} seconds.",
        )


async def pin_post(ctx: Context, post_id: str, pinned: bool) -> None:
    """Pin a post for everyone in its channel, or take the pin off; doing it again changes nothing."""
    async with ctx.begin() as tx:
        post = await queries.lock_post(tx, post_id)
        if post is None or post.delete_at:
            raise no_such_post()
        await check_channel(ctx, post.channel_id, Permission.READ_CHANNEL_CONTENT)
        await check_not_archived(ctx, post.channel_id, _ARCHIVED)
        if post.is_pinned == pinned:
            return
        changed = await queries.change_post(
            tx, post, ctx.now(), message=post.message, hashtags=post.hashtags, props=post.props, is_pinned=pinned
        )
        for listener in EDITED:
            await listener(ctx, tx, post, changed)
        tx.invalidate(contents_tag(post.channel_id))
        news = shown(changed)
        await add_emojis(ctx, [news])
        tx.publish(PostEdited(room=await room_of(ctx, post.channel_id), post=news))


async def edit_history(ctx: Context, post_id: str) -> list[Post]:
    """What the caller's own post said before, newest first."""
    post = await _own_post(ctx, post_id)
    versions = [shown(version) for version in await queries.versions_of(ctx.db, post.id)]
    await add_emojis(ctx, versions)
    return versions


async def restore_version(ctx: Context, post_id: str, version_id: str) -> Post:
    """Let the caller's own post say again what it said in an older version, with the files that it had."""
    post = await _own_post(ctx, post_id)
    version = await queries.version_by_id(ctx.db, post.id, version_id)
    if version is None:
        raise NotFound("app.post.restore_post_version.not_an_history_item.app_error", "There is no such version.")
    return await patch_post(ctx, post_id, PostPatch(message=version.message, file_ids=version.file_ids), restored=True)


async def _own_post(ctx: Context, post_id: str) -> StoredPost:
    post = await readable_post(ctx, post_id)
    if post.user_id != ctx.user_id:
        raise forbidden()
    await check_channel(ctx, post.channel_id, Permission.EDIT_POST)
    return post
