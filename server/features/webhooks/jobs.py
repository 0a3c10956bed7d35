"""What is done about webhooks in the background."""

from server.context import Context
from server.features.webhooks import outgoing
from server.features.webhooks.outgoing_models import CallHook
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.on(CallHook, attempts=4, waits_for="webhooks")
async def call_hook(ctx: Context, job: CallHook) -> None:
    """Call an outgoing webhook; what can't be reached is tried again for a minute and a half."""
    await outgoing.call(ctx, job)
