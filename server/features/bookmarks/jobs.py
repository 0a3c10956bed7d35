"""What is done about bookmarks every so often."""

from server.context import Context
from server.features.bookmarks import queries
from server.jobs.handlers import Jobs

KEPT_MS = 30 * 24 * 3600 * 1000
"""For how long clients that were away can ask which bookmarks were deleted."""

jobs = Jobs()


@jobs.every(3600)
async def sweep_bookmarks(ctx: Context) -> None:
    """Forget bookmarks that were deleted long ago."""
    while await queries.sweep_bookmarks(ctx.db, ctx.now() - KEPT_MS):
        continue
