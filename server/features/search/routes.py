"""Searches for posts and files, in a team or in all teams of the caller."""

from server.access.guards import on_team, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.features.search import listeners, service
from server.features.search.models import FileInfoList, PostSearchResults, SearchParameter
from server.http.router import Router
from server.ids import Id

router = Router("search")

listeners.listen()


@router.post("/posts/search", guard=signed_in)
async def search_posts_in_all_teams(ctx: Context, body: SearchParameter) -> PostSearchResults:
    """Posts of all channels of the caller that match, newest first."""
    return await service.search_posts(ctx, body)


@router.post("/teams/{team_id}/posts/search", guard=on_team(Permission.VIEW_TEAM))
async def search_posts(ctx: Context, team_id: Id, body: SearchParameter) -> PostSearchResults:
    """Posts of the caller's channels in a team, direct and group channels included, that match, newest first."""
    return await service.search_posts(ctx, body, team_id=team_id)


@router.post("/files/search", guard=signed_in, form_too=True)
async def search_files_in_all_teams(ctx: Context, body: SearchParameter) -> FileInfoList:
    """Files of posts in all channels of the caller that match by name or text, newest first."""
    return await service.search_files(ctx, body)


@router.post("/teams/{team_id}/files/search", guard=on_team(Permission.VIEW_TEAM), form_too=True)
async def search_files(ctx: Context, team_id: Id, body: SearchParameter) -> FileInfoList:
    """Files of posts in the caller's channels of a team and in direct ones that match, newest first."""
    return await service.search_files(ctx, body, team_id=team_id)
