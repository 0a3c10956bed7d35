"""The path of the WebSocket for those who come without an upgrade; upgrades never get here, the gateway takes them."""

from server.access.guards import anyone
from server.context import Context
from server.gateway.handshake import upgrade_required
from server.http.router import Router

router = Router("websocket")


@router.get("/websocket", guard=anyone)
async def connect_web_socket(ctx: Context) -> None:
    """Upgrade to a WebSocket, which brings events and takes actions."""
    raise upgrade_required()
