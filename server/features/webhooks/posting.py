"""Posting what a program says as the user whose hook it is: a payload becomes one post, or several when it is long."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from server.context import Context
from server.features.posts import queries as posts
from server.features.posts.metadata import MAX_ATTACHMENTS
from server.features.posts.models import MAX_MESSAGE, MAX_PROPS, NewMetadata, NewPost, Priority
from server.features.posts.service import INTEGRATION_PROPS, create_post, tell_again
from server.features.users.queries import users_by_ids
from server.features.webhooks.models import WebhookPayload, WebhookPriority
from server.features.webhooks.slack import people_in, texts_of, translated, translator

DEFAULT_USERNAME = "webhook"
NAME_MAX = 64
ICON_URL_MAX = 1024

RESERVED_PROPS = frozenset((*INTEGRATION_PROPS, "from_bot", "webhook_display_name", "attachments", "deleteBy"))
"""Props that say who wrote a post: the server's to set, whatever a program says."""

ROOM = MAX_PROPS // 2
"""Bytes of attachments in one post; what is left is for its other props and for ids that actions are given."""

_PRIORITIES: dict[str, Literal["important", "urgent"]] = {"important": "important", "urgent": "urgent"}

_json = msgspec.json.Encoder().encode


class Look(Struct, frozen=True):
    """How a hook's posts appear where their payload doesn't say it."""

    display_name: str
    username: str
    icon_url: str


async def post_payload(
    acting: Context,
    payload: WebhookPayload,
    look: Look,
    *,
    channel_id: str,
    root_id: str = "",
    ids: Sequence[str] = (),
) -> None:
    """Post a payload into a channel as the acting user, who needs no right to it; a long text becomes several posts.

    The first posts get the `ids`, if there are any; those that are there already are only told again.
    """
    payload = await _in_our_words(acting, payload)
    props = _props(acting, look, payload)
    metadata = None if root_id else _metadata(payload.priority)
    for position, part in enumerate(_parts(payload)):
        post_id = ids[position] if position < len(ids) else ""
        stored = await posts.post_by_id(acting.db, post_id) if post_id else None
        if stored is not None:
            if not stored.delete_at:
                await tell_again(acting, stored)
            continue
        new = NewPost(
            channel_id=channel_id,
            root_id=root_id,
            message=part.message,
            type="slack_attachment" if payload.attachments else payload.type,
            props={**props, "attachments": part.attachments} if part.attachments else dict(props),
            metadata=metadata,
        )
        await create_post(acting, new, from_webhook=True, user_id=acting.user_id, id=post_id)
        metadata = None


async def _in_our_words(ctx: Context, payload: WebhookPayload) -> WebhookPayload:
    ids = people_in((payload.text, *texts_of(payload.attachments)))
    people = await users_by_ids(ctx.db, ids) if ids else []
    translate = translator({user.id: user.username for user in people})
    return replace(
        payload,
        text=translate(payload.text),
        attachments=[translated(attachment, translate) for attachment in payload.attachments],
    )


def _props(ctx: Context, look: Look, payload: WebhookPayload) -> dict[str, Any]:
    """The props of the posts: those of the payload, and what says that a webhook wrote them, and as whom."""
    settings = ctx.config.ServiceSettings
    props = {name: value for name, value in payload.props.items() if name not in RESERVED_PROPS}
    props["from_webhook"] = "true"
    props["webhook_display_name"] = look.display_name
    if settings.EnablePostUsernameOverride:
        props["override_username"] = (payload.username or look.username or DEFAULT_USERNAME)[:NAME_MAX]
    if settings.EnablePostIconOverride:
        icon_url = payload.icon_url or look.icon_url
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
