"""Incoming webhooks over HTTP: their management, and the addresses that programs send to."""

from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from server.access.guards import anyone, in_service
from server.access.limits import HOOK_CALLS, limit
from server.context import Context
from server.features.webhooks import incoming, service
from server.features.webhooks.models import (
    IncomingWebhook,
    IncomingWebhooksWithCount,
    IncomingWebhookUpdate,
    NewIncomingWebhook,
    WebhookPayload,
)
from server.features.webhooks.payload import MAX_FIELDS, read_fields, read_payload, unreadable
from server.http.params import Page, PerPage
from server.http.reply import Reply
from server.http.router import Router
from server.ids import Id

router = Router("webhooks")
address = Router("webhooks", prefix="")

INCOMING: dict[str, str] = {
    "feature": "ServiceSettings.EnableIncomingWebhooks",
    "disabled_id": "api.incoming_webhook.disabled.app_error",
}
MANAGES = in_service(
    "manage_own_incoming_webhooks in the team, for others' manage_others_incoming_webhooks; private: read_channel"
)


@router.post("/hooks/incoming", guard=MANAGES, status=201, **INCOMING)
async def create_incoming_webhook(ctx: Context, body: NewIncomingWebhook) -> IncomingWebhook:
    """Make an incoming webhook for a channel."""
    return await service.create_hook(ctx, body)


@router.get("/hooks/incoming", guard=MANAGES, **INCOMING)
async def get_incoming_webhooks(
    ctx: Context, page: Page = 0, per_page: PerPage = 60, team_id: Id = "", include_total_count: bool = False
) -> Sequence[IncomingWebhook] | IncomingWebhooksWithCount:
    """A page of incoming webhooks: one's own, or everybody's for those who may manage them."""
    return await service.list_hooks(ctx, team_id, page, per_page, count=include_total_count)


@router.get("/hooks/incoming/{hook_id}", guard=MANAGES, **INCOMING)
async def get_incoming_webhook(ctx: Context, hook_id: Id) -> IncomingWebhook:
    """An incoming webhook."""
    return await service.manageable_hook(ctx, hook_id)


@router.put("/hooks/incoming/{hook_id}", guard=MANAGES, status=201, **INCOMING)
async def update_incoming_webhook(ctx: Context, hook_id: Id, body: IncomingWebhookUpdate) -> IncomingWebhook:
    """Replace what an incoming webhook says and where it posts."""
    return await service.update_hook(ctx, hook_id, body)


@router.delete("/hooks/incoming/{hook_id}", guard=MANAGES, **INCOMING)
async def delete_incoming_webhook(ctx: Context, hook_id: Id) -> None:
    """End an incoming webhook."""
    await service.delete_hook(ctx, hook_id)


@address.post(
    "/hooks/{hook_id}",
    guard=anyone,
    feature="ServiceSettings.EnableIncomingWebhooks",
    disabled_id="web.incoming_webhook.disabled.app_error",
)
async def run_incoming_webhook(ctx: Context, request: Request, hook_id: str) -> Reply:
    """Post a message; who knows the id of the hook may."""
    hook = await incoming.known_hook(ctx, hook_id)
    await limit(ctx, HOOK_CALLS, hook.id)
    await incoming.deliver(ctx, hook, await _payload(ctx, request))
    return Reply(content=b"ok", media_type="text/plain")


async def _payload(ctx: Context, request: Request) -> WebhookPayload:
    raw = await request.body()
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        return read_payload(raw, content_type)
    try:
        async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
            return read_fields({name: value for name, value in form.items() if not isinstance(value, UploadFile)})
    except (MultiPartException, HTTPException, ValueError, KeyError, AttributeError) as error:
        raise unreadable() from error
