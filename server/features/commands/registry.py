"""The server's own commands, by trigger: a registry that the files of `built_in` fill, as routers are filled.

@built_in("away", "Show that you are away")
async def away(ctx: Context, call: Call) -> CommandResponse: ...
"""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from server.access.grants import ChannelPlace, channel_place, has_channel, has_system, has_team
from server.access.permissions import Permission
from server.config import Config
from server.context import Context
from server.features.commands.models import EPHEMERAL, Command, CommandResponse
from server.features.users.models import User


class Call(Struct, kw_only=True):
    """One use of a command by the caller."""

    channel: ChannelPlace
    team_id: str
    """That of the channel; in direct and group channels the one that the caller looks at, "" for none."""
    root_id: str
    user: User
    trigger: str
    text: str
    """What follows the trigger."""
    site: str
    """The address of the server, without a slash at its end."""


class Item(Struct, frozen=True):
    """A value that an argument may have."""

    value: str
    hint: str = ""
    help: str = ""


Fetch = Callable[[Context, str, str], Awaitable[Sequence[Item]]]
"""The items of an argument for a team and for what is typed of it."""


class Argument(Struct, frozen=True, kw_only=True):
    """What a command takes: any text, or one of some items, given or fetched."""

    hint: str = ""
    help: str = ""
    items: Sequence[Item] = ()
    fetch: Fetch | None = None


class Node(Struct, frozen=True, kw_only=True):
    """A word of commands, the words that may follow it, or else the arguments."""

    word: str
    hint: str = ""
    help: str = ""
    arguments: Sequence[Argument] = ()
    words: Sequence["Node"] = ()


Run = Callable[[Context, Call], Awaitable[CommandResponse]]
Offered = Callable[[Context, str, str], Awaitable[bool]]
"""Whether a command is of use to the caller in a team, and in a channel of it, "" for any."""


class BuiltIn(Struct, frozen=True, kw_only=True):
    """One of the server's own commands."""

    node: Node
    run: Run
    exists: Callable[[Config], bool] | None
    """Whether the settings let there be such a command; None: always."""
    offered: Offered | None
    """To whom lists show it; None: to everybody. Whether one may is checked by what it does."""

    @property
    def trigger(self) -> str:
        """The word after the slash."""
        return self.node.word

    def shown(self) -> Command:
        """As lists show it."""
        return Command(
            trigger=self.trigger,
            auto_complete=True,
            auto_complete_desc=self.node.help,
            auto_complete_hint=self.node.hint,
            display_name=self.trigger,
        )


BUILT_IN: dict[str, BuiltIn] = {}
"""All of them, by trigger."""


def built_in(
    trigger: str,
    help: str,
    *,
    hint: str = "",
    arguments: Sequence[Argument] | None = None,
    words: Sequence[Node] = (),
    exists: Callable[[Config], bool] | None = None,
    offered: Offered | None = None,
) -> Callable[[Run], Run]:
    """Register what a trigger does; without `arguments` a command with a hint takes any text."""
    if arguments is None:
        arguments = (Argument(hint=hint, help=help),) if hint and not words else ()

    def register(run: Run) -> Run:
        if trigger in BUILT_IN:
            raise TypeError(f"/{trigger} is there twice")
        node = Node(word=trigger, hint=hint, help=help, arguments=arguments, words=words)
        BUILT_IN[trigger] = BuiltIn(node=node, run=run, exists=exists, offered=offered)
        return run

    return register


def known(ctx: Context, trigger: str) -> BuiltIn | None:
    """The built-in command of a trigger, if the settings let there be one."""
    found = BUILT_IN.get(trigger)
    return found if found is not None and (found.exists is None or found.exists(ctx.config)) else None


async def usable(ctx: Context, team_id: str, channel_id: str = "") -> list[BuiltIn]:
    """The built-in commands that are of use to the caller in a team or in one channel of it, by trigger."""
    return [
        found
        for trigger in sorted(BUILT_IN)
        if (found := known(ctx, trigger)) is not None
        and (found.offered is None or await found.offered(ctx, team_id, channel_id))
    ]


def to_team(permission: Permission) -> Offered:
    """To those who have the permission in the team."""

    async def offered(ctx: Context, team_id: str, channel_id: str) -> bool:
        return await has_team(ctx, team_id, permission)

    return offered


def to_system(permission: Permission) -> Offered:
    """To those who have the permission everywhere."""

    async def offered(ctx: Context, team_id: str, channel_id: str) -> bool:
        return await has_system(ctx, permission)

    return offered


def to_channel(public: Permission, private: Permission, *, personal: bool = False) -> Offered:
    """To those who have the permission in the channel, by its type; in direct and group ones if `personal`."""

    async def offered(ctx: Context, team_id: str, channel_id: str) -> bool:
        place = await channel_place(ctx, channel_id) if channel_id else None
        if place is None:
            return True
        if not place.team_id:
            return personal
        return await has_channel(ctx, channel_id, public if place.type == "O" else private)

    return offered


def say(text: str) -> CommandResponse:
    """An answer for the eyes of the caller."""
    return CommandResponse(response_type=EPHEMERAL, text=text)


def go(location: str) -> CommandResponse:
    """An answer that leads the client elsewhere."""
    return CommandResponse(response_type=EPHEMERAL, goto_location=location)


DONE = CommandResponse(response_type=EPHEMERAL)
"""An answer without a word: what was done shows itself. Never changed."""
