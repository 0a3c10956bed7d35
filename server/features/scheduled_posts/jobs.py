"""When scheduled posts are sent: the moment they are due."""

from server.context import Context
from server.features.scheduled_posts.models import TIMER
from server.features.scheduled_posts.queries import next_due
from server.features.scheduled_posts.sending_service import send_due
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.when_due(TIMER, next_due)
async def send_scheduled_posts(ctx: Context) -> None:
    """Send what is due."""
    await send_due(ctx)
