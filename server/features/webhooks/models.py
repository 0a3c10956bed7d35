"""What travels about incoming webhooks, and what is sent to them."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from server.db import columns
from server.ids import Id, IdOrEmpty


class IncomingWebhook(Struct, frozen=True):
    """An incoming webhook. Its id is the secret part of its address."""

    id: str
    create_at: int
    update_at: int
    delete_at: int
    user_id: str
    channel_id: str
    team_id: str
    display_name: str
    description: str
    username: str
    icon_url: str
    channel_locked: bool
    last_used: int


# The team is that of the channel, wherever that moves.
HOOK_COLUMNS = columns(IncomingWebhook, "h").replace("h.team_id", "c.team_id")


class NewIncomingWebhook(Struct, kw_only=True):
    """Body of POST /hooks/incoming; `user_id` "" for the caller."""

    channel_id: Id
    user_id: IdOrEmpty = ""
    display_name: str = ""
    description: str = ""
    username: str = ""
    icon_url: str = ""
    channel_locked: bool = False


class IncomingWebhookUpdate(Struct, kw_only=True):
    """Body of PUT /hooks/incoming/{hook_id}: the whole hook; what newer servers added may be absent."""

    id: Id
    channel_id: Id
    display_name: str = ""
    description: str = ""
    username: str = ""
    icon_url: str = ""
    channel_locked: bool | UnsetType = UNSET


class IncomingWebhooksWithCount(Struct):
    """A page of hooks, and how many there are in all."""

    incoming_webhooks: list[IncomingWebhook]
    total_count: int


class WebhookPriority(Struct, kw_only=True):
    """How urgent a message is; any other word than important and urgent, like standard, is none."""

    priority: str = ""
    requested_ack: bool = False
    persistent_notifications: bool = False


class WebhookPayload(Struct, kw_only=True):
    """What a program sends to a hook."""

    text: str = ""
    username: str = ""
    icon_url: str = ""
    icon_emoji: str = ""
    channel: str = ""
    type: str = ""
    props: dict[str, Any] = {}
    attachments: list[dict[str, Any]] = []
    priority: WebhookPriority | None = None
