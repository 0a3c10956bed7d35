"""Finding out who is told of a post, and leaving a job for each mail and each phone."""

from collections.abc import Sequence

from server.context import Change, Context
from server.features.bots.system_bot import system_bot_id
from server.features.notifications import queries
from server.features.notifications.models import (
    Candidate,
    PostFacts,
    PostNotice,
    Reader,
    SendPostMail,
    SendPush,
    Telling,
)
from server.features.notifications.rules import called_everyone, telling
from server.features.status.models import AWAY, DND, Status
from server.features.status.service import statuses_of
from server.features.threads.collapsed import ALWAYS_ON, DEFAULT_ON, DISABLED, mode_of
from server.notify import mail, push

VIEWING = 20_000
"""Milliseconds for which someone who has looked into a channel is taken to be still looking."""
STALE = 24 * 3600 * 1000
"""Milliseconds after which a post is no news any more, for a server that was down for long."""
FORCED = "force_notification"
"""The prop of a test of the system bot, which is pushed whatever its reader has chosen."""

IMMEDIATELY = ("30", "0")
"""What the preference email_interval is for those who want a mail for each post."""


def sends_mail(ctx: Context) -> bool:
    """Whether people get mails about posts."""
    return ctx.config.EmailSettings.SendEmailNotifications and mail.is_configured(ctx.config.EmailSettings)


def sends_push(ctx: Context) -> bool:
    """Whether phones are told of posts."""
    return push.is_configured(ctx.config.EmailSettings)


def collapsed_by_default(ctx: Context) -> str:
    """Whether threads are collapsed for who has not chosen: on or off."""
    return "on" if mode_of(ctx) in (ALWAYS_ON, DEFAULT_ON) else "off"


def collapsed_is_chosen(ctx: Context) -> bool:
    """Whether users choose that for themselves."""
    return mode_of(ctx) not in (ALWAYS_ON, DISABLED)


async def notify_of_post(ctx: Context, post_id: str, again: Sequence[str] = ()) -> None:
    """Leave a job for everybody who is to be told of a post; with `again` for the phones of these only."""
    notice = await queries.post_notice(ctx.db, post_id)
    if notice is None or notice.create_at < ctx.now() - STALE:
        return
    found = await queries.candidates(
        ctx.db,
        post_id,
        collapsed_default=collapsed_by_default(ctx),
        collapsed_chosen=collapsed_is_chosen(ctx),
        pushes=sends_push(ctx),
    )
    if again:
        found = [each for each in found if each.user_id in again]
    statuses = await statuses_of(ctx, [each.user_id for each in found])
    facts = await _facts(ctx, notice)
    told = [(each, telling(facts, _reader(ctx, each, statuses[each.user_id]))) for each in found]
    async with ctx.begin() as tx:
        if not again:
            await _leave_mails(ctx, tx, notice, told)
        await _leave_pushes(ctx, tx, notice, told, again=bool(again))


async def _facts(ctx: Context, notice: PostNotice) -> PostFacts:
    return PostFacts(
        author_id=notice.user_id,
        channel_type=notice.channel_type,
        type=notice.type,
        root_id=notice.root_id,
        message=notice.message,
        mentions=frozenset(notice.mentions),
        everyone=called_everyone(notice.message, notice.props, notice.mentions),
        forced=FORCED in notice.props and notice.user_id == await system_bot_id(ctx),
    )


def _reader(ctx: Context, found: Candidate, status: Status) -> Reader:
    now = ctx.now()
    word = status.status
    if word == DND and 0 < status.dnd_end_time <= now // 1000:
        word = AWAY  # the interruption is over, and about to be ended
    return Reader(
        user_id=found.user_id,
        username=found.username,
        props=found.props,
        channel_props=found.channel_props,
        status=word,
        viewing=found.viewed_at > now - VIEWING,
        following=found.following,
        collapsed=found.collapsed,
    )


async def _leave_mails(ctx: Context, tx: Change, notice: PostNotice, told: Sequence[tuple[Candidate, Telling]]) -> None:
    if not sends_mail(ctx):
        return
    settings = ctx.config.EmailSettings
    batched = []
    for reader, tells in told:
        if not tells.email or not may_be_mailed(ctx, reader):
            continue
        if settings.EnableEmailBatching and reader.email_interval not in IMMEDIATELY:
            batched.append((reader.user_id, tells.reason))
        else:
            tx.enqueue(SendPostMail(post_id=notice.id, user_id=reader.user_id, reason=tells.reason))
    if batched:
        most = max(1, settings.EmailBatchingBufferSize)
        await queries.add_batched(tx, notice.id, batched, ctx.now(), most=most)


async def _leave_pushes(
    ctx: Context, tx: Change, notice: PostNotice, told: Sequence[tuple[Candidate, Telling]], *, again: bool
) -> None:
    reasons = {reader.user_id: tells.reason for reader, tells in told if tells.push} if sends_push(ctx) else {}
    for phone in await queries.devices_of(tx, list(reasons), ctx.now()) if reasons else ():
        reason = reasons[phone.user_id]
        tx.enqueue(
            SendPush(post_id=notice.id, user_id=phone.user_id, session_id=phone.session_id, reason=reason, again=again)
        )


def may_be_mailed(ctx: Context, reader: Candidate) -> bool:
    """Whether mails about posts may go to the address of a user: it must be proven where that is required."""
    return reader.email_verified or not ctx.config.EmailSettings.RequireEmailVerification
