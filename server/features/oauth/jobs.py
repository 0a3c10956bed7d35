"""What is done about OAuth every so often."""

from server.context import Context
from server.features.oauth import queries
from server.jobs.handlers import Jobs

DAY = 24 * 3600 * 1000

jobs = Jobs()


@jobs.every(600)
async def sweep_oauth(ctx: Context) -> None:
    """Forget old codes and refresh tokens, and apps that registered themselves and were never used."""
    await queries.sweep(ctx.db, ctx.now(), ctx.now() - DAY)
