"""When persistent notifications are sent."""

from server.context import Context
from server.features.persistent_notifications.service import send_due
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.every(15)
async def send_persistent_notifications(ctx: Context) -> None:
    """Call those who have not answered yet."""
    await send_due(ctx, ctx.now())
