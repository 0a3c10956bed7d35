"""What is done about posts that somebody is to be told of, on any node."""

import structlog

from server.context import Context
from server.features.notifications import auto_service, mail_service, push_service, service
from server.features.notifications.models import (
    ForwardAck,
    NotifyOfPost,
    ReplyAutomatically,
    SendDigest,
    SendPostMail,
    SendPush,
    SendSessionPush,
    SendSilentPush,
    SetAutomaticStatus,
)
from server.jobs.handlers import Jobs
from server.notify.mail import MailRefused

jobs = Jobs()
log = structlog.get_logger()

PUSH_ATTEMPTS = 5
"""Within about a minute and a half: what is later is no news."""
SILENT_ATTEMPTS = 3

MAILS, PHONES = "mails of posts", "push proxy"
"""What jobs wait for: a slow one of these must not hold up the other, nor anything else."""

DIGEST_SECONDS = 10
SESSION_SECONDS = 60
SESSION_AHEAD = 90_000


@jobs.on(NotifyOfPost)
async def notify_of_post(ctx: Context, job: NotifyOfPost) -> None:
    """Find out who is told."""
    await service.notify_of_post(ctx, job.post_id, again=job.again)


@jobs.on(SendPostMail, waits_for=MAILS)
async def send_post_mail(ctx: Context, job: SendPostMail) -> None:
    """Mail a post; an address that is refused for good is not tried again."""
    try:
        await mail_service.send_post_mail(ctx, job.post_id, job.user_id, job.reason)
    except (MailRefused, ValueError) as error:
        log.warning("a mail can't be delivered", user_id=job.user_id, error=type(error).__name__)


@jobs.on(SendDigest, waits_for=MAILS)
async def send_digest(ctx: Context, job: SendDigest) -> None:
    """Mail what has gathered."""
    await mail_service.send_digest(ctx, job.user_id)


@jobs.every(DIGEST_SECONDS)
async def enqueue_due_digests(ctx: Context) -> None:
    """Look for digests that are due."""
    await mail_service.enqueue_due_digests(ctx)


@jobs.on(SendPush, attempts=PUSH_ATTEMPTS, waits_for=PHONES)
async def send_push(ctx: Context, job: SendPush) -> None:
    """Tell a phone of a post."""
    await push_service.push_post(ctx, job)


@jobs.on(SendSilentPush, attempts=SILENT_ATTEMPTS, waits_for=PHONES)
async def send_silent_push(ctx: Context, job: SendSilentPush) -> None:
    """Bring phones up to date."""
    await push_service.push_silently(ctx, job)


@jobs.on(SendSessionPush, attempts=PUSH_ATTEMPTS, waits_for=PHONES)
async def send_session_push(ctx: Context, job: SendSessionPush) -> None:
    """Tell a phone that its session ends."""
    await push_service.push_session_end(ctx, job.session_id)


@jobs.every(SESSION_SECONDS)
async def enqueue_ended_sessions(ctx: Context) -> None:
    """Look for sessions of phones that end before this is done the next time."""
    await push_service.enqueue_ended_sessions(ctx, SESSION_AHEAD)


@jobs.on(ForwardAck, attempts=SILENT_ATTEMPTS, waits_for=PHONES)
async def forward_push_ack(ctx: Context, job: ForwardAck) -> None:
    """Tell the push proxy that a phone got a notification."""
    await push_service.forward_ack(ctx, job)


@jobs.on(ReplyAutomatically)
async def reply_automatically(ctx: Context, job: ReplyAutomatically) -> None:
    """Reply for who is out of office."""
    await auto_service.reply_automatically(ctx, job.post_id, job.user_id)


@jobs.on(SetAutomaticStatus)
async def set_automatic_status(ctx: Context, job: SetAutomaticStatus) -> None:
    """Show that messages are replied to automatically, or no longer."""
    await auto_service.set_automatic_status(ctx, job.user_id)
