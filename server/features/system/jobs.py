"""What is done for the service as a whole every so often."""

from server.context import Context
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.every(5)
async def settle_for_dead_nodes(ctx: Context) -> None:
    """See to it that nobody goes on without the news that a dead node owed."""
    await ctx.services.bus.pledges.settle()
