"""Pictures of people over HTTP."""

from starlette.requests import Request

from server.access.guards import in_service, self_or
from server.context import Context
from server.features.users import lookup, picture_service
from server.features.users.avatars import avatar
from server.http.reply import Reply, revalidate
from server.http.router import Router
from server.http.uploads import uploaded
from server.ids import Id

router = Router("users")

PNG = "image/png"
BODY_LIMIT = 104_857_600 + 64 * 1024
"""MaxFileSize is checked too, but never more than this is read."""

KEPT = "max-age=86400, private"
KEPT_SHORTLY = "max-age=300, private"


@router.get("/users/{user_id}/image", guard=in_service("view_members"))
async def get_profile_image(ctx: Context, user_id: Id) -> Reply:
    """The picture of a user."""
    user = await lookup.visible_user(ctx, user_id)
    content, etag = await picture_service.picture_of(ctx, user)
    if etag:
        ctx.reply_headers.append(("Cache-Control", KEPT))
        revalidate(ctx, ctx.if_none_match, etag)
        return Reply(content=content, media_type=PNG)
    return Reply(content=content, media_type=PNG, headers=[("Cache-Control", KEPT_SHORTLY)])


@router.get("/users/{user_id}/image/default", guard=in_service("view_members"))
async def get_default_profile_image(ctx: Context, user_id: Id) -> Reply:
    """The generated picture of a user."""
    user = await lookup.visible_user(ctx, user_id)
    content = await avatar(user.id, user.username)
    return Reply(content=content, media_type=PNG, headers=[("Cache-Control", KEPT_SHORTLY)])


@router.post("/users/{user_id}/image", guard=self_or(), body_limit=BODY_LIMIT)
async def set_profile_image(ctx: Context, request: Request, user_id: Id) -> None:
    """Upload the picture of a user as the form field `image`."""
    limit = ctx.config.FileSettings.MaxFileSize
    await picture_service.set_picture(ctx, user_id, await uploaded(request, "image", limit))


@router.delete("/users/{user_id}/image", guard=self_or())
async def set_default_profile_image(ctx: Context, user_id: Id) -> None:
    """Give a user the generated picture again."""
    await picture_service.reset_picture(ctx, user_id)
