"""Completing a command while it is being typed: its words, and then its arguments one after the other."""

from collections.abc import Sequence

from msgspec import Struct

from server.context import Context
from server.features.commands.execution import completed_commands
from server.features.commands.models import AutocompleteSuggestion
from server.features.commands.registry import BUILT_IN, Argument, Item, Node

MAX_SUGGESTIONS = 100
MAX_INPUT = 1024


class Typed(Struct):
    """A line: what has been understood of it, up to and with a blank, and what is left."""

    done: str
    rest: str


async def suggest(ctx: Context, team_id: str, channel_id: str, line: str) -> list[AutocompleteSuggestion]:
    """What a line may become; `channel_id` "" for any channel. [] for a line that is too long to be completed."""
    if len(line) > MAX_INPUT:
        return []
    nodes = [
        BUILT_IN[command.trigger].node
        if not command.id
        else Node(
            word=command.trigger,
            hint=command.auto_complete_hint,
            help=command.auto_complete_desc,
            arguments=_free(command.auto_complete_hint, command.auto_complete_desc),
        )
        for command in await completed_commands(ctx, team_id, channel_id)
    ]
    found = await _words(ctx, team_id, nodes, Typed("", line.removeprefix("/")))
    return sorted(found, key=lambda one: one.complete)[:MAX_SUGGESTIONS]


def _free(hint: str, help: str) -> Sequence[Argument]:
    return (Argument(hint=hint, help=help),) if hint else ()


async def _words(ctx: Context, team_id: str, nodes: Sequence[Node], typed: Typed) -> list[AutocompleteSuggestion]:
    word, blank, rest = typed.rest.partition(" ")
    if not blank:
        return [
            AutocompleteSuggestion(
                complete=typed.done + node.word, suggestion=node.word, hint=node.hint, description=node.help
            )
            for node in nodes
            if node.word.startswith(word.lower())
        ]
    for node in nodes:
        if node.word == word.lower():
            following = Typed(f"{typed.done}{word} ", rest.lstrip(" "))
            if node.words:
                return await _words(ctx, team_id, node.words, following)
            return await _arguments(ctx, team_id, node.arguments, following)
    return []


async def _arguments(
    ctx: Context, team_id: str, arguments: Sequence[Argument], typed: Typed
) -> list[AutocompleteSuggestion]:
    for argument in arguments:
        value, following = _value(typed)
        if following is None:
            return await _one(ctx, team_id, argument, typed, value)
        typed = following
    return []


def _value(typed: Typed) -> tuple[str, Typed | None]:
    """The value that is being typed, and the line after it, None while it goes on. Quotes hold words together."""
    quote = '"' if typed.rest.startswith('"') else ""
    value, end, rest = typed.rest.removeprefix(quote).partition(quote + " ")
    if not end:
        return value, None
    return value, Typed(f"{typed.done}{quote}{value}{end}", rest.lstrip(" "))


async def _one(
    ctx: Context, team_id: str, argument: Argument, typed: Typed, value: str
) -> list[AutocompleteSuggestion]:
    items = argument.items if argument.fetch is None else await argument.fetch(ctx, team_id, value)
    if not items and argument.fetch is None:
        return [AutocompleteSuggestion(complete=typed.done + typed.rest, hint=argument.hint, description=argument.help)]
    return [_item(typed, item) for item in items if item.value.lower().startswith(value.lower())]


def _item(typed: Typed, item: Item) -> AutocompleteSuggestion:
    return AutocompleteSuggestion(
        complete=typed.done + item.value, suggestion=item.value, hint=item.hint, description=item.help
    )
