"""What is done about sessions every so often."""

from server.bus.signals import SessionsEnded
from server.context import Context
from server.features.sessions import queries
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.every(60)
async def sweep_sessions(ctx: Context) -> None:
    """End the sessions that expired, and the idle ones where activity does not extend them."""
    settings = ctx.config.ServiceSettings
    idle = 0 if settings.ExtendSessionLengthWithActivity else settings.SessionIdleTimeoutInMinutes * 60_000
    while True:
        ended = await queries.sweep_sessions(ctx.db, ctx.now(), ctx.now() - idle if idle > 0 else 0)
        by_user: dict[str, list[str]] = {}
        for session_id, user_id in ended:
            by_user.setdefault(user_id, []).append(session_id)
        await ctx.tell(
            [f"session:{session_id}" for session_id, _ in ended],
            [SessionsEnded(user_id=user_id, session_ids=tuple(ids)) for user_id, ids in by_user.items()],
        )
        if len(ended) < queries.SWEEP_LIMIT:
            return
