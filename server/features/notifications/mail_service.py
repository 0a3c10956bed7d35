"""Mails about posts: at once, or gathered in a digest; never of what has been read meanwhile."""

from server.context import Context
from server.features.notifications import queries
from server.features.notifications.mails import digest_mail, post_mail
from server.features.notifications.models import Candidate, Reason, SendDigest
from server.features.notifications.service import (
    collapsed_by_default,
    collapsed_is_chosen,
    may_be_mailed,
    sends_mail,
)
from server.features.status.service import statuses_of
from server.features.threads.collapsed import collapsed_for
from server.jobs.job import insert_jobs
from server.notify.mail import send_mail

DEFAULT_INTERVAL = 900_000
"""Milliseconds between the digests of who has not chosen."""
DUE_LIMIT = 1000


async def _reader(ctx: Context, post_id: str, user_id: str) -> Candidate | None:
    return await queries.candidate(
        ctx.db,
        post_id,
        user_id,
        collapsed_default=collapsed_by_default(ctx),
        collapsed_chosen=collapsed_is_chosen(ctx),
    )


async def send_post_mail(ctx: Context, post_id: str, user_id: str, reason: Reason) -> None:
    """Mail a post to a user, unless it has been read or its reader was active by now; raises what `send_mail` does."""
    if not sends_mail(ctx):
        return
    notice = await queries.post_notice(ctx.db, post_id)
    reader = await _reader(ctx, post_id, user_id)
    if notice is None or reader is None or not may_be_mailed(ctx, reader):
        return
    if (await statuses_of(ctx, [user_id]))[user_id].last_activity_at > notice.create_at:
        return
    if await queries.unread_of(ctx.db, user_id, [post_id], collapsed=reader.collapsed):
        await send_mail(ctx.config.EmailSettings, post_mail(ctx.config, notice, reader, reason))


async def enqueue_due_digests(ctx: Context) -> None:
    """Leave a job for every digest that is due."""
    settings = ctx.config.EmailSettings
    due = await queries.due_digests(
        ctx.db,
        ctx.now(),
        default=DEFAULT_INTERVAL,
        least=max(1, settings.EmailBatchingInterval) * 1000,
        limit=DUE_LIMIT,
    )
    if due:
        await insert_jobs(ctx.db, [SendDigest(user_id=user_id) for user_id in due])


async def send_digest(ctx: Context, user_id: str) -> None:
    """Mail a user what has gathered, but for what was read; who was active meanwhile knows of it and gets nothing."""
    waiting = await queries.batched_of(ctx.db, user_id)
    if not waiting:
        return
    status = (await statuses_of(ctx, [user_id]))[user_id]
    reasons = {each.post_id: each.reason for each in waiting if each.create_at > status.last_activity_at}
    collapsed = await collapsed_for(ctx, user_id)
    unread = await queries.unread_of(ctx.db, user_id, list(reasons), collapsed=collapsed) if sends_mail(ctx) else ()
    posts = [(notice, reasons[notice.id]) for notice in await queries.post_notices(ctx.db, list(unread))]
    reader = await _reader(ctx, posts[0][0].id, user_id) if posts else None
    if reader is not None and may_be_mailed(ctx, reader):
        await send_mail(ctx.config.EmailSettings, digest_mail(ctx.config, posts, reader))
    await queries.delete_batched(ctx.db, user_id, [each.post_id for each in waiting])
