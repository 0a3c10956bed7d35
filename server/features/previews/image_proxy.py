"""Pictures from elsewhere through this server, so that readers' addresses stay unknown there."""

import asyncio
import hmac
from urllib.parse import urlsplit

from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.previews.fetcher import REDIRECTS, Fetcher
from server.features.previews.pictures import picture_in
from server.http.reply import Reply
from server.notify.outbound import OutboundError, OutboundRefused, checked_url

MAX_BYTES = 10_000_000
SECONDS = 10.0
KEPT_SECONDS = 24 * 3600

_HEADERS = (
    ("Cache-Control", f"private, max-age={KEPT_SECONDS}"),
    ("Content-Disposition", "inline"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("X-Content-Type-Options", "nosniff"),
)


def _refusal() -> BadRequest:
    return BadRequest("api.image.get.app_error", "The address of the picture is not valid.")


async def image_at(ctx: Context, url: str) -> Reply:
    """The picture at an address, or the way to it when this server does not hand pictures on."""
    settings = ctx.config.ImageProxySettings
    if url.startswith("/") and not url.startswith(("//", "/\\")):
        if not url.isprintable():
            raise _refusal()
        return _redirect(ctx.config.ServiceSettings.SiteURL.rstrip("/") + url)
    try:
        checked_url(url)
    except OutboundRefused:
        raise _refusal() from None
    if not settings.Enable or _is_ours(ctx, url):
        return _redirect(url)
    if settings.ImageProxyType == "atmos/camo":
        return _redirect(_camo(settings.RemoteImageProxyURL, settings.RemoteImageProxyOptions, url))
    return await _handed_on(ctx, url)


def _redirect(url: str) -> Reply:
    quoted = "".join(char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode()) for char in url)
    return Reply(status=302, headers=(("Location", quoted), ("Cache-Control", "no-store")))


def _is_ours(ctx: Context, url: str) -> bool:
    site = ctx.config.ServiceSettings.SiteURL
    return bool(site) and urlsplit(url).netloc.lower() == urlsplit(site).netloc.lower()


def _camo(base: str, key: str, url: str) -> str:
    """The address of a picture at a Camo server, signed as that wants it."""
    target = url.encode()
    return f"{base.rstrip('/')}/{hmac.new(key.encode(), target, 'sha1').hexdigest()}/{target.hex()}"


async def _handed_on(ctx: Context, url: str) -> Reply:
    fetcher: Fetcher = ctx.part(Fetcher)
    async with fetcher.turn() as outbound:
        try:
            answer = await outbound.send(
                "GET",
                url,
                headers={"accept": "image/png,image/jpeg,image/gif,image/webp"},
                timeout=SECONDS,
                max_bytes=MAX_BYTES,
                redirects=REDIRECTS,
            )
        except OutboundRefused:
            raise _refusal() from None
        except OutboundError as error:
            raise NotFound("api.image.get.app_error", error.reason) from None
    # What it is, is said by its contents: nothing that a browser could run passes for a picture.
    picture = await asyncio.to_thread(picture_in, answer.body) if 200 <= answer.status < 300 else None
    if picture is None:
        raise NotFound("api.image.get.app_error", "There is no picture at this address.")
    return Reply(content=answer.body, media_type=f"image/{picture.format}", headers=_HEADERS)
