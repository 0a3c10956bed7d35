"""Making and managing outgoing webhooks."""

from msgspec import UNSET
from msgspec.structs import replace

from server.access.grants import channel_place, has_channel, has_system, has_team
from server.access.permissions import Permission
from server.context import Change, Context
from server.errors import BadRequest, Forbidden, NotFound, forbidden, invalid_body
from server.features.users.lookup import get_user
from server.features.webhooks import outgoing_queries as queries
from server.features.webhooks.outgoing_models import (
    FORM,
    NewOutgoingWebhook,
    OutgoingWebhook,
    OutgoingWebhookUpdate,
)
from server.features.webhooks.service import DESCRIPTION_MAX, DISPLAY_NAME_MAX, ICON_URL_MAX, USERNAME_MAX
from server.ids import new_id, new_token
from server.notify.outbound import OutboundRefused, checked_url

WORDS_MAX = 1024
URLS_MAX = 1024
"""Characters of all words, and of all addresses, of a hook together."""

CONTENT_TYPE_MAX = 128

OWN = Permission.MANAGE_OWN_OUTGOING_WEBHOOKS
OTHERS = Permission.MANAGE_OTHERS_OUTGOING_WEBHOOKS


def no_such_hook() -> NotFound:
    """404 for a hook that is not there."""
    return NotFound("app.webhooks.get_outgoing.app_error", "There is no such webhook.")


def _invalid(field: str, message: str) -> BadRequest:
    return BadRequest(f"model.outgoing_hook.is_valid.{field}.app_error", message)


def _check(hook: OutgoingWebhook) -> None:
    limits = (
        ("display_name", hook.display_name, DISPLAY_NAME_MAX),
        ("description", hook.description, DESCRIPTION_MAX),
        ("username", hook.username, USERNAME_MAX),
        ("icon_url", hook.icon_url, ICON_URL_MAX),
        ("content_type", hook.content_type, CONTENT_TYPE_MAX),
    )
    for name, text, limit in limits:
        if len(text) > limit:
            raise _invalid(name, f"The {name.replace('_', ' ')} of a webhook has at most {limit} characters.")
    if not all(word.strip() for word in hook.trigger_words):
        raise _invalid("trigger_words", "A trigger word can't be empty.")
    if sum(len(word) + 1 for word in hook.trigger_words) > WORDS_MAX:
        raise _invalid("words", f"The trigger words of a webhook have at most {WORDS_MAX} characters together.")
    if not hook.callback_urls or sum(len(url) + 1 for url in hook.callback_urls) > URLS_MAX:
        raise _invalid("callback", f"A webhook needs callback URLs of at most {URLS_MAX} characters together.")
    try:
        for url in hook.callback_urls:
            checked_url(url)
    except OutboundRefused:
        raise _invalid("url", "Callback URLs begin with http:// or https://.") from None


async def _check_place(ctx: Context, hook: OutgoingWebhook) -> None:
    """A hook listens in an open channel of its team, or with words in all of them."""
    if not hook.channel_id:
        if not hook.trigger_words:
            raise BadRequest(
                "api.webhook.create_outgoing.triggers.app_error", "A webhook needs a channel or trigger words."
            )
        return
    place = await channel_place(ctx, hook.channel_id)
    if place is None:
        raise NotFound("app.channel.get.existing.app_error", "There is no such channel.")
    if place.type != "O":
        raise Forbidden(
            "api.webhook.create_outgoing.not_open.app_error", "Outgoing webhooks are for public channels only."
        )
    if place.team_id != hook.team_id:
        raise Forbidden(
            "api.webhook.create_outgoing.permissions.app_error", "The channel is not one of the webhook's team."
        )


def _clash(one: OutgoingWebhook, other: OutgoingWebhook) -> bool:
    """Whether two hooks would send the same word from the same place to the same address."""
    return (
        one.id != other.id
        and one.channel_id == other.channel_id
        and not set(one.callback_urls).isdisjoint(other.callback_urls)
        and not set(one.trigger_words).isdisjoint(other.trigger_words)
    )


async def _check_alone(tx: Change, hook: OutgoingWebhook, verb: str) -> None:
    await queries.lock_team(tx, hook.team_id)
    others = await queries.outgoing_of_team(tx, hook.team_id)
    if any(_clash(hook, other) for other in others):
        raise BadRequest(
            f"api.webhook.{verb}_outgoing.intersect.app_error",
            "Another webhook sends one of these words to one of these addresses already.",
        )
    if len([other for other in others if other.id != hook.id]) >= queries.MAX_HOOKS:
        raise BadRequest("app.webhooks.limit.app_error", f"A team has at most {queries.MAX_HOOKS} outgoing webhooks.")


