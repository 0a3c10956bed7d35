"""Posting what is sent to a hook."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from server.access.grants import ChannelPlace, channel_place, has_channel, may_read_channel
from server.access.permissions import Permission
from server.context import Context, Session, request_context
from server.errors import BadRequest, Forbidden, NotFound
from server.features.channels.direct import create_direct
from server.features.channels.queries import channel_by_name
from server.features.posts.metadata import MAX_ATTACHMENTS
from server.features.posts.models import MAX_MESSAGE, MAX_PROPS, NewMetadata, NewPost, Priority
from server.features.posts.service import INTEGRATION_PROPS, create_post
from server.features.users.lookup import get_user
from server.features.users.models import User
from server.features.users.queries import user_by_username, users_by_ids
from server.features.webhooks import queries
from server.features.webhooks.models import IncomingWebhook, WebhookPayload, WebhookPriority
from server.features.webhooks.slack import people_in, texts_of, translated, translator
from server.ids import is_id

DEFAULT_USERNAME = "webhook"
NAME_MAX = 64
ICON_URL_MAX = 1024
USE_NOTED_EVERY = 60_000
"""Milliseconds after which another use of a hook is worth a write."""

RESERVED_PROPS = frozenset((*INTEGRATION_PROPS, "from_bot", "webhook_display_name", "attachments", "deleteBy"))

ROOM = MAX_PROPS // 2
"""Bytes of attachments in one post; what is left is for its other props and for ids that actions are given."""

_PRIORITIES: dict[str, Literal["important", "urgent"]] = {"important": "important", "urgent": "urgent"}

_json = msgspec.json.Encoder().encode


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


def _as_owner(ctx: Context, owner: User) -> Context:
    """A context in which the owner of the hook acts, without having signed in."""
    session = Session(
        id="",
        user_id=owner.id,
        create_at=0,
        expires_at=0,
        last_activity_at=0,
        device_id="",
        is_oauth=False,
        props={},
        roles=owner.roles,
        is_bot=owner.is_bot,
    )
    return request_context(ctx.services, session)


async def deliver(ctx: Context, hook: IncomingWebhook, payload: WebhookPayload) -> None:
    """Post a payload as the owner of the hook; a long text becomes several posts."""
    if not payload.text and not payload.attachments:
        raise BadRequest("web.incoming_webhook.text.app_error", "A webhook needs a text or attachments.")
    owner = await get_user(ctx, hook.user_id)
    if owner is None:
        raise _no_such_user()
    acting = _as_owner(ctx, owner)
    place = await _place(acting, hook, payload.channel.strip())
    payload = await _in_our_words(acting, payload)
    props = _props(acting, hook, payload)
    metadata = _metadata(payload.priority)
    for part in _parts(payload):
        new = NewPost(
            channel_id=place.id,
            message=part.message,
            type="slack_attachment" if payload.attachments else payload.type,
            props={**props, "attachments": part.attachments} if part.attachments else dict(props),
            metadata=metadata,
        )
        await create_post(acting, new, from_webhook=True, user_id=owner.id)
        metadata = None
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


async def _in_our_words(ctx: Context, payload: WebhookPayload) -> WebhookPayload:
    ids = people_in((payload.text, *texts_of(payload.attachments)))
    people = await users_by_ids(ctx.db, ids) if ids else []
    translate = translator({user.id: user.username for user in people})
    return replace(
        payload,
        text=translate(payload.text),
        attachments=[translated(attachment, translate) for attachment in payload.attachments],
    )


def _props(ctx: Context, hook: IncomingWebhook, payload: WebhookPayload) -> dict[str, Any]:
    """The props of the posts: those of the payload, and what says that a webhook wrote them, and as whom."""
    settings = ctx.config.ServiceSettings
    props = {name: value for name, value in payload.props.items() if name not in RESERVED_PROPS}
    props["from_webhook"] = "true"
    props["webhook_display_name"] = hook.display_name
    if settings.EnablePostUsernameOverride:
        props["override_username"] = (payload.username or hook.username or DEFAULT_USERNAME)[:NAME_MAX]
    if settings.EnablePostIconOverride:
        icon_url = payload.icon_url or hook.icon_url
        if icon_url and len(icon_url) <= ICON_URL_MAX:
            props["override_icon_url"] = icon_url
        if payload.icon_emoji:
            props["override_icon_emoji"] = payload.icon_emoji[: NAME_MAX + 2]
    return props


def _metadata(priority: WebhookPriority | None) -> NewMetadata | None:
    if priority is None:
        return None
    return NewMetadata(
        priority=Priority(
            priority=_PRIORITIES.get(priority.priority.lower(), ""),
            requested_ack=priority.requested_ack,
            persistent_notifications=priority.persistent_notifications,
        )
    )


class Part(Struct):
    """What one of the posts of a payload holds."""

    message: str
    attachments: list[dict[str, Any]]


def _parts(payload: WebhookPayload) -> list[Part]:
    """A payload cut so that each part fits into a post; the last piece of text stands above the first attachments."""
    pieces = list(_pieces(payload.text))
    bundles = list(_bundles(payload.attachments)) or [[]]
    return [
        *(Part(piece, []) for piece in pieces[:-1]),
        Part(pieces[-1], bundles[0]),
        *(Part("", bundle) for bundle in bundles[1:]),
    ]


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that fit into messages, cut after lines where that is possible."""
    while len(text) > MAX_MESSAGE:
        cut = text.rfind("\n", MAX_MESSAGE // 2, MAX_MESSAGE) + 1 or MAX_MESSAGE
        yield text[:cut]
        text = text[cut:]
    yield text


def _bundles(attachments: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    bundle: list[dict[str, Any]] = []
    size = 0
    for attachment in attachments:
        weight = len(_json(attachment))
        if bundle and (len(bundle) >= MAX_ATTACHMENTS or size + weight > ROOM):
            yield bundle
            bundle, size = [], 0
        bundle.append(attachment)
        size += weight
    if bundle:
        yield bundle
