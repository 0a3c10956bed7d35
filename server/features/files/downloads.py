"""Files as replies: whole or in ranges, shown in the browser only when they can do no harm there."""

from starlette.requests import Request

from server.context import Context
from server.features.files import places
from server.features.files.models import FileInfo
from server.features.files.names import UNKNOWN, disposition
from server.features.files.service import blobs_of, no_such_file
from server.http.ranges import wanted_range
from server.http.reply import NotModified, Reply

JPEG = "image/jpeg"
KEPT = "max-age=86400, private"

INLINE = frozenset(
    (
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/x-ms-bmp",
        "video/mp4",
        "video/webm",
        "video/ogg",
        "video/quicktime",
        "video/mpeg",
        "video/x-msvideo",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/wav",
        "audio/x-wav",
        "audio/webm",
        "audio/flac",
        "audio/aac",
    )
)
"""Types that a browser may show by itself: those that nothing in them is run of."""

# A picture of this type is drawn by pages that name it in <img>, where its scripts don't run.
SVG = "image/svg+xml"
_PLAIN_INSTEAD = ("text/html", "application/xhtml", "application/xml", "text/xml", "text/css", "application/javascript")

POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"


async def file_reply(ctx: Context, request: Request, info: FileInfo, *, download: bool) -> Reply:
    """What was uploaded."""
    kind = "inline" if info.mime_type in INLINE and not download else "attachment"
    return await _reply(ctx, request, places.original(info.id), served_type(info.mime_type), kind, info.name)


async def small_reply(ctx: Context, request: Request, place: str, name: str, *, download: bool) -> Reply:
    """A thumbnail or a preview; `name` is that of the file."""
    stem = name.rpartition(".")[0] or name
    return await _reply(ctx, request, place, JPEG, "attachment" if download else "inline", f"{stem}.jpg")


def served_type(mime_type: str) -> str:
    """The type that a file is sent with: what browsers would run is plain text."""
    if mime_type.startswith(_PLAIN_INSTEAD) or mime_type == "text/javascript":
        return "text/plain"
    if mime_type.endswith("+xml") and mime_type != SVG:
        return UNKNOWN
    return mime_type


async def _reply(ctx: Context, request: Request, place: str, media_type: str, kind: str, name: str) -> Reply:
    etag = f'"{place.replace("/", ".")}"'
    if etag in (tag.strip().removeprefix("W/") for tag in ctx.if_none_match.split(",")):
        ctx.reply_headers.append(("Cache-Control", KEPT))
        raise NotModified(etag)
    size = await blobs_of(ctx).size(place)
    if size is None:
        raise no_such_file()
    headers = [
        ("ETag", etag),
        ("Cache-Control", KEPT),
        ("Accept-Ranges", "bytes"),
        ("Content-Disposition", disposition(kind, name)),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", POLICY),
    ]
    part = None
    if request.headers.get("if-range", etag) == etag and request.method == "GET":
        part = wanted_range(request.headers.get("range", ""), size)
    start, end = part or (0, size)
    if part is not None:
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
    reply = Reply(status=206 if part else 200, media_type=media_type, headers=headers, length=end - start)
    if request.method == "GET":
        blob = await blobs_of(ctx).open(place, start, end)
        if blob is None:
            raise no_such_file()
        reply.chunks = blob.chunks
    return reply
