"""People and channels by the names that follow a trigger, and the places in a client to which commands lead."""

from collections.abc import Sequence

from server.access.grants import has_team, may_see_channel
from server.access.permissions import Permission
from server.context import Context
from server.features.channels import list_queries
from server.features.channels.models import DEFAULT_CHANNEL, Channel
from server.features.channels.queries import channel_by_name
from server.features.commands.registry import Call, Item
from server.features.teams.models import Team
from server.features.teams.queries import team_by_id, teams_of
from server.features.users.models import User
from server.features.users.queries import user_by_username
from server.features.users.visible import sees

NO_CHANNEL = "There is no channel of that name here that you can see."
NO_TEAM = "This works in a team only."

MAX_OFFERED = 25


async def user_named(ctx: Context, word: str) -> User | None:
    """The active user of a name, with or without @, if the caller may know of them."""
    user = await user_by_username(ctx.db, word.removeprefix("@").lower())
    if user is None or user.delete_at or not await sees(ctx, user.id):
        return None
    return user


async def channel_named(ctx: Context, team_id: str, word: str) -> Channel | None:
    """The live channel of a team by its name, with or without ~, if the caller may see it."""
    channel = await channel_by_name(ctx.db, team_id, word.removeprefix("~").lower(), False) if team_id else None
    if channel is None or channel.is_personal or not await may_see_channel(ctx, channel.id):
        return None
    return channel


async def team_of(ctx: Context, call: Call) -> Team | None:
    """The team that a command was used in; from a direct or group channel maybe the first one of the caller's."""
    if call.team_id:
        return await team_by_id(ctx.db, call.team_id)
    teams = await teams_of(ctx.db, ctx.user_id)
    return teams[0] if teams else None


async def path_to(ctx: Context, call: Call, name: str) -> str:
    """The address of a channel in clients, "" when the caller is in no team."""
    team = await team_of(ctx, call)
    return f"{call.site}/{team.name}/channels/{name}" if team is not None else ""


async def path_home(ctx: Context, call: Call) -> str:
    """The address of a channel of the team that the caller is in for sure; guests have none that all are in."""
    if not call.user.is_guest or not call.team_id:
        return await path_to(ctx, call, DEFAULT_CHANNEL)
    mine = await list_queries.of_user_in_team(ctx.db, ctx.user_id, call.team_id)
    return await path_to(ctx, call, mine[0].name) if mine else call.site + "/"


async def channels_offered(ctx: Context, team_id: str, typed: str) -> Sequence[Item]:
    """The channels whose name begins with what is typed, with or without ~, as items of an argument."""
    begins = typed.removeprefix("~").lower()
    see_public = await has_team(ctx, team_id, Permission.READ_PUBLIC_CHANNEL)
    found = await list_queries.autocomplete(ctx.db, team_id, ctx.user_id, see_public, begins)
    mark = "~" if typed.startswith("~") or not typed else ""
    return [
        Item(mark + channel.name, channel.display_name, channel.purpose)
        for channel in found
        if channel.name.startswith(begins)
    ][:MAX_OFFERED]
