"""What phones confirm, and a test of notifications."""

from server.access.guards import signed_in
from server.context import Context
from server.features.notifications import listeners, push_service, trial_service
from server.features.notifications.models import NotificationAck
from server.http.router import Router
from server.notify.push import PushNotification

router = Router("notifications")
listeners.listen()


@router.post(
    "/notifications/ack",
    guard=signed_in,
    feature="EmailSettings.SendPushNotifications",
    disabled_id="api.push_notification.disabled.app_error",
)
async def acknowledge_notification(ctx: Context, body: NotificationAck) -> PushNotification | None:
    """Confirm a push notification; the answer to one that brought only ids holds its contents."""
    return await push_service.acknowledge(ctx, body)


@router.post("/notifications/test", guard=signed_in)
async def test_notification(ctx: Context) -> None:
    """Have the system bot send the caller a message, which is pushed to the caller's phones in any case."""
    await trial_service.send_test(ctx)