def _listed(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


async def create_hook(ctx: Context, new: NewOutgoingWebhook) -> OutgoingWebhook:
    """Make a hook for a team, or for one of its open channels."""
    if not await has_team(ctx, new.team_id, OWN):
        raise forbidden()
    creator_id = new.creator_id or ctx.user_id
    if creator_id != ctx.user_id:
        if not await has_team(ctx, new.team_id, OTHERS):
            raise forbidden()
        if await get_user(ctx, creator_id) is None:
            raise invalid_body("creator_id")
    now = ctx.now()
    hook = OutgoingWebhook(
        id=new_id(),
        token=new_token(),
        create_at=now,
        update_at=now,
        delete_at=0,
        creator_id=creator_id,
        channel_id=new.channel_id,
        team_id=new.team_id,
        trigger_words=_listed(new.trigger_words),
        trigger_when=new.trigger_when,
        callback_urls=_listed(new.callback_urls),
        display_name=new.display_name,
        description=new.description,
        content_type=new.content_type or FORM,
        username=new.username,
        icon_url=new.icon_url,
    )
    _check(hook)
    await _check_place(ctx, hook)
    async with ctx.begin() as tx:
        await _check_alone(tx, hook, "create")
        await queries.insert_outgoing(tx, hook)
        tx.invalidate(f"hooks_of:{hook.team_id}")
    return hook


async def manageable_hook(ctx: Context, hook_id: str) -> OutgoingWebhook:
    """A hook that the caller may see and change; raises NotFound or Forbidden."""
    hook = await queries.outgoing_by_id(ctx.db, hook_id)
    if hook is None:
        raise no_such_hook()
    if not await has_team(ctx, hook.team_id, OWN):
        raise forbidden()
    if hook.creator_id != ctx.user_id and not await has_team(ctx, hook.team_id, OTHERS):
        raise forbidden()
    return hook


async def update_hook(ctx: Context, hook_id: str, body: OutgoingWebhookUpdate) -> OutgoingWebhook:
    """Replace what a hook listens to, whom it calls and what it says; it stays in its team and its creator's."""
    if body.id != hook_id:
        raise invalid_body("hook_id")
    old = await manageable_hook(ctx, hook_id)
    if body.team_id not in ("", old.team_id):
        raise BadRequest("api.webhook.team_mismatch.app_error", "A webhook stays in its team.")
    hook = replace(
        old,
        channel_id=body.channel_id,
        trigger_words=old.trigger_words if body.trigger_words is UNSET else _listed(body.trigger_words),
        trigger_when=old.trigger_when if body.trigger_when is UNSET else body.trigger_when,
        callback_urls=old.callback_urls if body.callback_urls is UNSET else _listed(body.callback_urls),
        display_name=body.display_name,
        description=body.description,
        content_type=old.content_type if body.content_type is UNSET else body.content_type or FORM,
        username=old.username if body.username is UNSET else body.username,
        icon_url=old.icon_url if body.icon_url is UNSET else body.icon_url,
        update_at=ctx.now(),
    )
    _check(hook)
    await _check_place(ctx, hook)
    async with ctx.begin() as tx:
        await _check_alone(tx, hook, "update")
        await queries.update_outgoing(tx, hook)
        tx.invalidate(f"hooks_of:{hook.team_id}")
    return hook


async def delete_hook(ctx: Context, hook_id: str) -> None:
    """End a hook; what is on its way to its addresses is not sent any more."""
    hook = await manageable_hook(ctx, hook_id)
    await queries.delete_outgoing(ctx.db, hook_id)
    await ctx.tell([f"hooks_of:{hook.team_id}"])


async def regenerate_token(ctx: Context, hook_id: str) -> OutgoingWebhook:
    """Give a hook a new token; the old one is worth nothing from then on."""
    hook = replace(await manageable_hook(ctx, hook_id), token=new_token(), update_at=ctx.now())
    await queries.set_token(ctx.db, hook_id, hook.token, hook.update_at)
    await ctx.tell([f"hooks_of:{hook.team_id}"])
    return hook


async def _may(ctx: Context, team_id: str, channel_id: str, permission: Permission) -> bool:
    if channel_id:
        return await has_channel(ctx, channel_id, permission)
    return await has_team(ctx, team_id, permission) if team_id else await has_system(ctx, permission)


async def list_hooks(ctx: Context, *, team_id: str, channel_id: str, page: int, per_page: int) -> list[OutgoingWebhook]:
    """A page of the hooks of a channel, a team or (both "") all teams: one's own, or for those who may everybody's."""
    if not await _may(ctx, team_id, channel_id, OWN):
        raise forbidden()
    others = await _may(ctx, team_id, channel_id, OTHERS)
    return await queries.list_outgoing(
        ctx.db,
        team_id=team_id,
        channel_id=channel_id,
        creator_id="" if others else ctx.user_id,
        page=page,
        per_page=per_page,
    )
