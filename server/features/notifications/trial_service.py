"""Whether notifications arrive: what phones ask before they log in, and a message for those who want to see it."""

from msgspec import Struct

from server.context import Context
from server.features.bots.system_bot import as_system_bot
from server.features.channels.direct import create_direct
from server.features.notifications.push_texts import blank
from server.features.notifications.service import FORCED, sends_push
from server.features.posts.models import NewPost
from server.features.posts.service import create_post
from server.features.system.store import ConfigStore
from server.ids import new_id
from server.notify import push
from server.notify.outbound import Outbound

TEXT = "This is a test. If your devices told you of this message, notifications work."

YES, NO, UNKNOWN = "true", "false", "unknown"

MAX_DEVICE_ID = 512
MOST_AT_ONCE = 8
"""Questions to the push proxy that strangers may cause at the same time on a node."""


class Trials(Struct):
    """How many phones are being tried on this node."""

    under_way: int = 0


async def can_receive(ctx: Context, device_id: str) -> str:
    """Whether a phone gets notifications from here: true, false, or unknown when the push proxy doesn't say."""
    if not sends_push(ctx) or len(device_id) > MAX_DEVICE_ID:
        return NO
    trials = ctx.services.extras.setdefault(Trials, Trials())
    if not isinstance(trials, Trials) or trials.under_way >= MOST_AT_ONCE:
        return UNKNOWN
    store: ConfigStore = ctx.part(ConfigStore)
    outbound: Outbound = ctx.part(Outbound)
    sent = blank(push.TEST)
    sent.platform, sent.device_id = push.device_of(device_id)
    sent.server_id = (await store.facts()).diagnostic_id
    sent.badge = -1
    trials.under_way += 1
    try:
        return YES if await push.send_push(outbound, ctx.config.EmailSettings, sent) == push.OK else NO
    except push.PushFailed:
        return UNKNOWN
    finally:
        trials.under_way -= 1


async def send_test(ctx: Context) -> None:
    """Send the caller a direct message that is pushed whatever the caller has chosen to be told of."""
    bot = await as_system_bot(ctx)
    channel = await create_direct(bot, [bot.user_id, ctx.user_id])
    new = NewPost(channel_id=channel.id, message=TEXT, props={FORCED: new_id()})
    await create_post(bot, new, set_online=False)
