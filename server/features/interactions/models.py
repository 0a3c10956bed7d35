"""What travels about actions of posts and dialogs, between clients, the server and programs."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from server.ids import Id

OPTION_MAX = 3000

SUBMISSION = "dialog_submission"
REFRESH = "refresh"
LOOKUP = "dialog_lookup"
"""The types of what is sent to the program of a dialog."""


class DoPostAction(Struct, kw_only=True):
    """Body of POST /posts/{post_id}/actions/{action_id}."""

    selected_option: Annotated[str, Meta(max_length=OPTION_MAX)] = ""
    cookie: str = ""
    query: dict[str, str] = {}


class PostActionResponse(Struct):
    """How an action went; an integration may now open a dialog that carries the trigger id."""

    trigger_id: str
    status: str = "OK"


class ActionRequest(Struct, kw_only=True, omit_defaults=True):
    """What the program of an action is sent."""

    user_id: str
    user_name: str
    channel_id: str
    channel_name: str
    team_id: str
    team_domain: str
    post_id: str
    trigger_id: str
    type: str
    data_source: str
    context: dict[str, Any] = {}
    query: dict[str, str] = {}


class UpdatedPost(Struct, kw_only=True):
    """What a program wants its post to be; without props these stay as they are."""

    message: str = ""
    props: dict[str, Any] | UnsetType = UNSET


class ActionAnswer(Struct, kw_only=True):
    """What the program of an action answers."""

    update: UpdatedPost | None = None
    ephemeral_text: str = ""
    skip_slack_parsing: bool = False


class Option(Struct, kw_only=True):
    """A choice."""

    text: str = ""
    value: str = ""


class Element(Struct, kw_only=True):
    """A field of a dialog, as far as the server looks at it; the rest is the client's business."""

    display_name: str = ""
    name: str = ""
    type: str = ""
    subtype: str = ""
    default: str = ""
    placeholder: str = ""
    help_text: str = ""
    optional: bool = False
    min_length: int = 0
    max_length: int = 0
    data_source: str = ""
    data_source_url: str = ""
    multiselect: bool = False
    options: list[Option] = []


class Dialog(Struct, kw_only=True):
    """A form that is opened before a user's eyes."""

    callback_id: str = ""
    title: str = ""
    introduction_text: str = ""
    icon_url: str = ""
    elements: list[dict[str, Any]] = []
    submit_label: str = ""
    notify_on_cancel: bool = False
    state: str = ""
    source_url: str = ""


class OpenDialog(Struct, kw_only=True):
    """Body of POST /actions/dialogs/open, and what the client is told with the short trigger id that it knows."""

    trigger_id: str
    url: str
    dialog: Dialog


class DialogSubmission(Struct, kw_only=True):
    """Body of POST /actions/dialogs/submit and /lookup; the team is that of the channel."""

    url: str
    channel_id: Id
    type: str = ""
    callback_id: str = ""
    state: str = ""
    submission: dict[str, Any] = {}
    cancelled: bool = False
    file_ids: Annotated[list[Id], Meta(max_length=10)] = []


class ForwardedSubmission(Struct, kw_only=True, frozen=True):
    """What the program of a dialog is sent."""

    type: str
    callback_id: str
    state: str
    user_id: str
    channel_id: str
    team_id: str
    submission: dict[str, Any]
    cancelled: bool
    file_ids: list[str] | UnsetType = UNSET


class SubmitDialogResponse(Struct, kw_only=True, omit_defaults=True):
    """What the program says of a submission: all well, what is wrong, or another form."""

    error: str = ""
    errors: dict[str, str] = {}
    type: str = ""
    form: Dialog | None = None


class LookupDialogResponse(Struct, kw_only=True):
    """Choices for a menu that asks for them."""

    items: Annotated[list[Option], Meta(max_length=1000)] = []


class DialogAction(Struct, kw_only=True):
    """Body of POST /actions/dialogs/execute: a button inside a dialog."""

    url: str
    channel_id: Id
    context: dict[str, Any] = {}
