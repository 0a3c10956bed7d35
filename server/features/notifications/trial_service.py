"""A message of the system bot by which users see whether notifications reach them."""

from server.context import Context
from server.features.bots.system_bot import as_system_bot
from server.features.channels.direct import create_direct
from server.features.notifications.service import FORCED
from server.features.posts.models import NewPost
from server.features.posts.service import create_post
from server.ids import new_id

TEXT = "This is a test. If your devices told you of this message, notifications work."


async def send_test(ctx: Context) -> None:
    """Send the caller a direct message that is pushed whatever the caller has chosen to be told of."""
    bot = await as_system_bot(ctx)
    channel = await create_direct(bot, [bot.user_id, ctx.user_id])
    new = NewPost(channel_id=channel.id, message=TEXT, props={FORCED: new_id()})
    await create_post(bot, new, set_online=False)
