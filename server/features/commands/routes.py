"""Slash commands over HTTP, and the addresses to which their programs answer later."""

from collections.abc import Sequence

from starlette.requests import Request

from server.access.grants import channel_place, check_team, may_see_channel
from server.access.guards import anyone, in_service, on_team
from server.access.permissions import Permission
from server.context import Context
from server.errors import invalid_body
from server.features.commands import answers, execution, service, suggestions
from server.features.commands.models import (
    AutocompleteSuggestion,
    Command,
    CommandMove,
    CommandResponse,
    CommandToken,
    CommandUpdate,
    Execution,
    NewCommand,
)
from server.http.router import Router
from server.ids import Id

router = Router("commands")
address = Router("commands", prefix="")

COMMANDS: dict[str, str] = {
    "feature": "ServiceSettings.EnableCommands",
    "disabled_id": "api.command.disabled.app_error",
}
MANAGES = in_service("manage_own_slash_commands in the team; for others' commands manage_others_slash_commands")


@router.get(
    "/commands", guard=in_service("view_team in the team; custom_only: manage_own_slash_commands there"), **COMMANDS
)
async def list_commands(ctx: Context, team_id: Id, custom_only: bool = False) -> Sequence[Command]:
    """The slash commands of a team; `custom_only` gives whole those that the caller manages."""
    if not team_id:
        raise invalid_body("team_id")
    await check_team(ctx, team_id, Permission.VIEW_TEAM)
    return await (service.managed_commands if custom_only else execution.all_commands)(ctx, team_id)


@router.post("/commands", guard=MANAGES, status=201, **COMMANDS)
async def create_command(ctx: Context, body: NewCommand) -> Command:
    """Make a slash command that asks a program."""
    return await service.create_command(ctx, body)


@router.post("/commands/execute", guard=in_service("create_post in the channel; in a D or G one view_team"), **COMMANDS)
async def execute_command(ctx: Context, body: Execution, request: Request) -> CommandResponse:
    """Run a line that begins with a slash."""
    site = ctx.config.ServiceSettings.SiteURL.rstrip("/") or str(request.base_url).rstrip("/")
    return await execution.execute(ctx, body, site)


@router.get("/commands/{command_id}", guard=MANAGES, **COMMANDS)
async def get_command_by_id(ctx: Context, command_id: Id) -> Command:
    """A slash command."""
    return await service.manageable_command(ctx, command_id)


@router.put("/commands/{command_id}", guard=MANAGES, **COMMANDS)
async def update_command(ctx: Context, command_id: Id, body: CommandUpdate) -> Command:
    """Replace what a slash command is."""
    return await service.update_command(ctx, command_id, body)


@router.delete("/commands/{command_id}", guard=MANAGES, **COMMANDS)
async def delete_command(ctx: Context, command_id: Id) -> None:
    """End a slash command."""
    await service.delete_command(ctx, command_id)


@router.put("/commands/{command_id}/move", guard=MANAGES, **COMMANDS)
async def move_command(ctx: Context, command_id: Id, body: CommandMove) -> None:
    """Put a slash command into another team."""
    await service.move_command(ctx, command_id, body.team_id)


@router.put("/commands/{command_id}/regen_token", guard=MANAGES, **COMMANDS)
async def regen_command_token(ctx: Context, command_id: Id) -> CommandToken:
    """Give a slash command a new token."""
    return CommandToken(await service.regenerate_token(ctx, command_id))


@router.get("/teams/{team_id}/commands/autocomplete", guard=on_team(Permission.VIEW_TEAM), **COMMANDS)
async def list_autocomplete_commands(ctx: Context, team_id: Id) -> Sequence[Command]:
    """The slash commands of a team that are offered while one types."""
    return await execution.completed_commands(ctx, team_id)


@router.get("/teams/{team_id}/commands/autocomplete_suggestions", guard=on_team(Permission.VIEW_TEAM), **COMMANDS)
async def list_command_autocomplete_suggestions(
    ctx: Context, team_id: Id, user_input: str, channel_id: Id = "", root_id: Id = ""
) -> list[AutocompleteSuggestion]:
    """What a slash command that is being typed could become."""
    place = await channel_place(ctx, channel_id) if channel_id and await may_see_channel(ctx, channel_id) else None
    here = channel_id if place is not None and place.team_id in (team_id, "") else ""
    return await suggestions.suggest(ctx, team_id, here, user_input)


@address.post("/hooks/commands/{response_id}", guard=anyone, **COMMANDS)
async def run_command_webhook(ctx: Context, request: Request, response_id: str) -> None:
    """Answer a slash command later; who knows its response_url may, five times within half an hour."""
    await answers.deliver_later(ctx, response_id, await request.body(), request.headers.get("content-type", ""))
