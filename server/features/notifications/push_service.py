"""Push notifications: of posts, of what was read elsewhere, of new counts, and of sessions that end."""

import structlog

from server.access.grants import may_read_channel, post_channel_id
from server.context import Context
from server.errors import NotFound, forbidden
from server.features.notifications import queries
from server.features.notifications.models import (
    Candidate,
    Device,
    ForwardAck,
    NotificationAck,
    PostNotice,
    Reason,
    SendPush,
    SendSessionPush,
    SendSilentPush,
)
from server.features.notifications.push_texts import FULL, ID_LOADED, blank, post_push
from server.features.notifications.service import STALE, collapsed_by_default, collapsed_is_chosen, sends_push
from server.features.system.store import ConfigStore
from server.features.threads.collapsed import collapsed_for
from server.ids import new_id
from server.jobs.job import insert_jobs
from server.notify import push
from server.notify.outbound import Outbound

log = structlog.get_logger()

ENDED_LIMIT = 500


async def push_post(ctx: Context, job: SendPush) -> None:
    """Tell a phone of a post, unless it was read meanwhile; raises PushFailed."""
    phone = await queries.device(ctx.db, job.session_id, ctx.now()) if sends_push(ctx) else None
    notice = await queries.post_notice(ctx.db, job.post_id) if phone is not None else None
    if phone is None or notice is None or phone.user_id != job.user_id or notice.create_at < ctx.now() - STALE:
        return
    reader = await _reader(ctx, notice, job.user_id)
    if reader is None or (not job.again and _is_read(notice, reader)):
        return
    sent = post_push(ctx.config, notice, reader, job.reason, contents=ctx.config.EmailSettings.PushNotificationContents)
    sent.badge = await queries.badge(ctx.db, job.user_id, collapsed=reader.collapsed)
    await _send(ctx, phone, sent)


async def _reader(ctx: Context, notice: PostNotice, user_id: str) -> Candidate | None:
    return await queries.candidate(
        ctx.db,
        notice.id,
        user_id,
        collapsed_default=collapsed_by_default(ctx),
        collapsed_chosen=collapsed_is_chosen(ctx),
    )


def _is_read(notice: PostNotice, reader: Candidate) -> bool:
    in_thread = bool(notice.root_id) and reader.collapsed
    return notice.create_at <= (reader.thread_viewed_at if in_thread else reader.viewed_at)


async def push_silently(ctx: Context, job: SendSilentPush) -> None:
    """Bring the phones of a user up to date, without a sound; raises PushFailed when one could not be reached."""
    phones = await queries.devices_of(ctx.db, [job.user_id], ctx.now()) if sends_push(ctx) else []
    phones = [phone for phone in phones if phone.session_id != job.except_session_id]
    if not phones:
        return
    collapsed = await collapsed_for(ctx, job.user_id)
    sent = blank(job.type)
    sent.channel_id, sent.root_id = job.channel_id, job.root_id
    sent.sound = "none" if job.type == push.UPDATE_BADGE else ""
    sent.badge = await queries.badge(ctx.db, job.user_id, collapsed=collapsed)
    sent.is_crt_enabled = collapsed
    failure: push.PushFailed | None = None
    for phone in phones:
        try:
            await _send(ctx, phone, sent)
        except push.PushFailed as error:
            failure = error
    if failure is not None:
        raise failure


async def enqueue_ended_sessions(ctx: Context, ahead: int) -> None:
    """Leave a job for every phone whose session ends within the next `ahead` milliseconds: soon the row is gone."""
    if not sends_push(ctx):
        return
    async with ctx.begin() as tx:
        ended = await queries.ended_on_devices(tx, ctx.now() + ahead, ENDED_LIMIT)
        tx.enqueue(*(SendSessionPush(session_id=session_id) for session_id in ended))


async def push_session_end(ctx: Context, session_id: str) -> None:
    """Tell a phone that its user has to log in again; raises PushFailed."""
    phone = await queries.any_device(ctx.db, session_id) if sends_push(ctx) else None
    if phone is not None:
        sent = blank(push.SESSION)
        sent.message = "Your session has ended. Please log in to go on receiving notifications."
        await _send(ctx, phone, sent)


async def _send(ctx: Context, phone: Device, sent: push.PushNotification) -> None:
    sent.platform, sent.device_id = push.device_of(phone.device_id)
    sent.ack_id = new_id()
    sent.cont_ava = 1
    store: ConfigStore = ctx.part(ConfigStore)
    sent.server_id = (await store.facts()).diagnostic_id
    outbound: Outbound = ctx.part(Outbound)
    if await push.send_push(outbound, ctx.config.EmailSettings, sent) == push.REMOVE:
        log.info("a phone does not exist any more", user_id=phone.user_id, platform=sent.platform)
        sessions = await queries.detach(ctx.db, phone.user_id, phone.device_id)
        await ctx.tell([*(f"session:{session_id}" for session_id in sessions), f"devices:{phone.user_id}"])


async def acknowledge(ctx: Context, ack: NotificationAck) -> push.PushNotification | None:
    """A phone got a notification: pass that on, and give the contents of one that brought only ids."""
    wanted = ack.is_id_loaded and ack.post_id and ack.type == push.MESSAGE
    contents = await _contents(ctx, ack.post_id) if wanted else None
    if not sends_push(ctx):
        return contents
    job = ForwardAck(
        id=ack.id,
        received_at=ack.received_at,
        platform=ack.platform,
        type=ack.type,
        post_id=ack.post_id,
        is_id_loaded=ack.is_id_loaded,
    )
    await insert_jobs(ctx.db, [job])
    return contents


async def _contents(ctx: Context, post_id: str) -> push.PushNotification:
    """All that a phone shows of a post, as it fetches it itself; raises NotFound or Forbidden."""
    channel_id = await post_channel_id(ctx, post_id)
    if channel_id is not None and not await may_read_channel(ctx, channel_id):
        raise forbidden()
    notice = await queries.post_notice(ctx.db, post_id)
    reader = await _reader(ctx, notice, ctx.user_id) if notice is not None else None
    if notice is None or reader is None:
        raise NotFound("app.post.get.app_error", "There is no such post.")
    contents = ctx.config.EmailSettings.PushNotificationContents
    reason: Reason = "direct" if notice.channel_type == "D" else "all"
    sent = post_push(ctx.config, notice, reader, reason, contents=FULL if contents == ID_LOADED else contents)
    sent.is_id_loaded = True
    sent.badge = await queries.badge(ctx.db, reader.user_id, collapsed=reader.collapsed)
    store: ConfigStore = ctx.part(ConfigStore)
    sent.server_id = (await store.facts()).diagnostic_id
    return sent


async def forward_ack(ctx: Context, job: ForwardAck) -> None:
    """Tell the push proxy that a phone got a notification; raises PushFailed."""
    if sends_push(ctx):
        ack = push.PushAck(
            id=job.id,
            received_at=job.received_at,
            platform=job.platform,
            type=job.type,
            post_id=job.post_id,
            is_id_loaded=job.is_id_loaded,
        )
        outbound: Outbound = ctx.part(Outbound)
        await push.send_ack(outbound, ctx.config.EmailSettings, ack)
