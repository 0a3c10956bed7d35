"""What is done about posts every so often."""

from server.context import Context
from server.features.posts import queries
from server.features.posts.unpublished import Unpublished
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.every(60)
async def sweep_pending_posts(ctx: Context) -> None:
    """Forget the pending_post_ids that stand for nothing any more."""
    while await queries.sweep_pending(ctx.db) == queries.SWEEP_LIMIT:
        pass


@jobs.every(5)
async def publish_what_was_not(ctx: Context) -> None:
    """Tell of posts whose node stored them and died."""
    unpublished: Unpublished = ctx.part(Unpublished)
    await unpublished.sweep(ctx)
