"""What is done about audits every so often."""

from server.context import Context
from server.features.audits import queries
from server.jobs.handlers import Jobs

jobs = Jobs()

KEPT_FOR = 180 * 86_400_000
"""Milliseconds for which audits are kept."""


@jobs.every(3600)
async def sweep_audits(ctx: Context) -> None:
    """Forget what happened long ago."""
    while await queries.sweep_audits(ctx.db, ctx.now() - KEPT_FOR) >= queries.SWEEP_LIMIT:
        pass
