"""What is done about files every so often."""

from server.context import Context
from server.features.files import queries, upload_queries
from server.features.files.service import blobs_of, discard
from server.features.files.upload_service import KEPT_MS
from server.ids import id_at
from server.jobs.handlers import Jobs

AT_ONCE = 100
UNUSED_MS = 7 * 24 * 3600 * 1000
"""A file waits so long for the post, bookmark or draft that it was uploaded for …"""
LOOK_BACK_MS = 30 * 24 * 3600 * 1000
"""… and is looked at for so long after that."""

jobs = Jobs()


@jobs.every(60)
async def remove_erased_files(ctx: Context) -> None:
    """Take files that were erased for good out of the store, then out of the database."""
    while ids := await queries.erased(ctx.db, AT_ONCE):
        await discard(ctx, ids)
        await queries.remove_files(ctx.db, ids)


@jobs.every(3600)
async def sweep_unused_files(ctx: Context) -> None:
    """Let go of files that were uploaded and never used."""
    now = ctx.now()
    end = now - UNUSED_MS
    await queries.erase_unused(ctx.db, id_at(end - LOOK_BACK_MS), id_at(end), now)


@jobs.every(3600)
async def sweep_uploads(ctx: Context) -> None:
    """Forget uploads in parts that nobody ended in time."""
    while stale := await upload_queries.stale_sessions(ctx.db, ctx.now() - KEPT_MS):
        for upload_id, parts in stale:
            await blobs_of(ctx).delete(*parts)
            await upload_queries.end_session(ctx.db, upload_id)
