"""Adding custom emojis and deleting them."""

from server.access.grants import has_system, has_team, team_roles_of
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, Forbidden, NotFound, forbidden
from server.features.emoji import queries
from server.features.emoji.events import EmojiAdded
from server.features.emoji.known import TAG, customs
from server.features.emoji.models import MAX_EMOJIS, Emoji, NewEmoji, RemoveReactions
from server.features.emoji.names import MAX_NAME, is_emoji_name, system_names
from server.ids import id_at
from server.storage.blobs import Blobs
from server.storage.pictures import Unreadable, too_large
from server.storage.previews import Previews

MAX_FILE = 1024 * 1024
"""Bytes of an uploaded picture."""


def place(id: str) -> str:
    """Where the picture of an emoji lies in the store of files."""
    return f"emoji/{id}/image"


def _blobs(ctx: Context) -> Blobs:
    blobs: Blobs = ctx.part(Blobs)
    return blobs


def no_such_emoji() -> NotFound:
    """404 for an emoji that is not there, or no longer."""
    return NotFound("app.emoji.get.no_result", "There is no such emoji.")


def _taken() -> BadRequest:
    return BadRequest("api.emoji.create.duplicate.app_error", "There is an emoji of this name.")


async def _may(ctx: Context, permission: Permission) -> bool:
    """Emojis belong to all teams: a permission in any of one's own is enough."""
    if await has_system(ctx, permission):
        return True
    for team_id in await team_roles_of(ctx, ctx.user_id):
        if await has_team(ctx, team_id, permission):
            return True
    return False


async def check_may_create(ctx: Context) -> None:
    """Refuse a caller who may not add emojis."""
    if not await _may(ctx, Permission.CREATE_EMOJIS):
        raise forbidden()


async def create_emoji(ctx: Context, new: NewEmoji, content: bytes) -> Emoji:
    """Add an emoji of the caller's with an uploaded picture, which becomes at most 128 pixels wide and high."""
    await check_may_create(ctx)
    if new.creator_id not in ("", ctx.user_id):
        raise Forbidden("api.emoji.create.other_user.app_error", "Nobody adds emojis in another one's name.")
    _check_name(new.name)
    if new.name in (await customs(ctx)).by_name:
        raise _taken()
    picture = await _small(ctx, content)
    now = ctx.now()
    emoji_id = id_at(now)
    await _blobs(ctx).write(place(emoji_id), picture)
    try:
        emoji = await queries.insert_emoji(
            ctx.db, emoji_id, now, ctx.user_id, new.name, animated=picture.startswith(b"GIF")
        )
        if emoji is None:
            raise await _refusal(ctx, new.name)
    except BaseException:
        await _blobs(ctx).delete(place(emoji_id))
        raise
    await ctx.tell((TAG,), [EmojiAdded(emoji=emoji)])
    return emoji


def _check_name(name: str) -> None:
    if not is_emoji_name(name):
        raise BadRequest("model.emoji.name.app_error", f"A name has 1 to {MAX_NAME} of a-z, A-Z, 0-9, -, + and _.")
    if name in system_names():
        raise BadRequest("model.emoji.system_emoji_name.app_error", "There is a system emoji of this name.")


async def _small(ctx: Context, content: bytes) -> bytes:
    previews: Previews = ctx.part(Previews)
    try:
        return await previews.emoji(content)
    except Unreadable as error:
        kind = "large_image.too_large" if error.id == too_large().id else "image"
        raise BadRequest(f"api.emoji.upload.{kind}.app_error", error.message) from error


async def _refusal(ctx: Context, name: str) -> Exception:
    if name in (await queries.all_emojis(ctx.db)).by_name:
        return _taken()
    return BadRequest("api.emoji.create.too_many.app_error", f"There are {MAX_EMOJIS} emojis, and no more can be.")


async def delete_emoji(ctx: Context, emoji_id: str) -> None:
    """Delete an emoji, one's own or with the right to it another one's, and its reactions soon after."""
    emoji = await queries.emoji_by_id(ctx.db, emoji_id)
    if emoji is None:
        raise no_such_emoji()
    if not await _may(ctx, Permission.DELETE_EMOJIS):
        raise forbidden()
    if emoji.creator_id != ctx.user_id and not await _may(ctx, Permission.DELETE_OTHERS_EMOJIS):
        raise forbidden()
    async with ctx.begin() as tx:
        now = ctx.now()
        if await queries.delete_emoji(tx, emoji_id, now) is None:
            raise no_such_emoji()
        tx.invalidate(TAG)
        tx.enqueue(RemoveReactions(emoji_name=emoji.name, until=now))
    await _blobs(ctx).delete(place(emoji_id))


async def image_of(ctx: Context, emoji_id: str) -> tuple[bytes, str]:
    """The picture of an emoji and its type."""
    animated = (await customs(ctx)).animated.get(emoji_id)
    if animated is None:
        raise no_such_emoji()
    content = await _blobs(ctx).read(place(emoji_id))
    if content is None:
        raise no_such_emoji()
    return content, "image/gif" if animated else "image/png"
