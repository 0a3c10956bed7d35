"""Uploads in parts: begun, continued where the last part ended, and a file when the last one has come."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence

from server.context import Context
from server.errors import BadRequest, NotFound, TooLarge, TooManyRequests, forbidden
from server.features.files import places, upload_queries
from server.features.files.models import FileInfo, NewUpload, UploadSession
from server.features.files.names import safe_name
from server.features.files.service import Counted, blobs_of, check_upload, discard, keep, store
from server.ids import id_at, new_id

LEAST_FIRST = 5 * 1024 * 1024
"""Bytes of a first part that is not the whole file."""
MAX_PARTS = 1000
KEPT_MS = 3 * 24 * 3600 * 1000
"""How long an upload may take."""


async def create_upload(ctx: Context, new: NewUpload) -> UploadSession:
    """Begin an upload of the caller's."""
    name = safe_name(new.filename)
    await check_upload(ctx, new.channel_id)
    if new.file_size > ctx.config.FileSettings.MaxFileSize:
        raise TooLarge("api.upload.create.upload_too_large.app_error", "The file is too large.")
    now = ctx.now()
    session = UploadSession(
        id=id_at(now),
        type="attachment",
        create_at=now,
        user_id=ctx.user_id,
        channel_id=new.channel_id,
        filename=name,
        file_size=new.file_size,
    )
    if not await upload_queries.insert_session(ctx.db, session):
        raise TooManyRequests("api.upload.create.too_many.app_error", "There are too many uploads under way.")
    return session


async def own_upload(ctx: Context, upload_id: str) -> UploadSession:
    """An upload of the caller's; raises NotFound or Forbidden."""
    session = await upload_queries.session_by_id(ctx.db, upload_id)
    if session is None:
        raise NotFound("app.upload.get.app_error", "There is no such upload.")
    if session.user_id != ctx.user_id:
        raise forbidden()
    return session


async def add_part(ctx: Context, session: UploadSession, chunks: AsyncIterable[bytes]) -> FileInfo | None:
    """Store the next part; the file when it was the last, else None. Raises BadRequest for too little or too much."""
    await check_upload(ctx, session.channel_id)
    left = session.file_size - session.file_offset
    place = places.part(session.id, new_id())
    counted = Counted(chunks, left, _wrong_length())
    await blobs_of(ctx).write(place, aiter(counted))
    try:
        if (counted.size == 0 and left) or _too_little(session, counted.size):
            raise _wrong_length()
        parts = await upload_queries.add_part(ctx.db, session, place, counted.size, MAX_PARTS)
        if parts is None:
            raise BadRequest("api.upload.upload_data.multiple_uploads.app_error", "Another part came in the meantime.")
    except BaseException:
        await blobs_of(ctx).delete(place)
        raise
    return await _finish(ctx, session, parts) if counted.size == left else None


def _too_little(session: UploadSession, size: int) -> bool:
    return session.file_offset == 0 and size < min(LEAST_FIRST, session.file_size)


def _wrong_length() -> BadRequest:
    return BadRequest(
        "api.upload.upload_data.invalid_content_length",
        f"A part must fit into the file, and the first one have {LEAST_FIRST} bytes unless it is the whole.",
    )


async def _finish(ctx: Context, session: UploadSession, parts: Sequence[str]) -> FileInfo:
    try:
        file = await store(ctx, session.filename, _joined(ctx, parts))
    except BadRequest:  # what it holds is refused, and would be again
        await upload_queries.end_session(ctx.db, session.id)
        await blobs_of(ctx).delete(*parts)
        raise
    if not await upload_queries.end_session(ctx.db, session.id):
        await discard(ctx, [file.info.id])
        raise NotFound("app.upload.get.app_error", "There is no such upload.")
    (info,) = await keep(ctx, session.channel_id, [file])
    await blobs_of(ctx).delete(*parts)
    return info


async def _joined(ctx: Context, parts: Sequence[str]) -> AsyncIterator[bytes]:
    for part in parts:
        blob = await blobs_of(ctx).open(part)
        if blob is None:
            raise NotFound("app.upload.get.app_error", "There is no such upload.")
        async for chunk in blob.chunks:
            yield chunk
