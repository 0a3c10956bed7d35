"""Bots over HTTP."""

from hashlib import sha1

import msgspec
from starlette.requests import Request

from server.access.guards import in_service, on_system
from server.access.permissions import Permission
from server.context import Context
from server.features.bots import convert_service, icons, service
from server.features.bots.models import Bot, BotPatch, NewBot
from server.features.users.models import User, UserPatch
from server.features.users.visible import sanitized
from server.http.params import Page, PerPage
from server.http.reply import Reply, revalidate
from server.http.router import Router
from server.http.uploads import uploaded
from server.ids import Id

router = Router("bots")

READS = in_service("system: read_bots for one's own, read_others_bots for others'")
MANAGES = in_service("system: manage_bots for one's own, manage_others_bots for others'")

_encode = msgspec.json.Encoder().encode


def _tagged(ctx: Context, value: object) -> Reply:
    content = _encode(value)
    revalidate(ctx, ctx.if_none_match, f'"{sha1(content, usedforsecurity=False).hexdigest()}"')
    return Reply(content=content)


@router.get("/bots", guard=READS)
async def get_bots(
    ctx: Context, page: Page = 0, per_page: PerPage = 60, include_deleted: bool = False, only_orphaned: bool = False
) -> Reply:
    """A page of bots; orphaned are those whose owner is deactivated."""
    bots = await service.list_bots(
        ctx, include_deleted=include_deleted, only_orphaned=only_orphaned, page=page, per_page=per_page
    )
    return _tagged(ctx, bots)


@router.post("/bots", guard=on_system(Permission.CREATE_BOT), status=201)
async def create_bot(ctx: Context, body: NewBot) -> Bot:
    """Make a bot that the caller owns."""
    return await service.create_bot(ctx, body)


@router.get("/bots/{bot_user_id}", guard=READS)
async def get_bot(ctx: Context, bot_user_id: Id, include_deleted: bool = False) -> Reply:
    """A bot."""
    return _tagged(ctx, await service.visible_bot(ctx, bot_user_id, include_deleted=include_deleted))


@router.put("/bots/{bot_user_id}", guard=MANAGES)
async def patch_bot(ctx: Context, bot_user_id: Id, body: BotPatch) -> Bot:
    """Change parts of a bot."""
    return await service.patch_bot(ctx, bot_user_id, body)


@router.post("/bots/{bot_user_id}/disable", guard=MANAGES)
async def disable_bot(ctx: Context, bot_user_id: Id) -> Bot:
    """Switch a bot off."""
    return await service.enable_bot(ctx, bot_user_id, False)


@router.post("/bots/{bot_user_id}/enable", guard=MANAGES)
async def enable_bot(ctx: Context, bot_user_id: Id) -> Bot:
    """Switch a bot on again."""
    return await service.enable_bot(ctx, bot_user_id, True)


@router.post("/bots/{bot_user_id}/assign/{user_id}", guard=MANAGES)
async def assign_bot(ctx: Context, bot_user_id: Id, user_id: Id) -> Bot:
    """Give a bot to another owner."""
    return await service.assign_bot(ctx, bot_user_id, user_id)


@router.post("/bots/{bot_user_id}/convert_to_user", guard=on_system(Permission.MANAGE_SYSTEM))
async def convert_bot_to_user(ctx: Context, bot_user_id: Id, body: UserPatch, set_system_admin: bool = False) -> User:
    """Make a bot a person with the password of the body, an administrator if wanted."""
    return await sanitized(ctx, await convert_service.to_user(ctx, bot_user_id, body, admin=set_system_admin))


@router.post("/users/{user_id}/convert_to_bot", guard=on_system(Permission.MANAGE_SYSTEM))
async def convert_user_to_bot(ctx: Context, user_id: Id) -> Bot:
    """Make a person a bot of the caller."""
    return await convert_service.to_bot(ctx, user_id)


@router.get("/bots/{bot_user_id}/icon", guard=in_service("view_members"))
async def get_bot_icon(ctx: Context, bot_user_id: Id) -> Reply:
    """The icon of a bot, an SVG drawing."""
    content, etag = await icons.icon_of(ctx, bot_user_id)
    revalidate(ctx, ctx.if_none_match, etag)
    # Images on a page show it; opened by itself it is saved, and could run nothing.
    headers = [
        ("Content-Disposition", 'attachment; filename="icon.svg"'),
        ("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "max-age=86400, private"),
    ]
    return Reply(content=content, media_type="image/svg+xml", headers=headers)


@router.post("/bots/{bot_user_id}/icon", guard=MANAGES, body_limit=icons.ICON_MAX + 64 * 1024)
async def set_bot_icon(ctx: Context, request: Request, bot_user_id: Id) -> None:
    """Upload the icon of a bot as the form field `image`."""
    await service.manageable_bot(ctx, ctx.db, bot_user_id)
    await icons.set_icon(ctx, bot_user_id, await uploaded(request, "image", icons.ICON_MAX))


@router.delete("/bots/{bot_user_id}/icon", guard=MANAGES)
async def delete_bot_icon(ctx: Context, bot_user_id: Id) -> None:
    """Take the icon from a bot."""
    await icons.delete_icon(ctx, bot_user_id)
