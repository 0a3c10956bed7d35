"""What each node remembers of custom emojis: all of them, until one comes or goes."""

from collections.abc import Mapping

from server.context import Context
from server.errors import NotAvailable, NotFound
from server.features.emoji import queries
from server.features.emoji.models import Customs, Emoji
from server.features.emoji.names import is_emoji_name, system_names

TAG = "emojis"
"""The cache tag of all custom emojis."""

_NONE: Mapping[str, Emoji] = {}


def no_such_name() -> NotFound:
    """404 for a name that no custom emoji has."""
    return NotFound("app.emoji.get_by_name.no_result", "There is no emoji of this name.")


async def customs(ctx: Context) -> Customs:
    """All custom emojis."""
    at_hand = ctx.cache.peek("custom_emojis", Customs)
    if at_hand is not None:
        return at_hand
    return await ctx.cache.get("custom_emojis", (TAG,), lambda: queries.all_emojis(ctx.db))


async def usable(ctx: Context) -> Mapping[str, Emoji]:
    """The custom emojis that messages can use now, by name: none while they are switched off."""
    if not ctx.config.ServiceSettings.EnableCustomEmoji:
        return _NONE
    return (await customs(ctx)).by_name


def may_be_name(name: str) -> bool:
    """Whether an emoji could have this name."""
    return is_emoji_name(name) or name in system_names()


async def check_exists(ctx: Context, name: str) -> None:
    """Refuse a name that is neither a system emoji's nor a custom one's; raises NotFound, NotAvailable."""
    if name in system_names():
        return
    if not ctx.config.ServiceSettings.EnableCustomEmoji:
        raise NotAvailable("api.emoji.disabled.app_error", "Custom emojis are switched off.")
    if name not in (await customs(ctx)).by_name:
        raise no_such_name()
