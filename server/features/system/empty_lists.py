"""What clients ask for at their start of features that the server does not have yet: truthfully, there is none.

Each route is guarded as the feature itself will be, and moves there when the feature comes.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from server.access.grants import check_team
from server.access.guards import all_of, anyone, in_service, on_team, reads_channel, self_or, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import NotFound
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("system")

EMOJI: dict[str, str] = {
    "feature": "ServiceSettings.EnableCustomEmoji",
    "disabled_id": "api.emoji.disabled.app_error",
}
COMMANDS: dict[str, str] = {
    "feature": "ServiceSettings.EnableCommands",
    "disabled_id": "api.command.disabled.app_error",
}
DRAFTS: dict[str, str] = {
    "feature": "ServiceSettings.AllowSyncedDrafts",
    "disabled_id": "api.drafts.disabled.app_error",
}

Names = Annotated[list[str], Meta(max_length=1000)]


class EmojiSearch(Struct, frozen=True):
    """Body of POST /emoji/search."""

    term: str
    prefix_only: str | bool = False


@router.get("/emoji", guard=signed_in, **EMOJI)
async def get_emoji_list(ctx: Context, page: Page = 0, per_page: PerPage = 60, sort: str = "") -> list[Any]:
    """The custom emojis."""
    return []


@router.get("/emoji/autocomplete", guard=signed_in, **EMOJI)
async def autocomplete_emoji(ctx: Context, name: str) -> list[Any]:
    """The custom emojis whose name starts so."""
    return []


@router.post("/emoji/search", guard=signed_in, **EMOJI)
async def search_emoji(ctx: Context, body: EmojiSearch) -> list[Any]:
    """The custom emojis that match a term."""
    return []


@router.post("/emoji/names", guard=signed_in, **EMOJI)
async def get_emojis_by_names(ctx: Context, body: Names) -> list[Any]:
    """The custom emojis of these names."""
    return []


@router.get("/emoji/name/{emoji_name}", guard=signed_in, **EMOJI)
async def get_emoji_by_name(ctx: Context, emoji_name: str) -> dict[str, Any]:
    """A custom emoji by its name."""
    raise NotFound("app.emoji.get_by_name.no_result")


@router.get("/emoji/{emoji_id}", guard=signed_in, **EMOJI)
async def get_emoji(ctx: Context, emoji_id: Id) -> dict[str, Any]:
    """A custom emoji."""
    raise NotFound("app.emoji.get.no_result")


@router.get("/teams/{team_id}/commands/autocomplete", guard=on_team(Permission.VIEW_TEAM), **COMMANDS)
async def list_autocomplete_commands(ctx: Context, team_id: Id) -> list[Any]:
    """The slash commands of a team, for completion."""
    return []


@router.get("/teams/{team_id}/commands/autocomplete_suggestions", guard=on_team(Permission.VIEW_TEAM), **COMMANDS)
async def list_command_autocomplete_suggestions(
    ctx: Context, team_id: Id, user_input: str, channel_id: str = "", root_id: str = ""
) -> list[Any]:
    """What a slash command that is being typed could become."""
    return []


@router.get("/commands", guard=in_service("view_team in the team that is asked for"), **COMMANDS)
async def list_commands(ctx: Context, team_id: Id, custom_only: bool = False) -> list[Any]:
    """The slash commands of a team."""
    await check_team(ctx, team_id, Permission.VIEW_TEAM)
    return []


@router.get(
    "/users/{user_id}/teams/{team_id}/drafts",
    guard=all_of(self_or(), on_team(Permission.VIEW_TEAM)),
    **DRAFTS,
)
async def get_drafts(ctx: Context, user_id: Id, team_id: Id) -> list[Any]:
    """The drafts of a user in a team."""
    return []


@router.get("/channels/{channel_id}/bookmarks", guard=reads_channel)
async def list_channel_bookmarks_for_channel(ctx: Context, channel_id: Id, bookmarks_since: int = 0) -> list[Any]:
    """The bookmarks of a channel."""
    return []


@router.get("/plugins/webapp", guard=anyone)
async def get_webapp_plugins(ctx: Context) -> list[Any]:
    """The plugins that run in the browser."""
    return []


@router.get("/system/notices/{team_id}", guard=signed_in)
async def get_notices(ctx: Context, team_id: Id, clientVersion: str, client: str, locale: str = "") -> list[Any]:  # noqa: N803
    """The news that the product has for a user."""
    return []
