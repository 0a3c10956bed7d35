"""What travels about outgoing webhooks, what is sent to their addresses, and what these answer."""

from typing import ClassVar, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from server.db import columns
from server.features.webhooks.models import WebhookPayload
from server.ids import Id, IdOrEmpty
from server.jobs.job import Job

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

EXACT: Final = 0
PREFIX: Final = 1
"""When a hook is called: the first word of a message is one of its words, or begins with one."""


class OutgoingWebhook(Struct, frozen=True):
    """An outgoing webhook; `channel_id` "" for all open channels of the team."""

    id: str
    token: str
    create_at: int
    update_at: int
    delete_at: int
    creator_id: str
    channel_id: str
    team_id: str
    trigger_words: list[str]
    trigger_when: int
    callback_urls: list[str]
    display_name: str
    description: str
    content_type: str
    username: str
    icon_url: str


# The team is that of the channel, wherever that moves.
OUTGOING_COLUMNS = (
    columns(OutgoingWebhook, "h")
    .replace("h.channel_id", "coalesce(h.channel_id, '')")
    .replace("h.team_id", "coalesce(c.team_id, h.team_id)")
)


class NewOutgoingWebhook(Struct, kw_only=True):
    """Body of POST /hooks/outgoing; `creator_id` "" for the caller."""

    team_id: Id
    channel_id: IdOrEmpty = ""
    creator_id: IdOrEmpty = ""
    trigger_words: list[str] = []
    trigger_when: Literal[0, 1] = EXACT
    callback_urls: list[str] = []
    display_name: str = ""
    description: str = ""
    content_type: str = ""
    username: str = ""
    icon_url: str = ""


class OutgoingWebhookUpdate(Struct, kw_only=True):
    """Body of PUT /hooks/outgoing/{hook_id}: the whole hook; what clients leave out stays as it is."""

    id: Id
    team_id: IdOrEmpty = ""
    channel_id: IdOrEmpty = ""
    trigger_words: list[str] | UnsetType = UNSET
    trigger_when: Literal[0, 1] | UnsetType = UNSET
    callback_urls: list[str] | UnsetType = UNSET
    display_name: str = ""
    description: str = ""
    content_type: str | UnsetType = UNSET
    username: str | UnsetType = UNSET
    icon_url: str | UnsetType = UNSET


class OutgoingPayload(Struct, frozen=True):
    """What is sent to an address of a hook."""

    token: str
    team_id: str
    team_domain: str
    channel_id: str
    channel_name: str
    timestamp: int
    """Milliseconds; in a form seconds."""
    user_id: str
    user_name: str
    post_id: str
    text: str
    trigger_word: str
    file_ids: str
    """By commas."""


class OutgoingAnswer(WebhookPayload, kw_only=True):
    """What a program answers: a message to be posted, with `response_type` "comment" as a reply."""

    response_type: str = ""


class CallHook(Job, frozen=True, kw_only=True):
    """Send a post to one address of a hook."""

    name: ClassVar[str] = "call_outgoing_webhook"
    post_id: str
    hook_id: str
    address: str
    """Which of the hook's addresses, by its digest."""
    trigger_word: str
