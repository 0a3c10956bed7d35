"""Custom emojis over HTTP."""

from collections.abc import AsyncIterator
from typing import Literal

from starlette.requests import ClientDisconnect, Request

from server.access.guards import in_service, signed_in
from server.context import Context
from server.errors import BadRequest, TooLarge, invalid_body
from server.features.emoji import known, queries, service
from server.features.emoji.models import MAX_COMPLETED, MAX_FOUND, Emoji, EmojiSearch, Names, NewEmoji
from server.http.bodies import BodyDecoder
from server.http.multipart import is_form, parts_of
from server.http.params import Page, PerPage
from server.http.reply import Reply, revalidate
from server.http.router import Router
from server.ids import Id

router = Router("emoji")

SWITCH: dict[str, str] = {
    "feature": "ServiceSettings.EnableCustomEmoji",
    "disabled_id": "api.emoji.disabled.app_error",
}
AROUND = 16 * 1024
"""Bytes of a form besides the picture."""

KEPT = "max-age=2592000, private"
"""The picture of an emoji never changes."""

_decode = BodyDecoder(NewEmoji)


def _too_large() -> TooLarge:
    return TooLarge("api.emoji.create.too_large.app_error", "The picture of an emoji has at most 1 MiB.")


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives; raises TooLarge as soon as it is known to be longer than a picture may be."""
    limit = service.MAX_FILE + AROUND
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large()
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise _too_large()
            yield chunk
    except ClientDisconnect:
        raise invalid_body("body") from None


@router.post(
    "/emoji", guard=in_service("create_emojis in the system or in a team"), body_limit=64 * 1024 * 1024, **SWITCH
)
async def create_emoji(ctx: Context, request: Request) -> Emoji:
    """Add an emoji: a form with its picture as `image` and its name in the JSON of `emoji`."""
    await service.check_may_create(ctx)
    if not is_form(request.headers.get("content-type", "")):
        raise invalid_body("image")
    new: NewEmoji | None = None
    image = bytearray()
    async for part in parts_of(request.headers["content-type"], _body(request)):
        if part.name == "image":
            image.clear()
            async for chunk in part.content:
                image += chunk
        elif part.name == "emoji":
            new = _decode((await part.text()).encode())
    if new is None:
        raise invalid_body("emoji")
    if not image:
        raise BadRequest("api.context.invalid_body_param.app_error", "There is no picture.", name="image")
    if len(image) > service.MAX_FILE:
        raise _too_large()
    return await service.create_emoji(ctx, new, bytes(image))


@router.get("/emoji", guard=signed_in, **SWITCH)
async def get_emoji_list(
    ctx: Context, page: Page = 0, per_page: PerPage = 60, sort: Literal["", "name"] = ""
) -> list[Emoji]:
    """The custom emojis."""
    return await queries.emojis_page(ctx.db, by_name=sort == "name", limit=per_page, offset=page * per_page)


@router.get("/emoji/autocomplete", guard=signed_in, **SWITCH)
async def autocomplete_emoji(ctx: Context, name: str) -> list[Emoji]:
    """The custom emojis whose name starts so."""
    if not name:
        raise invalid_body("name")
    return await queries.search_emojis(ctx.db, name, prefix=True, limit=MAX_COMPLETED)


@router.post("/emoji/search", guard=signed_in, **SWITCH)
async def search_emoji(ctx: Context, body: EmojiSearch) -> list[Emoji]:
    """The custom emojis that match a term."""
    if not body.term:
        raise invalid_body("term")
    return await queries.search_emojis(ctx.db, body.term, prefix=body.only_prefix, limit=MAX_FOUND)


@router.post("/emoji/names", guard=signed_in, **SWITCH)
async def get_emojis_by_names(ctx: Context, body: Names) -> list[Emoji]:
    """The custom emojis of these names."""
    found = (await known.customs(ctx)).by_name
    return [found[name] for name in dict.fromkeys(body) if name in found]


@router.get("/emoji/name/{emoji_name}", guard=signed_in, **SWITCH)
async def get_emoji_by_name(ctx: Context, emoji_name: str) -> Emoji:
    """A custom emoji by its name."""
    emoji = (await known.customs(ctx)).by_name.get(emoji_name)
    if emoji is None:
        raise known.no_such_name()
    return emoji


@router.get("/emoji/{emoji_id}", guard=signed_in, **SWITCH)
async def get_emoji(ctx: Context, emoji_id: Id) -> Emoji:
    """A custom emoji."""
    emoji = await queries.emoji_by_id(ctx.db, emoji_id)
    if emoji is None:
        raise service.no_such_emoji()
    return emoji


@router.get("/emoji/{emoji_id}/image", guard=signed_in, **SWITCH)
async def get_emoji_image(ctx: Context, emoji_id: Id) -> Reply:
    """The picture of a custom emoji, a PNG or an animated GIF."""
    content, media_type = await service.image_of(ctx, emoji_id)
    ctx.reply_headers.append(("Cache-Control", KEPT))
    revalidate(ctx, ctx.if_none_match, f'"{emoji_id}"')
    return Reply(content=content, media_type=media_type, headers=[("X-Content-Type-Options", "nosniff")])


@router.delete(
    "/emoji/{emoji_id}",
    guard=in_service("delete_emojis in the system or in a team, for others' also delete_others_emojis"),
    **SWITCH,
)
async def delete_emoji(ctx: Context, emoji_id: Id) -> None:
    """Delete a custom emoji."""
    await service.delete_emoji(ctx, emoji_id)
