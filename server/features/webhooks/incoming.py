"""Taking what is sent to an incoming hook: whose it is, and into which channel it goes."""

from server.access.grants import ChannelPlace, channel_place, has_channel, may_read_channel
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, Forbidden, NotFound
from server.features.channels.direct import create_direct
from server.features.channels.queries import channel_by_name
from server.features.users.lookup import acting_as, get_user
from server.features.users.queries import user_by_username
from server.features.webhooks import queries
from server.features.webhooks.models import IncomingWebhook, WebhookPayload
from server.features.webhooks.posting import Look, post_payload
from server.ids import is_id

USE_NOTED_EVERY = 60_000
"""Milliseconds after which another use of a hook is worth a write."""


async def known_hook(ctx: Context, hook_id: str) -> IncomingWebhook:
    """The hook of an address, from the cache when it knows it; raises BadRequest for an unknown one."""

    async def load() -> IncomingWebhook | None:
        return await queries.hook_by_id(ctx.db, hook_id)

    def tags(hook: IncomingWebhook | None) -> tuple[str, ...]:
        return (f"hook:{hook_id}", f"channel:{hook.channel_id}") if hook else ()

    hook = await ctx.cache.get(("hook", hook_id), tags, load) if is_id(hook_id) else None
    if hook is None:
        raise BadRequest("web.incoming_webhook.invalid.app_error", "There is no such webhook.")
    return hook


def _no_such_user() -> BadRequest:
    return BadRequest("web.incoming_webhook.user.app_error", "The webhook's user can't be found.")


async def deliver(ctx: Context, hook: IncomingWebhook, payload: WebhookPayload) -> None:
    """Post a payload as the owner of the hook; a long text becomes several posts."""
    if not payload.text and not payload.attachments:
        raise BadRequest("web.incoming_webhook.text.app_error", "A webhook needs a text or attachments.")
    owner = await get_user(ctx, hook.user_id)
    if owner is None or owner.delete_at:
        raise _no_such_user()
    acting = acting_as(ctx, owner)
    place = await _place(acting, hook, payload.channel.strip())
    look = Look(hook.display_name, hook.username, hook.icon_url)
    await post_payload(acting, payload, look, channel_id=place.id)
    await _note_use(ctx, hook)


async def _note_use(ctx: Context, hook: IncomingWebhook) -> None:
    now = ctx.now()
    if now - hook.last_used >= USE_NOTED_EVERY:
        await queries.set_last_used(ctx.db, hook.id, now)
        await ctx.tell([f"hook:{hook.id}"])


async def _place(ctx: Context, hook: IncomingWebhook, name: str) -> ChannelPlace:
    """Where a payload goes: to the hook's channel, or to the one it names as "#name", "name", id or "@user"."""
    channel_id = hook.channel_id if not name else await _named(ctx, hook, name)
    place = await channel_place(ctx, channel_id) if channel_id else None
    if place is None:
        raise NotFound("web.incoming_webhook.channel.app_error", "The webhook's channel can't be found.")
    if hook.channel_locked and place.id != hook.channel_id:
        raise _locked()
    open_to_all = place.type == "O" and place.team_id == hook.team_id
    reads = may_read_channel if place.type == "O" else _is_in
    if not open_to_all and not await reads(ctx, place.id):
        raise Forbidden("web.incoming_webhook.permissions.app_error", "The webhook may not post into this channel.")
    return place


async def _is_in(ctx: Context, channel_id: str) -> bool:
    return await has_channel(ctx, channel_id, Permission.READ_CHANNEL_CONTENT)


def _locked() -> Forbidden:
    return Forbidden("web.incoming_webhook.channel_locked.app_error", "The webhook posts into its own channel only.")


async def _named(ctx: Context, hook: IncomingWebhook, name: str) -> str:
    """The id of the channel that a payload names, "" for none."""
    if name.startswith("@"):
        if hook.channel_locked:
            raise _locked()
        user = await user_by_username(ctx.db, name[1:].lower())
        if user is None:
            raise _no_such_user()
        return (await create_direct(ctx, [ctx.user_id, user.id])).id
    channel = await channel_by_name(ctx.db, hook.team_id, name.removeprefix("#").lower(), True)
    if channel is not None:
        return channel.id
    return name if is_id(name) else ""
