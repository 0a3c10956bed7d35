"""Making, managing and listing custom slash commands."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec.structs import replace

from server.access.grants import check_team, has_team
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, NotFound, forbidden, invalid_body
from server.features.commands import queries
from server.features.commands.built_in import BUILT_IN
from server.features.commands.models import Command, CommandFields, CommandUpdate, NewCommand
from server.features.teams.service import get_team
from server.features.users.lookup import get_user
from server.features.users.visible import sees
from server.ids import new_id, new_token

MANAGE_OWN = Permission.MANAGE_OWN_SLASH_COMMANDS
MANAGE_OTHERS = Permission.MANAGE_OTHERS_SLASH_COMMANDS

TRIGGER_MAX = 128
URL_MAX = 1024
METHODS = ("P", "G")

_LIMITS = (
    ("display_name", 64),
    ("description", 128),
    ("username", 64),
    ("icon_url", 1024),
    ("auto_complete_desc", 1024),
    ("auto_complete_hint", 1024),
)


def no_such_command() -> NotFound:
    """404 for a command that is not there, or that is none of the caller's business."""
    return NotFound("store.sql_command.get.missing.app_error", "There is no such slash command.")


def _invalid(name: str, message: str) -> BadRequest:
    return BadRequest(f"model.command.is_valid.{name}.app_error", message)


def _is_word(text: str) -> bool:
    """Whether a text has neither blanks nor signs that nobody sees or that turn the writing around."""
    return text.isprintable() and not any(char.isspace() for char in text)


def _checked_trigger(text: str) -> str:
    trigger = text.lower()
    if not 1 <= len(trigger) <= TRIGGER_MAX or trigger.startswith("/") or not _is_word(trigger):
        raise _invalid(
            "trigger", f"A trigger has 1 to {TRIGGER_MAX} signs that can be seen, and no slash at its beginning."
        )
    if trigger in BUILT_IN:
        raise queries.trigger_taken()
    return trigger


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or not 1 <= len(url) <= URL_MAX:
        raise _invalid(
            "url" if len(url) <= URL_MAX else "url_http",
            f"The URL of a command begins with http:// or https:// and has at most {URL_MAX} characters.",
        )


def _check(wanted: CommandFields) -> str:
    """Refuse what no command can be; the trigger as it is kept."""
    for name, limit in _LIMITS:
        if len(getattr(wanted, name)) > limit:
            raise _invalid(name, f"The {name.replace('_', ' ')} of a command has at most {limit} characters.")
    _check_url(wanted.url)
    if wanted.method not in METHODS:
        raise _invalid("method", "The method of a command is P (POST) or G (GET).")
    return _checked_trigger(wanted.trigger)


async def create_command(ctx: Context, new: NewCommand) -> Command:
    """Make a command in a team; for another creator only with the right to manage others' commands."""
    await check_team(ctx, new.team_id, MANAGE_OWN)
    await get_team(ctx, new.team_id)
    creator_id = new.creator_id or ctx.user_id
    if creator_id != ctx.user_id:
        await check_team(ctx, new.team_id, MANAGE_OTHERS)
        if await get_user(ctx, creator_id) is None or not await sees(ctx, creator_id):
            raise invalid_body("creator_id")
    trigger = _check(new)
    now = ctx.now()
    command = Command(
        id=new_id(),
        token=new_token(),
        create_at=now,
        update_at=now,
        creator_id=creator_id,
        team_id=new.team_id,
        trigger=trigger,
        method=new.method,
        username=new.username,
        icon_url=new.icon_url,
        auto_complete=new.auto_complete,
        auto_complete_desc=new.auto_complete_desc,
        auto_complete_hint=new.auto_complete_hint,
        display_name=new.display_name,
        description=new.description,
        url=new.url,
    )
    await _check_room(ctx, new.team_id)
    await queries.insert_command(ctx.db, command)
    await ctx.tell([_tag(new.team_id)])
    return command


