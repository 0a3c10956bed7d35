"""Icons of bots: SVG drawings that older clients show beside their names."""

from xml.parsers import expat

from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.bots import queries
from server.features.bots.service import manageable_bot
from server.features.users.lookup import visible_user
from server.features.users.news import tell_updated
from server.storage.blobs import Blobs

ICON_MAX = 256 * 1024
"""Bytes of an icon."""

MAX_DEPTH = 100


def place(user_id: str) -> str:
    """Where the icon of a bot lies in the store of files."""
    return f"bots/{user_id}/icon.svg"


def _blobs(ctx: Context) -> Blobs:
    blobs: Blobs = ctx.part(Blobs)
    return blobs


class _NotSvg(Exception):
    pass


def is_svg(content: bytes) -> bool:
    """Whether it is an SVG drawing: one without a DTD, so that nothing in it can grow when it is read."""
    open_elements: list[str] = []
    root: list[str] = []

    def begin(name: str, attributes: object) -> None:
        open_elements.append(name)
        if len(open_elements) == 1:
            root.append(name.rpartition("}")[2])
        if len(open_elements) > MAX_DEPTH:
            raise _NotSvg

    def refuse(*parts: object) -> None:
        raise _NotSvg

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda name: open_elements.pop()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, _NotSvg, ValueError, LookupError):
        return False
    return root == ["svg"]


async def icon_of(ctx: Context, user_id: str) -> tuple[bytes, str]:
    """The icon of a bot and its ETag; raises NotFound when it has none."""
    await visible_user(ctx, user_id)
    bot = await queries.bot_by_id(ctx.db, user_id)
    content = await _blobs(ctx).read(place(user_id)) if bot is not None and bot.last_icon_update else None
    if bot is None or content is None:
        raise NotFound("api.bot.get_bot_icon_image.read.app_error", "The bot has no icon.")
    return content, str(bot.last_icon_update)


async def set_icon(ctx: Context, user_id: str, content: bytes) -> None:
    """Make an uploaded drawing the icon of a bot, which the caller manages; raises BadRequest for what is no SVG."""
    if not is_svg(content):
        raise BadRequest("api.bot.set_bot_icon_image.parse.app_error", "An icon is an SVG drawing without a DTD.")
    await _blobs(ctx).write(place(user_id), content)
    await _store(ctx, user_id, ctx.now())


async def delete_icon(ctx: Context, user_id: str) -> None:
    """Take the icon from a bot."""
    await _store(ctx, user_id, 0)
    await _blobs(ctx).delete(place(user_id))


async def _store(ctx: Context, user_id: str, last_icon_update: int) -> None:
    async with ctx.begin() as tx:
        await manageable_bot(ctx, tx, user_id)
        user = await queries.set_icon_update(tx, user_id, last_icon_update, ctx.now())
        if user is not None:
            await tell_updated(ctx, tx, user)
