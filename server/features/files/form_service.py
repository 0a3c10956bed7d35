"""Uploads that come whole: a form with several files, or one file as the body."""

from collections.abc import AsyncIterable, AsyncIterator

from msgspec import Struct, field

from server.context import Context
from server.errors import BadRequest, invalid_body
from server.features.files.models import MAX_AT_ONCE, FileUploadResponse, StoredFile
from server.features.files.service import check_upload, discard, keep, store
from server.http.multipart import Part
from server.ids import is_id

MAX_CLIENT_ID = 256


class _Form(Struct):
    """What a form has held so far. The channel may come before or after the files."""

    channel_id: str = ""
    client_ids: list[str] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)


async def upload_form(ctx: Context, parts: AsyncIterator[Part], channel_id: str) -> FileUploadResponse:
    """Store the files of a form; all of them or, when anything is wrong, none."""
    form = _Form(channel_id)
    if channel_id:
        await _check_channel(ctx, channel_id)
    try:
        async for part in parts:
            await _take(ctx, form, part)
        if not form.channel_id:
            raise invalid_body("channel_id")
        if not form.files:
            raise BadRequest("api.file.upload_file.incorrect_number_of_files.app_error", "There is no file.")
        if form.client_ids and len(form.client_ids) != len(form.files):
            raise BadRequest(
                "api.file.upload_file.incorrect_number_of_client_ids.app_error",
                "There must be as many client_ids as files.",
            )
        infos = await keep(ctx, form.channel_id, form.files)
    except BaseException:
        await discard(ctx, [file.info.id for file in form.files])
        raise
    return FileUploadResponse(infos, form.client_ids)


async def _take(ctx: Context, form: _Form, part: Part) -> None:
    if part.filename is not None:
        if len(form.files) == MAX_AT_ONCE:
            raise BadRequest(
                "api.file.upload_file.incorrect_number_of_files.app_error", f"At most {MAX_AT_ONCE} files at once."
            )
        form.files.append(await store(ctx, part.filename, part.content))
    elif part.name == "channel_id":
        channel_id = await part.text()
        if form.channel_id not in ("", channel_id):
            raise BadRequest(
                "api.file.upload_file.multiple_channel_ids.app_error", "The files are for more than one channel."
            )
        form.channel_id = channel_id
        await _check_channel(ctx, channel_id)
    elif part.name == "client_ids":
        form.client_ids.append(await part.text(MAX_CLIENT_ID))


async def upload_body(ctx: Context, name: str, chunks: AsyncIterable[bytes], channel_id: str) -> FileUploadResponse:
    """Store one file that is a whole request."""
    if not name:
        raise invalid_body("filename")
    await _check_channel(ctx, channel_id)
    file = await store(ctx, name, chunks)
    try:
        infos = await keep(ctx, channel_id, [file])
    except BaseException:
        await discard(ctx, [file.info.id])
        raise
    return FileUploadResponse(infos, [])


async def _check_channel(ctx: Context, channel_id: str) -> None:
    if not is_id(channel_id):
        raise invalid_body("channel_id")
    await check_upload(ctx, channel_id)
