"""What is done about sessions every so often."""

from server.context import Context
from server.features.sessions import queries
from server.features.sessions.service import tell_ended
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.every(60)
async def sweep_sessions(ctx: Context) -> None:
    """End the sessions that expired, and the idle ones where activity does not extend them."""
    settings = ctx.config.ServiceSettings
    idle = 0 if settings.ExtendSessionLengthWithActivity else settings.SessionIdleTimeoutInMinutes * 60_000
    while True:
        ended = await queries.sweep_sessions(ctx.db, ctx.now(), ctx.now() - idle if idle > 0 else 0)
        await tell_ended(ctx, ended)
        if len(ended) < queries.SWEEP_LIMIT:
            return
