"""Following the links of posts, and forgetting what is old."""

from server.context import Context
from server.features.previews import queries, service
from server.features.previews.fetcher import Fetcher
from server.features.previews.models import FetchPreviews
from server.jobs.handlers import Jobs

MAX_TRIES = 60
"""A post that found all places taken so often has no previews."""

jobs = Jobs()


@jobs.on(FetchPreviews, attempts=3, waits_for="pages")
async def fetch_previews(ctx: Context, job: FetchPreviews) -> None:
    """Find out what stands behind the links of a post, or try again a little later when many others are at it."""
    fetcher: Fetcher = ctx.part(Fetcher)
    if not fetcher.crowded:
        with fetcher.post():
            await service.preview_post(ctx, job.post_id)
    elif job.tries < MAX_TRIES:
        async with ctx.begin() as tx:
            tx.enqueue(FetchPreviews(post_id=job.post_id, tries=job.tries + 1))


@jobs.every(600)
async def sweep_link_previews(ctx: Context) -> None:
    """Forget what addresses gave long ago, or gave too much of."""
    while await queries.sweep(ctx.db, ctx.now()) >= queries.SWEEP_LIMIT:
        pass
