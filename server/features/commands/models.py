"""Slash commands on the wire: custom ones, what executes one, and what it answers."""

from typing import Any, ClassVar

from msgspec import Struct

from server.db import columns
from server.ids import Id, IdOrEmpty
from server.jobs.job import Job

EPHEMERAL, IN_CHANNEL = "ephemeral", "in_channel"

MAX_COMMAND = 16_383
"""Characters of a line, as of a post."""


class Command(Struct, frozen=True):
    """A slash command. A built-in one has neither id nor team; `token` only shows itself to those who manage it."""

    id: str = ""
    token: str = ""
    create_at: int = 0
    update_at: int = 0
    delete_at: int = 0
    creator_id: str = ""
    team_id: str = ""
    trigger: str = ""
    method: str = ""
    username: str = ""
    icon_url: str = ""
    auto_complete: bool = False
    auto_complete_desc: str = ""
    auto_complete_hint: str = ""
    display_name: str = ""
    description: str = ""
    url: str = ""


# Those that are deleted are gone.
COMMAND_COLUMNS = columns(Command).replace("delete_at", "0")


class CommandFields(Struct, kw_only=True):
    """What managers of a command say of it."""

    trigger: str
    method: str = ""
    url: str = ""
    username: str = ""
    icon_url: str = ""
    auto_complete: bool = False
    auto_complete_desc: str = ""
    auto_complete_hint: str = ""
    display_name: str = ""
    description: str = ""


class NewCommand(CommandFields, kw_only=True):
    """Body of POST /commands; `creator_id` "" for the caller."""

    team_id: Id
    creator_id: IdOrEmpty = ""


class CommandUpdate(CommandFields, kw_only=True):
    """Body of PUT /commands/{command_id}: the whole command; its team stays."""

    id: Id
    team_id: IdOrEmpty = ""


class CommandMove(Struct, kw_only=True):
    """Body of PUT /commands/{command_id}/move."""

    team_id: Id


class CommandToken(Struct):
    """A new token of a command."""

    token: str


class Execution(Struct, kw_only=True):
    """Body of POST /commands/execute. The team counts in direct and group channels only."""

    channel_id: Id
    command: str
    team_id: IdOrEmpty = ""
    root_id: IdOrEmpty = ""


class CommandResponse(Struct, kw_only=True):
    """What a command answers; of a type other than in_channel it is for the caller alone."""

    response_type: str = ""
    text: str = ""
    username: str = ""
    channel_id: str = ""
    icon_url: str = ""
    type: str = ""
    props: dict[str, Any] | None = None
    goto_location: str = ""
    trigger_id: str = ""
    skip_slack_parsing: bool = False
    attachments: list[dict[str, Any]] | None = None
    extra_responses: list["CommandResponse"] | None = None


class AutocompleteSuggestion(Struct, rename="pascal"):
    """A way to go on with a line that is being typed: `complete` is the whole line then, without its slash."""

    complete: str
    suggestion: str = ""
    hint: str = ""
    description: str = ""
    icon_data: str = ""


class ResponseUse(Struct, frozen=True):
    """Where something that is sent to a response_url goes, and for whom."""

    command_id: str
    user_id: str
    channel_id: str
    root_id: str


class Echo(Job, frozen=True, kw_only=True):
    """Post a text in somebody's name after a while."""

    name: ClassVar[str] = "echo"
    id: str
    user_id: str
    channel_id: str
    root_id: str
    message: str
    seconds: int

    @property
    def delay(self) -> int:
        """The while, in milliseconds."""
        return self.seconds * 1000