async def _check_room(ctx: Context, team_id: str) -> None:
    if await queries.count_commands(ctx.db, team_id) >= queries.MAX_COMMANDS:
        raise BadRequest("app.command.limit.app_error", f"A team has at most {queries.MAX_COMMANDS} commands.")


async def manageable_command(ctx: Context, command_id: str) -> Command:
    """A command that the caller manages; NotFound where the caller manages none, Forbidden for others' commands."""
    command = await queries.command_by_id(ctx.db, command_id)
    if command is None or not await has_team(ctx, command.team_id, MANAGE_OWN):
        raise no_such_command()
    if command.creator_id != ctx.user_id and not await has_team(ctx, command.team_id, MANAGE_OTHERS):
        raise forbidden()
    return command


async def update_command(ctx: Context, command_id: str, body: CommandUpdate) -> Command:
    """Replace what a command is; id, token, creator and team stay."""
    if body.id != command_id:
        raise invalid_body("command_id")
    old = await manageable_command(ctx, command_id)
    if body.team_id and body.team_id != old.team_id:
        raise BadRequest("api.command.team_mismatch.app_error", "A command is put into another team by moving it.")
    trigger = _check(body)
    return await _store(
        ctx,
        replace(
            old,
            trigger=trigger,
            method=body.method,
            username=body.username,
            icon_url=body.icon_url,
            auto_complete=body.auto_complete,
            auto_complete_desc=body.auto_complete_desc,
            auto_complete_hint=body.auto_complete_hint,
            display_name=body.display_name,
            description=body.description,
            url=body.url,
        ),
    )


async def _store(ctx: Context, command: Command, *former_teams: str) -> Command:
    command = replace(command, update_at=max(ctx.now(), command.update_at + 1))
    await queries.update_command(ctx.db, command)
    await ctx.tell([_tag(command.team_id), *map(_tag, former_teams)])
    return command


async def move_command(ctx: Context, command_id: str, team_id: str) -> None:
    """Put a command into another team in which the caller may manage commands, too."""
    command = await manageable_command(ctx, command_id)
    await check_team(ctx, team_id, MANAGE_OWN)
    if command.creator_id != ctx.user_id:
        await check_team(ctx, team_id, MANAGE_OTHERS)
    await get_team(ctx, team_id)
    if team_id != command.team_id:
        await _check_room(ctx, team_id)
        await _store(ctx, replace(command, team_id=team_id), command.team_id)


async def regenerate_token(ctx: Context, command_id: str) -> str:
    """Give a command a new token; the former one is worth nothing from then on."""
    command = await manageable_command(ctx, command_id)
    return (await _store(ctx, replace(command, token=new_token()))).token


async def delete_command(ctx: Context, command_id: str) -> None:
    """End a command; what its program still wants to answer is refused."""
    command = await manageable_command(ctx, command_id)
    await queries.delete_command(ctx.db, command_id)
    await ctx.tell([_tag(command.team_id)])


def _tag(team_id: str) -> str:
    return f"commands:{team_id}"


async def custom_commands(ctx: Context, team_id: str) -> Sequence[Command]:
    """The custom commands of a team by trigger, from the cache when it knows them. With their tokens."""

    async def load() -> Sequence[Command]:
        return await queries.commands_of(ctx.db, team_id)

    return await ctx.cache.get(("commands", team_id), (_tag(team_id),), load)


def public(command: Command) -> Command:
    """A command as everybody in its team may see it."""
    return replace(command, token="", creator_id="", method="", url="", username="", icon_url="")


async def managed_commands(ctx: Context, team_id: str) -> Sequence[Command]:
    """The custom commands of a team that the caller manages, whole."""
    await check_team(ctx, team_id, MANAGE_OWN)
    commands = await custom_commands(ctx, team_id)
    if await has_team(ctx, team_id, MANAGE_OTHERS):
        return commands
    return [command for command in commands if command.creator_id == ctx.user_id]
