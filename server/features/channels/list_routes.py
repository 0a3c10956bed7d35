"""Routes of lists of channels, and of searches in them."""

from server.access.grants import has_team, may_see_channel
from server.access.guards import all_of, in_service, on_system, on_team, sees_channel, self_or, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest
from server.features.channels import list_queries, search_service, service
from server.features.channels.models import (
    GROUP,
    OPEN,
    PRIVATE,
    Channel,
    ChannelsWithCount,
    ChannelWithTeamData,
    Ids,
    Search,
    SearchEverywhere,
)
from server.features.channels.rules import existing
from server.features.teams.lists import sanitized_many
from server.features.teams.models import Team
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("channels")

LISTS_TEAM = on_team(Permission.LIST_TEAM_CHANNELS)
OF_USER_IN_TEAM = all_of(self_or(), on_team(Permission.VIEW_TEAM))


@router.get("/channels", guard=on_system(*search_service.CONSOLE))
async def get_all_channels(
    ctx: Context,
    page: Page = 0,
    per_page: PerPage = 60,
    exclude_default_channels: bool = False,
    include_deleted: bool = False,
    include_total_count: bool = False,
) -> list[ChannelWithTeamData] | ChannelsWithCount:
    """The public and private channels of all teams."""
    return await search_service.all_channels(
        ctx,
        per_page,
        page * per_page,
        exclude_default=exclude_default_channels,
        include_deleted=include_deleted,
        count=include_total_count,
    )


@router.post(
    "/channels/search", guard=in_service("system_console=false: one's own; else any console right to channels")
)
async def search_all_channels(
    ctx: Context, body: SearchEverywhere, system_console: bool = True, include_deleted: bool = False
) -> list[ChannelWithTeamData] | ChannelsWithCount:
    """Search the public and private channels of all teams, or with system_console=false those one may see."""
    return await search_service.search_everywhere(ctx, body, system_console, include_deleted)


@router.post("/channels/group/search", guard=signed_in)
async def search_group_channels(ctx: Context, body: Search) -> list[Channel]:
    """The caller's group channels with members of these names."""
    return await list_queries.search_groups(ctx.db, ctx.user_id, body.term)


@router.get("/channels/{channel_id}/common_teams", guard=existing(sees_channel))
async def get_group_message_members_common_teams(ctx: Context, channel_id: Id) -> list[Team]:
    """The teams that all members of a group channel are in."""
    channel = await service.get_channel(ctx, channel_id)
    if channel.type != GROUP:
        raise BadRequest("app.channel.get_common_teams.incorrect_channel_type", "This is not a group channel.")
    return await sanitized_many(ctx, await list_queries.common_teams(ctx.db, channel_id))


@router.get("/teams/{team_id}/channels", guard=LISTS_TEAM)
async def get_public_channels_for_team(
    ctx: Context, team_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[Channel]:
    """The public channels of a team, by display name."""
    return await list_queries.in_team(ctx.db, team_id, OPEN, per_page, page * per_page)


@router.get("/teams/{team_id}/channels/private", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_private_channels_for_team(
    ctx: Context, team_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[Channel]:
    """The private channels of a team, by display name."""
    return await list_queries.in_team(ctx.db, team_id, PRIVATE, per_page, page * per_page)


@router.get("/teams/{team_id}/channels/deleted", guard=signed_in)
async def get_deleted_channels_for_team(
    ctx: Context, team_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[Channel]:
    """The archived channels of a team that the caller may see, by display name."""
    see_public = await search_service.lists_team(ctx, team_id)
    return await list_queries.archived_in_team(ctx.db, team_id, ctx.user_id, see_public, per_page, page * per_page)


@router.post("/teams/{team_id}/channels/ids", guard=on_team(Permission.VIEW_TEAM))
async def get_public_channels_by_ids_for_team(ctx: Context, team_id: Id, body: Ids) -> list[Channel]:
    """Those of the channels that are public ones of the team; guests get the ones that they are in."""
    found = await list_queries.public_by_ids(ctx.db, team_id, body)
    if await has_team(ctx, team_id, Permission.READ_PUBLIC_CHANNEL):
        return found
    return [channel for channel in found if await may_see_channel(ctx, channel.id)]


@router.get("/teams/{team_id}/channels/recommended", guard=LISTS_TEAM)
async def get_recommended_channels_for_team(ctx: Context, team_id: Id) -> list[Channel]:
    """Public channels of a team that the caller is not in, the most recently active first."""
    return await list_queries.recommended(ctx.db, team_id, ctx.user_id)


@router.get("/teams/{team_id}/channels/autocomplete", guard=LISTS_TEAM)
async def autocomplete_channels_for_team(ctx: Context, team_id: Id, name: str = "") -> list[Channel]:
    """Public channels of a team, and private ones of the caller, with words that begin so."""
    return await list_queries.autocomplete(ctx.db, team_id, ctx.user_id, True, name)


@router.get("/teams/{team_id}/channels/search_autocomplete", guard=LISTS_TEAM)
async def autocomplete_channels_for_team_for_search(ctx: Context, team_id: Id, name: str = "") -> list[Channel]:
    """The same for limiting a search: with the caller's direct and group channels, by the others' names."""
    return await search_service.autocomplete_for_search(ctx, team_id, name)


@router.post(
    "/teams/{team_id}/channels/search",
    guard=in_service("list_team_channels in the team; without it only one's own channels"),
)
async def search_channels(ctx: Context, team_id: Id, body: Search) -> list[Channel]:
    """Search the public channels of a team."""
    return await search_service.search_in_team(ctx, team_id, body)


@router.post(
    "/teams/{team_id}/channels/search_archived",
    guard=in_service("list_team_channels in the team; without it only one's own channels"),
)
async def search_archived_channels(ctx: Context, team_id: Id, body: Search) -> list[Channel]:
    """Search the archived channels of a team that the caller may see."""
    see_public = await search_service.lists_team(ctx, team_id)
    return await list_queries.search_archived(ctx.db, team_id, ctx.user_id, see_public, body.term)


@router.get("/users/{user_id}/teams/{team_id}/channels", guard=OF_USER_IN_TEAM)
async def get_channels_for_team_for_user(
    ctx: Context, user_id: Id, team_id: Id, include_deleted: bool = False, last_delete_at: int = 0
) -> list[Channel]:
    """A user's channels of a team, and all direct and group ones; archived ones since last_delete_at when asked for."""
    return await list_queries.of_user_in_team(ctx.db, user_id, team_id, include_deleted, last_delete_at)


@router.get("/users/{user_id}/channels", guard=self_or())
async def get_channels_for_user(
    ctx: Context, user_id: Id, include_deleted: bool = False, last_delete_at: int = 0
) -> list[Channel]:
    """A user's channels of all teams, direct and group ones too."""
    return await list_queries.of_user(ctx.db, user_id, include_deleted, last_delete_at)
