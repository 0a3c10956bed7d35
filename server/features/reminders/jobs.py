"""When reminders are sent: the moment they are due."""

from server.context import Context
from server.features.reminders.models import TIMER
from server.features.reminders.queries import next_due
from server.features.reminders.service import send_due
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.when_due(TIMER, next_due)
async def send_reminders(ctx: Context) -> None:
    """Send what is due."""
    await send_due(ctx)
