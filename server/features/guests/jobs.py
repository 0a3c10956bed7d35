"""What is done about guests in the background."""

import structlog

from server.context import Context
from server.features.guests import service
from server.features.guests.models import DeactivateGuests
from server.features.system.store import ConfigStore
from server.jobs.handlers import Jobs

jobs = Jobs()
log = structlog.get_logger()


@jobs.on(DeactivateGuests)
async def deactivate_guests(ctx: Context, job: DeactivateGuests) -> None:
    """Deactivate all guests, unless the settings let them in again meanwhile."""
    store: ConfigStore = ctx.part(ConfigStore)
    await store.reload()  # this node may not have read yet what caused the job
    if not ctx.config.GuestAccountsSettings.Enable:
        log.info("guests are switched off", deactivated=await service.deactivate_guests(ctx))
