"""Files one by one: storing what is uploaded, who may see it, and links that need no login."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

from server.access.grants import check_channel, may_read_channel
from server.access.installation import LastingSecret, lasting_secret
from server.access.permissions import Permission
from server.context import Change, Context
from server.errors import ApiError, BadRequest, NotAvailable, NotFound, TooLarge, forbidden
from server.features.files import places, queries
from server.features.files.models import FileInfo, StoredFile
from server.features.files.names import extension_of, safe_name, type_of
from server.ids import id_at
from server.storage.blobs import Blobs
from server.storage.previews import Pictured, Previews

KEPT: list[Callable[[Context, Change, Sequence[StoredFile]], Awaitable[None]]] = []
"""Called with files that were uploaded, inside the transaction that notes them."""

PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/bmp", "image/x-ms-bmp", "image/webp"))
"""Types that have thumbnails and previews."""


def too_large() -> TooLarge:
    """413 for a file over MaxFileSize."""
    return TooLarge("api.file.upload_file.too_large_detailed.app_error", "The file is too large.")


def no_such_file() -> NotFound:
    """404 for a file that is not there, or no longer."""
    return NotFound("app.file_info.get.app_error", "There is no such file.")


def blobs_of(ctx: Context) -> Blobs:
    """The store of files."""
    blobs: Blobs = ctx.part(Blobs)
    return blobs


class Counted:
    """A stream that knows how much has gone through it, and raises `refusal` past `limit` bytes."""

    def __init__(self, chunks: AsyncIterable[bytes], limit: int, refusal: ApiError) -> None:
        self.size = 0
        self._chunks = chunks
        self._limit = limit
        self._refusal = refusal

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks."""
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise self._refusal
            yield chunk


async def check_upload(ctx: Context, channel_id: str) -> None:
    """Refuse a caller who may not upload files into a channel."""
    await check_channel(ctx, channel_id, Permission.UPLOAD_FILE)


async def store(ctx: Context, given_name: str, chunks: AsyncIterable[bytes]) -> StoredFile:
    """Put the contents of a file into the store, with small pictures of a picture. It is in no channel yet.

    Raises TooLarge over MaxFileSize, BadRequest for a bad name or a picture of too many pixels; nothing is left then.
    """
    name = safe_name(given_name)
    now = ctx.now()
    file_id = id_at(now)
    counted = Counted(chunks, ctx.config.FileSettings.MaxFileSize, too_large())
    await blobs_of(ctx).write(places.original(file_id), aiter(counted))
    info = FileInfo(
        id=file_id,
        user_id=ctx.user_id,
        channel_id="",
        create_at=now,
        update_at=now,
        delete_at=0,
        name=name,
        extension=extension_of(name),
        size=counted.size,
        mime_type=type_of(name),
        mini_preview=None,
        remote_id="",
        archived=False,
    )
    found = await _pictured(ctx, info)
    if found is None:
        return StoredFile(info)
    info.width, info.height, info.mini_preview = found.width, found.height, found.mini
    info.has_preview_image = found.made and not found.animated
    return StoredFile(info, found.made)


async def _pictured(ctx: Context, info: FileInfo) -> Pictured | None:
    """The small pictures of a picture; one of too many pixels is taken out of the store again."""
    if info.mime_type not in PICTURES or not info.size:
        return None
    previews: Previews = ctx.part(Previews)
    limit = ctx.config.FileSettings.MaxImageResolution
    try:
        return await previews.make(places.original(info.id), places.thumbnail(info.id), places.preview(info.id), limit)
    except ApiError:
        await discard(ctx, [info.id])
        raise


async def discard(ctx: Context, ids: Sequence[str]) -> None:
    """Take the contents of files out of the store."""
    paths = [place(each) for each in ids for place in (places.original, places.thumbnail, places.preview)]
    await blobs_of(ctx).delete(*paths)


async def keep(ctx: Context, channel_id: str, files: Sequence[StoredFile]) -> list[FileInfo]:
    """Note stored files as the caller's uploads to a channel."""
    for file in files:
        file.info.channel_id = channel_id
    async with ctx.begin() as tx:
        await queries.insert_files(tx, files)
        for listener in KEPT:
            await listener(ctx, tx, files)
    return [file.info for file in files]


async def readable_file(ctx: Context, file_id: str) -> StoredFile:
    """A file for its uploader, and once it is attached for the readers of the channel; raises NotFound, Forbidden."""
    file = await queries.file_by_id(ctx.db, file_id)
    if file is None:
        raise no_such_file()
    info = file.info
    if info.user_id != ctx.user_id and not (file.is_attached and await may_read_channel(ctx, info.channel_id)):
        raise forbidden()
    return file


async def public_file(ctx: Context, file_id: str, signature: str) -> StoredFile:
    """A file whose link has the right signature; raises BadRequest, NotFound, or NotAvailable."""
    _check_public(ctx)
    if not hmac.compare_digest((await _signature(ctx, file_id)).encode(), signature.encode()):
        raise BadRequest("api.file.get_file.public_invalid.app_error", "The link to this file is not valid.")
    file = await queries.file_by_id(ctx.db, file_id)
    if file is None or not file.is_attached:
        raise no_such_file()
    return file


async def public_path(ctx: Context, file_id: str) -> str:
    """The path of a link to a file that a post has; anybody who has the link may read the file."""
    _check_public(ctx)
    file = await readable_file(ctx, file_id)
    if not file.is_attached:
        raise BadRequest("api.file.get_public_link.no_post.app_error", "The file is not attached to a post.")
    return f"/files/{file_id}/public?h={await _signature(ctx, file_id)}"


def _check_public(ctx: Context) -> None:
    if not ctx.config.FileSettings.EnablePublicLink:
        raise NotAvailable("api.file.get_public_link.disabled.app_error", "Public links are switched off.")


async def _signature(ctx: Context, file_id: str) -> str:
    salt = ctx.config.FileSettings.PublicLinkSalt.encode() or await lasting_secret(ctx, LastingSecret.PUBLIC_LINKS)
    digest = hashlib.sha256(salt + file_id.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
