"""Running a line: what it means, whether the caller may, and what comes of it."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from server.access.grants import channel_place, check_team, post_channel_id
from server.access.permissions import Permission
from server.access.trigger_ids import make_trigger_id
from server.context import Context
from server.errors import ApiError, BadRequest, NotFound, forbidden, invalid_body
from server.features.commands import answers, calls
from server.features.commands.models import MAX_COMMAND, Command, CommandResponse, Execution
from server.features.commands.registry import BuiltIn, Call, known, say, usable
from server.features.commands.service import custom_commands, public
from server.features.users.lookup import get_user, no_such_user

_LINE = re.compile(r"/(\S+)(?:\s(.*))?", re.DOTALL)


async def execute(ctx: Context, body: Execution, site: str) -> CommandResponse:
    """Run a line in a channel; `site` is the server's address as the caller knows it."""
    trigger, text = _parsed(body.command)
    call = await _call(ctx, body, trigger, text, site)
    client_trigger_id, trigger_id = await make_trigger_id(ctx)
    custom = await _custom(ctx, call)
    if custom is not None:
        response = await calls.ask(ctx, custom, call, trigger_id)
    else:
        found = known(ctx, trigger)
        if found is None:
            raise NotFound(
                "api.command.execute_command.not_found.app_error",
                "There is no such command. To send a message that begins with a slash, put a blank before it.",
            )
        response = await _run(ctx, found, call)
    await answers.deliver(ctx, answers.Place(ctx.user_id, call.channel, call.root_id), custom, response)
    return replace(response, trigger_id=client_trigger_id)


def _parsed(line: str) -> tuple[str, str]:
    """The trigger of a line in lower case, and what follows it."""
    if len(line) > MAX_COMMAND:
        raise invalid_body("command")
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise BadRequest("api.command.execute_command.start.app_error", "A command begins with a slash and a word.")
    return match[1].lower(), match[2] or ""


async def _call(ctx: Context, body: Execution, trigger: str, text: str, site: str) -> Call:
    channel = await channel_place(ctx, body.channel_id)
    if channel is None or not await answers.may_write(ctx, channel):
        raise forbidden()
    if channel.delete_at:
        raise BadRequest("api.command.execute_command.deleted.error", "Commands can't be used in archived channels.")
    if not channel.team_id and body.team_id:
        await check_team(ctx, body.team_id, Permission.VIEW_TEAM)
    if body.root_id and await post_channel_id(ctx, body.root_id) != channel.id:
        raise BadRequest("api.post.create_post.root_id.app_error", "root_id is not a post of the channel.")
    user = await get_user(ctx, ctx.user_id)
    if user is None:
        raise no_such_user()
    return Call(
        channel=channel,
        team_id=channel.team_id or body.team_id,
        root_id=body.root_id,
        user=user,
        trigger=trigger,
        text=text,
        site=site,
    )


async def _custom(ctx: Context, call: Call) -> Command | None:
    if not call.team_id:
        return None
    commands = await custom_commands(ctx, call.team_id)
    return next((command for command in commands if command.trigger == call.trigger), None)


async def _run(ctx: Context, found: BuiltIn, call: Call) -> CommandResponse:
    """What a built-in command answers; a refusal becomes words for the caller."""
    try:
        return await found.run(ctx, call)
    except ApiError as error:
        if error.status in (500, 503):
            raise
        return say(error.message)


async def completed_commands(ctx: Context, team_id: str, channel_id: str = "") -> Sequence[Command]:
    """The commands that are offered to the caller in a team: the server's own, then those of programs."""
    own = [found.shown() for found in await usable(ctx, team_id, channel_id)]
    return own + [public(command) for command in await custom_commands(ctx, team_id) if command.auto_complete]


async def all_commands(ctx: Context, team_id: str) -> Sequence[Command]:
    """All commands of a team that are of use to the caller, those too that are not offered while one types."""
    own = [found.shown() for found in await usable(ctx, team_id)]
    return own + [public(command) for command in await custom_commands(ctx, team_id)]
