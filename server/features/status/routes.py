"""Routes of statuses and custom statuses."""

from server.access.guards import in_service, self_or, signed_in
from server.context import Context
from server.errors import invalid_body
from server.features.status import service
from server.features.status.custom import CustomStatus, forget_recent, remove_custom_status, set_custom_status
from server.features.status.models import DND, Ids, NewStatus, Status
from server.features.users.visible import check_sees, only_seen
from server.http.router import Router
from server.ids import Id

router = Router("status")

custom = {"feature": "TeamSettings.EnableCustomUserStatuses", "disabled_id": "api.custom_status.disabled"}
"""The switch of the routes of custom statuses."""

NOTHING = CustomStatus()


@router.get("/users/{user_id}/status", guard=in_service("view_members"))
async def get_user_status(ctx: Context, user_id: Id) -> Status:
    """The status of a user."""
    await check_sees(ctx, user_id)
    return (await service.statuses_of(ctx, [user_id]))[user_id]


@router.post("/users/status/ids", guard=signed_in)
async def get_users_statuses_by_ids(ctx: Context, body: Ids) -> list[Status]:
    """The statuses of users."""
    return list((await service.statuses_of(ctx, await only_seen(ctx, body))).values())


@router.put("/users/{user_id}/status", guard=self_or())
async def update_user_status(ctx: Context, user_id: Id, body: NewStatus) -> Status:
    """Choose a status; dnd_end_time (seconds) brings the previous one back then."""
    if body.user_id != user_id:
        raise invalid_body("user_id")
    return await service.choose(ctx, user_id, body.status, body.dnd_end_time if body.status == DND else 0)


@router.put("/users/{user_id}/status/custom", guard=self_or(), **custom)
async def update_user_custom_status(ctx: Context, user_id: Id, body: CustomStatus) -> None:
    """Set the custom status of a user."""
    await set_custom_status(ctx, user_id, body)


@router.delete("/users/{user_id}/status/custom", guard=self_or(), **custom)
async def unset_user_custom_status(ctx: Context, user_id: Id) -> None:
    """Take the custom status of a user away."""
    await remove_custom_status(ctx, user_id)


@router.delete("/users/{user_id}/status/custom/recent", guard=self_or(), **custom)
async def remove_recent_custom_status(
    ctx: Context, user_id: Id, body: CustomStatus = NOTHING, emoji: str = "", text: str = ""
) -> None:
    """Take a custom status, given in the body or the query, out of the recent ones."""
    await forget_recent(ctx, user_id, CustomStatus(emoji=body.emoji or emoji, text=body.text or text))


@router.post("/users/{user_id}/status/custom/recent/delete", guard=self_or(), **custom)
async def post_user_recent_custom_status_delete(ctx: Context, user_id: Id, body: CustomStatus) -> None:
    """Take a custom status out of the recent ones."""
    await forget_recent(ctx, user_id, body)
