"""What clients ask about addresses: previews of pages, pictures, and where an address leads."""

from server.access.guards import signed_in
from server.context import Context
from server.errors import invalid_body
from server.features.previews import listeners, service
from server.features.previews.fetcher import SECONDS, Fetcher
from server.features.previews.image_proxy import image_at
from server.features.previews.models import Address, Location, OpenGraph
from server.http.reply import Reply
from server.http.router import Router
from server.notify.outbound import OutboundError, OutboundRefused, checked_url

MAX_LOCATION = 2048

router = Router("previews")

listeners.listen()


def _check(url: str) -> None:
    try:
        checked_url(url)
    except OutboundRefused:
        raise invalid_body("url") from None


@router.post(
    "/opengraph",
    guard=signed_in,
    feature="ServiceSettings.EnableLinkPreviews",
    disabled_id="api.post.link_preview_disabled.app_error",
)
async def open_graph(ctx: Context, body: Address) -> OpenGraph:
    """What the page at an address says of itself."""
    _check(body.url)
    return await service.open_graph_of(ctx, body.url)


@router.get("/redirect_location", guard=signed_in)
async def get_redirect_location(ctx: Context, url: str) -> Location:
    """Where an address leads on to; nowhere when it does not, or when previews of links are switched off."""
    if not ctx.config.ServiceSettings.EnableLinkPreviews:
        return Location()
    _check(url)
    if service.is_restricted(ctx, url):
        return Location()
    fetcher: Fetcher = ctx.part(Fetcher)
    async with fetcher.turn() as outbound:
        try:
            answer = await outbound.send("HEAD", url, timeout=SECONDS, max_bytes=1)
        except OutboundError:
            return Location()
    location = answer.headers.get("location", "")
    return Location(location if len(location) <= MAX_LOCATION else "")


@router.get("/image", guard=signed_in)
async def get_image(ctx: Context, url: str) -> Reply:
    """A picture from elsewhere: itself with the image proxy, else the way to it."""
    return await image_at(ctx, url)
