"""Drafts over HTTP. They are their writer's alone."""

from collections.abc import Mapping

from server.access.guards import Guard, all_of, in_service, on_team
from server.access.permissions import Permission
from server.context import Context
from server.errors import forbidden
from server.features.drafts import queries, service
from server.features.drafts.models import Draft, NewDraft
from server.http.router import LARGE_BODY, Router
from server.ids import Id

router = Router("drafts")

SWITCH: dict[str, str] = {
    "feature": "ServiceSettings.AllowSyncedDrafts",
    "disabled_id": "api.drafts.disabled.app_error",
}


async def _is_self(ctx: Context, path: Mapping[str, str]) -> None:
    if path["user_id"] != ctx.user_id:
        raise forbidden()


only_self = Guard("self", _is_self)
"""The user of the path, and nobody else whatever their permissions."""


@router.post(
    "/drafts",
    guard=in_service("create_post in the channel; always the caller's own"),
    status=201,
    body_limit=LARGE_BODY,
    **SWITCH,
)
async def upsert_draft(ctx: Context, body: NewDraft) -> Draft:
    """Keep what the caller has begun to write in a channel or thread; an empty one is deleted."""
    return await service.upsert_draft(ctx, body)


@router.get("/users/{user_id}/teams/{team_id}/drafts", guard=all_of(only_self, on_team(Permission.VIEW_TEAM)), **SWITCH)
async def get_drafts(ctx: Context, user_id: Id, team_id: Id) -> list[Draft]:
    """The caller's drafts in a team and in direct and group channels, newest first."""
    return [row.shown() for row in await queries.drafts_of(ctx.db, user_id, team_id)]


@router.delete("/users/{user_id}/channels/{channel_id}/drafts", guard=only_self, **SWITCH)
async def delete_draft(ctx: Context, user_id: Id, channel_id: Id) -> None:
    """Delete the caller's draft of a channel; it is no failure when there is none."""
    await service.delete_draft(ctx, channel_id, "")


@router.delete("/users/{user_id}/channels/{channel_id}/drafts/{thread_id}", guard=only_self, **SWITCH)
async def delete_draft_for_thread(ctx: Context, user_id: Id, channel_id: Id, thread_id: Id) -> None:
    """Delete the caller's draft of a reply; it is no failure when there is none."""
    await service.delete_draft(ctx, channel_id, thread_id)
