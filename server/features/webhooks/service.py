"""Making and managing incoming webhooks."""

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from server.access.grants import ChannelPlace, channel_place, has_channel, has_system, has_team
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, NotFound, forbidden, invalid_body
from server.features.users.lookup import get_user
from server.features.users.rules import is_username
from server.features.webhooks import queries
from server.features.webhooks.models import (
    IncomingWebhook,
    IncomingWebhooksWithCount,
    IncomingWebhookUpdate,
    NewIncomingWebhook,
)
from server.ids import new_token

DISPLAY_NAME_MAX = 64
DESCRIPTION_MAX = 500
USERNAME_MAX = 64
ICON_URL_MAX = 1024


def no_such_hook() -> NotFound:
    """404 for a hook that is not there."""
    return NotFound("app.webhooks.get_incoming.app_error", "There is no such webhook.")


def _check(hook: NewIncomingWebhook | IncomingWebhookUpdate) -> None:
    limits = (
        ("display_name", hook.display_name, DISPLAY_NAME_MAX),
        ("description", hook.description, DESCRIPTION_MAX),
        ("username", hook.username, USERNAME_MAX),
        ("icon_url", hook.icon_url, ICON_URL_MAX),
    )
    for name, text, limit in limits:
        if len(text) > limit:
            raise BadRequest(
                f"model.incoming_hook.{name}.app_error",
                f"The {name.replace('_', ' ')} of a webhook has at most {limit} characters.",
            )
    if hook.username and not is_username(hook.username):
        raise BadRequest("api.incoming_webhook.invalid_username.app_error", "The webhook's username is not valid.")


async def _posts_into(ctx: Context, channel_id: str) -> ChannelPlace:
    """A channel of a team for which the caller may have hooks: an open one, or one that the caller reads."""
    place = await channel_place(ctx, channel_id)
    if place is None:
        raise NotFound("app.channel.get.existing.app_error", "There is no such channel.")
    if not place.team_id:
        raise invalid_body("channel_id")
    if not await has_team(ctx, place.team_id, Permission.MANAGE_OWN_INCOMING_WEBHOOKS):
        raise forbidden()
    if place.type != "O" and not await has_channel(ctx, channel_id, Permission.READ_CHANNEL):
        raise forbidden()
    return place


async def _must_lock(ctx: Context, team_id: str) -> bool:
    return not await has_team(ctx, team_id, Permission.BYPASS_INCOMING_WEBHOOK_CHANNEL_LOCK)


async def create_hook(ctx: Context, new: NewIncomingWebhook) -> IncomingWebhook:
    """Make a hook for a channel; who may not let it post elsewhere gets it locked to the channel."""
    place = await _posts_into(ctx, new.channel_id)
    user_id = new.user_id or ctx.user_id
    if user_id != ctx.user_id:
        if not await has_team(ctx, place.team_id, Permission.MANAGE_OTHERS_INCOMING_WEBHOOKS):
            raise forbidden()
        if await get_user(ctx, user_id) is None:
            raise invalid_body("user_id")
    _check(new)
    settings = ctx.config.ServiceSettings
    wanted = replace(
        new,
        username=new.username if settings.EnablePostUsernameOverride else "",
        icon_url=new.icon_url if settings.EnablePostIconOverride else "",
        channel_locked=new.channel_locked or await _must_lock(ctx, place.team_id),
    )
    if await queries.count_hooks(ctx.db, team_id=place.team_id, user_id="") >= queries.MAX_HOOKS:
        raise BadRequest("app.webhooks.limit.app_error", f"A team has at most {queries.MAX_HOOKS} webhooks.")
    hook_id = new_token()
    await queries.insert_hook(ctx.db, hook_id, user_id, wanted, ctx.now())
    return await _hook(ctx, hook_id)


async def _hook(ctx: Context, hook_id: str) -> IncomingWebhook:
    hook = await queries.hook_by_id(ctx.db, hook_id)
    if hook is None:
        raise no_such_hook()
    return hook


async def manageable_hook(ctx: Context, hook_id: str) -> IncomingWebhook:
    """A hook that the caller may see and change; raises NotFound."""
    hook = await _hook(ctx, hook_id)
    await _posts_into(ctx, hook.channel_id)
    if hook.user_id != ctx.user_id and not await has_team(
        ctx, hook.team_id, Permission.MANAGE_OTHERS_INCOMING_WEBHOOKS
    ):
        raise forbidden()
    return hook


async def update_hook(ctx: Context, hook_id: str, body: IncomingWebhookUpdate) -> IncomingWebhook:
    """Replace what a hook says and where it posts, within its team."""
    if body.id != hook_id:
        raise invalid_body("hook_id")
    old = await manageable_hook(ctx, hook_id)
    place = await _posts_into(ctx, body.channel_id)
    if place.team_id != old.team_id:
        raise BadRequest("api.webhook.team_mismatch.app_error", "A webhook stays in its team.")
    _check(body)
    settings = ctx.config.ServiceSettings
    locked = old.channel_locked if body.channel_locked is UNSET else body.channel_locked
    await queries.update_hook(
        ctx.db,
        replace(
            old,
            channel_id=body.channel_id,
            display_name=body.display_name,
            description=body.description,
            username=body.username if settings.EnablePostUsernameOverride else "",
            icon_url=body.icon_url if settings.EnablePostIconOverride else "",
            channel_locked=locked or await _must_lock(ctx, old.team_id),
            update_at=ctx.now(),
        ),
    )
    await ctx.tell([f"hook:{hook_id}"])
    return await _hook(ctx, hook_id)


async def delete_hook(ctx: Context, hook_id: str) -> None:
    """End a hook; its address leads nowhere from then on."""
    await manageable_hook(ctx, hook_id)
    await queries.delete_hook(ctx.db, hook_id)
    await ctx.tell([f"hook:{hook_id}"])


async def _may(ctx: Context, team_id: str, permission: Permission) -> bool:
    return await has_team(ctx, team_id, permission) if team_id else await has_system(ctx, permission)


async def list_hooks(
    ctx: Context, team_id: str, page: int, per_page: int, *, count: bool
) -> Sequence[IncomingWebhook] | IncomingWebhooksWithCount:
    """A page of the hooks of a team ("" for all teams): one's own, and for those who may manage them everybody's."""
    if not await _may(ctx, team_id, Permission.MANAGE_OWN_INCOMING_WEBHOOKS):
        raise forbidden()
    others = await _may(ctx, team_id, Permission.MANAGE_OTHERS_INCOMING_WEBHOOKS)
    user_id = "" if others else ctx.user_id
    hooks = await queries.list_hooks(ctx.db, team_id=team_id, user_id=user_id, page=page, per_page=per_page)
    if not count:
        return hooks
    return IncomingWebhooksWithCount(hooks, await queries.count_hooks(ctx.db, team_id=team_id, user_id=user_id))
