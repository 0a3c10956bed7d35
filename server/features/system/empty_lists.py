"""What clients ask for at their start of features that the server does not have yet: truthfully, there is none.

Each route is guarded as the feature itself will be, and moves there when the feature comes.
"""

from typing import Any

from server.access.guards import anyone, signed_in
from server.context import Context
from server.http.router import Router
from server.ids import Id

router = Router("system")


@router.get("/plugins/webapp", guard=anyone)
async def get_webapp_plugins(ctx: Context) -> list[Any]:
    """The plugins that run in the browser."""
    return []


@router.get("/system/notices/{team_id}", guard=signed_in)
async def get_notices(ctx: Context, team_id: Id, clientVersion: str, client: str, locale: str = "") -> list[Any]:  # noqa: N803
    """The news that the product has for a user."""
    return []
