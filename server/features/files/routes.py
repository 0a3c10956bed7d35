"""Files over HTTP: uploads, downloads, small pictures, public links."""

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from server.access.guards import anyone, in_service, self_or
from server.context import Context
from server.errors import BadRequest
from server.features.files import downloads, form_service, places, service, upload_queries, upload_service
from server.features.files.models import FileInfo, FileLink, FileUploadResponse, NewUpload, UploadSession
from server.http.multipart import Part, broken_form, is_form, parts_of
from server.http.reply import Reply
from server.http.router import Router
from server.ids import Id

router = Router("files")
outside = Router("files", prefix="")

READS = in_service("the uploader; once attached who may read the channel")
UPLOADS = in_service("upload_file in the channel")
CONTINUES = in_service("who began the upload, with upload_file in the channel")
SWITCH = {
    "feature": "FileSettings.EnableFileAttachments",
    "disabled_id": "api.file.attachments.disabled.app_error",
    "body_limit": 1 << 40,  # MaxFileSize is the limit; it may change while the server runs
}
AROUND = 64 * 1024
"""Bytes of a form besides its files."""


async def _body(ctx: Context, request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives; raises TooLarge as soon as it is known to be longer than a file may be."""
    limit = ctx.config.FileSettings.MaxFileSize + AROUND
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise service.too_large()
    try:
        async for chunk in service.Counted(request.stream(), limit, service.too_large()):
            yield chunk
    except ClientDisconnect:
        raise BadRequest("api.context.invalid_body_param.app_error", name="body") from None


def _parts(request: Request, body: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    return parts_of(request.headers["content-type"], body)


def _sends_form(request: Request) -> bool:
    return is_form(request.headers.get("content-type", ""))


@router.post("/files", guard=UPLOADS, status=201, **SWITCH)
async def upload_file(
    ctx: Context, request: Request, channel_id: str = "", filename: str = "", bookmark: bool = False
) -> FileUploadResponse:
    """Upload files as a form with channel_id, files and client_ids; or one as the body, with its name in the query."""
    body = _body(ctx, request)
    if _sends_form(request):
        return await form_service.upload_form(ctx, _parts(request, body), channel_id)
    return await form_service.upload_body(ctx, filename, body, channel_id)


@router.get("/files/{file_id}", guard=READS)
async def get_file(ctx: Context, request: Request, file_id: Id, download: bool = False) -> Reply:
    """A file, or the part of it that a Range header names."""
    file = await service.readable_file(ctx, file_id)
    return await downloads.file_reply(ctx, request, file.info, download=download)


@router.get("/files/{file_id}/info", guard=READS)
async def get_file_info(ctx: Context, file_id: Id) -> FileInfo:
    """What is known of a file."""
    return (await service.readable_file(ctx, file_id)).info


@router.get("/files/{file_id}/thumbnail", guard=READS)
async def get_file_thumbnail(ctx: Context, request: Request, file_id: Id, download: bool = False) -> Reply:
    """A picture in small, as JPEG: 120 pixels wide or 100 high."""
    file = await service.readable_file(ctx, file_id)
    if not file.pictured:
        raise BadRequest("api.file.get_file_thumbnail.no_thumbnail.app_error", "The file has no thumbnail.")
    place = places.thumbnail(file_id)
    return await downloads.small_reply(ctx, request, place, file.info.name, download=download)


@router.get("/files/{file_id}/preview", guard=READS)
async def get_file_preview(ctx: Context, request: Request, file_id: Id, download: bool = False) -> Reply:
    """A picture as JPEG, 1920 pixels wide at most."""
    file = await service.readable_file(ctx, file_id)
    if not file.pictured:
        raise BadRequest("api.file.get_file_preview.no_preview.app_error", "The file has no preview.")
    place = places.preview(file_id)
    return await downloads.small_reply(ctx, request, place, file.info.name, download=download)


@router.get("/files/{file_id}/link", guard=READS)
async def get_file_link(ctx: Context, request: Request, file_id: Id) -> FileLink:
    """A link to an attached file that works without login."""
    path = await service.public_path(ctx, file_id)
    site = ctx.config.ServiceSettings.SiteURL.rstrip("/") or str(request.base_url).rstrip("/")
    return FileLink(site + path)


@outside.get("/files/{file_id}/public", guard=anyone)
async def get_file_public(ctx: Context, request: Request, file_id: Id, h: str = "") -> Reply:
    """A file by its public link; `h` is the link's signature."""
    file = await service.public_file(ctx, file_id, h)
    return await downloads.file_reply(ctx, request, file.info, download=False)


@router.post("/uploads", guard=UPLOADS, status=201, **{**SWITCH, "body_limit": AROUND})
async def create_upload(ctx: Context, body: NewUpload) -> UploadSession:
    """Begin to upload a file in parts."""
    return await upload_service.create_upload(ctx, body)


@router.get("/uploads/{upload_id}", guard=in_service("who began the upload"))
async def get_upload(ctx: Context, upload_id: Id) -> UploadSession:
    """How far an upload is."""
    return await upload_service.own_upload(ctx, upload_id)


@router.post("/uploads/{upload_id}", guard=CONTINUES, **SWITCH)
async def upload_data(ctx: Context, request: Request, upload_id: Id) -> FileInfo | Reply:
    """Send the next part of a file, as the body or as the file of a form; the last one is answered with the file."""
    session = await upload_service.own_upload(ctx, upload_id)
    body = _body(ctx, request)
    if _sends_form(request):
        async for part in _parts(request, body):
            if part.filename is not None:
                info = await upload_service.add_part(ctx, session, part.content)
                break
        else:
            raise broken_form()
    else:
        info = await upload_service.add_part(ctx, session, body)
    return info if info is not None else Reply(status=204)


@router.get("/users/{user_id}/uploads", guard=self_or())
async def get_uploads_for_user(ctx: Context, user_id: Id) -> list[UploadSession]:
    """The uploads that the caller has under way."""
    return await upload_queries.sessions_of(ctx.db, user_id)
