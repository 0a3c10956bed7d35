"""What clients ask for at their start of features that the server does not have yet: truthfully, there is none.

Each route is guarded as the feature itself will be, and moves there when the feature comes.
"""

from typing import Any

from server.access.guards import all_of, anyone, on_team, reads_channel, self_or, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.http.router import Router
from server.ids import Id

router = Router("system")

DRAFTS: dict[str, str] = {
    "feature": "ServiceSettings.AllowSyncedDrafts",
    "disabled_id": "api.drafts.disabled.app_error",
}

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
