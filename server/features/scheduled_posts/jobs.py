"""When scheduled posts are sent: the moment they are due; and what follows when one can't be."""

from server.context import Context
from server.features.scheduled_posts.models import TIMER, TellOfFailure
from server.features.scheduled_posts.queries import next_due
from server.features.scheduled_posts.sending_service import send_due, tell_of_failure
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.when_due(TIMER, next_due)
async def send_scheduled_posts(ctx: Context) -> None:
    """Send what is due."""
    await send_due(ctx)


@jobs.on(TellOfFailure)
async def tell_of_failed_scheduled_post(ctx: Context, job: TellOfFailure) -> None:
    """Tell an author that a post was not sent."""
    await tell_of_failure(ctx, job.scheduled_post_id)
