"""Reminders over HTTP."""

from server.access.guards import all_of, in_service, self_or
from server.context import Context
from server.features.reminders import service
from server.features.reminders.models import NewReminder
from server.http.router import Router
from server.ids import Id

router = Router("posts")


@router.post(
    "/users/{user_id}/posts/{post_id}/reminder",
    guard=all_of(self_or(), in_service("who may read the channel of the post")),
)
async def set_post_reminder(ctx: Context, user_id: Id, post_id: Id, body: NewReminder) -> None:
    """Be reminded of a post at a time, by a message of the system bot."""
    await service.set_reminder(ctx, user_id, post_id, body.target_time)
