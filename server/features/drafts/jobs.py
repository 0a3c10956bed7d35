"""What is done about drafts every so often."""

from server.context import Context
from server.features.drafts import queries
from server.jobs.handlers import Jobs

KEPT_MS = 30 * 24 * 3600 * 1000
"""For how long a draft is kept that its writer can't post any more."""

jobs = Jobs()


@jobs.every(3600)
async def sweep_drafts(ctx: Context) -> None:
    """Forget drafts of channels that their writers left, and of threads that are gone."""
    while await queries.sweep_drafts(ctx.db, ctx.now() - KEPT_MS):
        continue
