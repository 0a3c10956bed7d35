"""Outgoing webhooks over HTTP: their management."""

from server.access.guards import in_service
from server.context import Context
from server.features.webhooks import listeners
from server.features.webhooks import outgoing_service as service
from server.features.webhooks.outgoing_models import NewOutgoingWebhook, OutgoingWebhook, OutgoingWebhookUpdate
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("webhooks")

OUTGOING: dict[str, str] = {
    "feature": "ServiceSettings.EnableOutgoingWebhooks",
    "disabled_id": "api.outgoing_webhook.disabled.app_error",
}
MANAGES = in_service("manage_own_outgoing_webhooks in the team, for others' manage_others_outgoing_webhooks")

listeners.listen()


@router.post("/hooks/outgoing", guard=MANAGES, status=201, **OUTGOING)
async def create_outgoing_webhook(ctx: Context, body: NewOutgoingWebhook) -> OutgoingWebhook:
    """Make an outgoing webhook for a team or one of its public channels."""
    return await service.create_hook(ctx, body)


@router.get("/hooks/outgoing", guard=MANAGES, **OUTGOING)
async def get_outgoing_webhooks(
    ctx: Context, page: Page = 0, per_page: PerPage = 60, team_id: Id = "", channel_id: Id = ""
) -> list[OutgoingWebhook]:
    """A page of outgoing webhooks: one's own, or everybody's for those who may manage them."""
    return await service.list_hooks(ctx, team_id=team_id, channel_id=channel_id, page=page, per_page=per_page)


@router.get("/hooks/outgoing/{hook_id}", guard=MANAGES, **OUTGOING)
async def get_outgoing_webhook(ctx: Context, hook_id: Id) -> OutgoingWebhook:
    """An outgoing webhook."""
    return await service.manageable_hook(ctx, hook_id)


@router.put("/hooks/outgoing/{hook_id}", guard=MANAGES, **OUTGOING)
async def update_outgoing_webhook(ctx: Context, hook_id: Id, body: OutgoingWebhookUpdate) -> OutgoingWebhook:
    """Replace what an outgoing webhook listens to and whom it calls."""
    return await service.update_hook(ctx, hook_id, body)


@router.delete("/hooks/outgoing/{hook_id}", guard=MANAGES, **OUTGOING)
async def delete_outgoing_webhook(ctx: Context, hook_id: Id) -> None:
    """End an outgoing webhook."""
    await service.delete_hook(ctx, hook_id)


@router.post("/hooks/outgoing/{hook_id}/regen_token", guard=MANAGES, **OUTGOING)
async def regen_outgoing_hook_token(ctx: Context, hook_id: Id) -> OutgoingWebhook:
    """Give an outgoing webhook a new token."""
    return await service.regenerate_token(ctx, hook_id)
