"""What clients say over the socket of posts that they were asked to confirm."""

from server.context import Context
from server.features.notifications.models import PostedNotifyAck
from server.gateway.actions import Actions
from server.metrics import NOTIFICATIONS_CONFIRMED

actions = Actions()

STATUSES = ("success", "error", "not_sent", "unsupported")


@actions.on("posted_notify_ack")
async def posted_notify_ack(ctx: Context, data: PostedNotifyAck) -> None:
    """The client has told its user of a post, or why not; that is only counted."""
    NOTIFICATIONS_CONFIRMED.labels(data.status if data.status in STATUSES else "other").inc()
