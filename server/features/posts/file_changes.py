"""The files of a post that is edited: some are added, some go."""

from collections.abc import Sequence

from server.access.grants import check_channel
from server.access.permissions import Permission
from server.context import Change, Context
from server.errors import BadRequest
from server.features.files.queries import attach_files, bring_back_files, detach_files
from server.features.posts.models import MAX_FILES, StoredPost
from server.ids import is_id


async def change_files(
    ctx: Context, tx: Change, post: StoredPost, wanted: Sequence[str], *, restored: bool = False
) -> list[str]:
    """Give a locked post other files, in this order; those that it has then.

    Added are files of the caller's for the channel that are in no post, or when an old version is `restored` those that
    the post had before; others are passed over. Raises BadRequest for too many, Forbidden without the right to upload.
    """
    ids = list(dict.fromkeys(filter(is_id, wanted)))
    if len(ids) > MAX_FILES:
        raise BadRequest("model.post.is_valid.file_ids.app_error", f"A post has at most {MAX_FILES} files.")
    new = [file_id for file_id in ids if file_id not in post.file_ids]
    has = set(post.file_ids)
    if new and restored:
        has.update(await bring_back_files(tx, new, post.id, ctx.now()))
    elif new:
        await check_channel(ctx, post.channel_id, Permission.UPLOAD_FILE)
        has.update(await attach_files(tx, new, post.id, ctx.user_id, post.channel_id, ctx.now()))
    gone = [file_id for file_id in post.file_ids if file_id not in ids]
    if gone:
        await detach_files(tx, gone, post.id, ctx.now())
    return [file_id for file_id in ids if file_id in has]
