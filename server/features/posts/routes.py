"""Posts one by one: writing, reading, changing and deleting them."""

from server.access.guards import all_of, in_service, self_or
from server.config.client import VERSION
from server.context import Context
from server.features.files.models import FileInfo
from server.features.files.queries import files_of
from server.features.posts import (
    access,
    change_service,
    delete_service,
    ephemeral,
    list_queries,
    move_service,
    service,
    unread_service,
)
from server.features.posts.access import readable_post
from server.features.posts.emojis import add_emojis
from server.features.posts.lists import readable
from server.features.posts.metadata import shown, shown_deleted
from server.features.posts.models import (
    ChannelUnreadAt,
    MoveThread,
    NewEphemeral,
    NewPost,
    Post,
    PostIds,
    PostInfo,
    PostPatch,
    PostUpdate,
    SetUnread,
)
from server.features.posts.permalinks import add_permalinks, changed_sources
from server.http.reply import revalidate
from server.http.router import LARGE_BODY, Router
from server.ids import Id

router = Router("posts")

EDITS = in_service("edit_post in the channel for one's own, edit_others_posts for others'")
DELETES = in_service("delete_post in the channel for one's own, delete_others_posts; for good: manage_system")
READS = in_service("who may read the channel of the post")
AS_BEFORE = SetUnread()
IS_AUTHOR = in_service("the author, with edit_post in the channel")


@router.post(
    "/posts",
    guard=in_service("create_post in the channel, create_post_public in public ones"),
    status=201,
    body_limit=LARGE_BODY,
)
async def create_post(ctx: Context, body: NewPost, set_online: bool = True, silent: bool = False) -> Post:
    """Write a post into a channel, or a reply when root_id is set."""
    return await service.create_post(ctx, body, set_online=set_online)


@router.post(
    "/posts/ephemeral", guard=in_service("create_post_ephemeral in the channel"), status=201, body_limit=LARGE_BODY
)
async def create_post_ephemeral(ctx: Context, body: NewEphemeral) -> Post:
    """Show one user a post that is not stored."""
    return await ephemeral.create_ephemeral(ctx, body)


@router.post("/posts/ids", guard=in_service("posts that the caller may not read are left out"))
async def get_posts_by_ids(ctx: Context, body: PostIds) -> list[Post]:
    """Posts by their ids."""
    rows = await list_queries.chosen(ctx.db, body)
    return await readable(ctx, rows)


@router.get("/posts/{post_id}", guard=READS)
async def get_post(ctx: Context, post_id: Id, include_deleted: bool = False, retain_content: bool = False) -> Post:
    """A post. Deleted ones are for administrators, without their content unless retain_content is set."""
    row = await readable_post(ctx, post_id, deleted=include_deleted)
    post = shown_deleted(row) if row.delete_at and not retain_content else shown(row)
    await add_emojis(ctx, [post])
    await add_permalinks(ctx, [post])
    etag = f"{VERSION}.{row.id}.{row.update_at}.{int(retain_content)}.{changed_sources([post])}"
    revalidate(ctx, ctx.if_none_match, etag)
    return post


@router.put("/posts/{post_id}", guard=EDITS, body_limit=LARGE_BODY)
async def update_post(ctx: Context, post_id: Id, body: PostUpdate) -> Post:
    """Replace the contents of a post."""
    return await change_service.update_post(ctx, post_id, body)


@router.put("/posts/{post_id}/patch", guard=EDITS, body_limit=LARGE_BODY)
async def patch_post(ctx: Context, post_id: Id, body: PostPatch) -> Post:
    """Change parts of a post."""
    return await change_service.patch_post(ctx, post_id, body)


@router.delete("/posts/{post_id}", guard=DELETES)
async def delete_post(ctx: Context, post_id: Id, permanent: bool = False) -> None:
    """Delete a post, and with the first post of a thread all its replies."""
    if permanent:
        await delete_service.remove_post(ctx, post_id)
    else:
        await delete_service.delete_post(ctx, post_id)


@router.post(
    "/posts/{post_id}/move",
    guard=in_service("delete_post for one's own, delete_others_posts; create_post in the other channel; in both"),
)
async def move_thread(ctx: Context, post_id: Id, body: MoveThread) -> None:
    """Move the thread of a post to another channel."""
    await move_service.move_thread(ctx, post_id, body.channel_id)


@router.post("/posts/{post_id}/pin", guard=READS)
async def pin_post(ctx: Context, post_id: Id) -> None:
    """Pin a post for everyone in its channel."""
    await change_service.pin_post(ctx, post_id, True)


@router.post("/posts/{post_id}/unpin", guard=READS)
async def unpin_post(ctx: Context, post_id: Id) -> None:
    """Take the pin off a post."""
    await change_service.pin_post(ctx, post_id, False)


@router.get("/posts/{post_id}/edit_history", guard=IS_AUTHOR)
async def get_edit_history_for_post(ctx: Context, post_id: Id) -> list[Post]:
    """What a post said before it was edited, newest first."""
    return await change_service.edit_history(ctx, post_id)


@router.post("/posts/{post_id}/restore/{restore_version_id}", guard=IS_AUTHOR)
async def restore_post_version(ctx: Context, post_id: Id, restore_version_id: Id) -> Post:
    """Let a post say again what it said in an older version."""
    return await change_service.restore_version(ctx, post_id, restore_version_id)


@router.get("/posts/{post_id}/files/info", guard=READS)
async def get_file_infos_for_post(ctx: Context, post_id: Id, include_deleted: bool = False) -> list[FileInfo]:
    """The files of a post."""
    row = await readable_post(ctx, post_id, deleted=include_deleted)
    return await files_of(ctx.db, row.id, row.file_ids, deleted=include_deleted) if row.file_ids else []


@router.get("/posts/{post_id}/info", guard=in_service("who may read the channel of the post, or join it"))
async def get_post_info(ctx: Context, post_id: Id) -> PostInfo:
    """Where a post is: its channel and team, and whether the caller is in them."""
    return await access.post_info(ctx, post_id)


@router.post("/users/{user_id}/posts/{post_id}/set_unread", guard=all_of(self_or(), READS))
async def set_post_unread(ctx: Context, user_id: Id, post_id: Id, body: SetUnread = AS_BEFORE) -> ChannelUnreadAt:
    """Make a channel unread for a user from a post on."""
    return await unread_service.set_unread(ctx, user_id, post_id, collapsed_supported=body.collapsed_threads_supported)
