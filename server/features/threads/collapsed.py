"""Whether replies are shown in threads only: the server's setting, and the choice of the user where it leaves one."""

from server.context import Context
from server.features.preferences.queries import preference

DISABLED = "disabled"
ALWAYS_ON = "always_on"
DEFAULT_ON = "default_on"

CATEGORY, NAME = "display_settings", "collapsed_reply_threads"


def mode_of(ctx: Context) -> str:
    """ServiceSettings.CollapsedThreads: disabled, default_off, default_on or always_on."""
    return ctx.config.ServiceSettings.CollapsedThreads


async def collapsed_for(ctx: Context, user_id: str) -> bool:
    """Whether a user has collapsed threads."""
    mode = mode_of(ctx)
    if mode in (ALWAYS_ON, DISABLED):
        return mode == ALWAYS_ON

    async def load() -> str:
        chosen = await preference(ctx.db, user_id, CATEGORY, NAME)
        return chosen.value if chosen is not None else ""

    value = await ctx.cache.get(("collapsed_threads", user_id), (f"preferences:{user_id}",), load)
    return value == "on" or (value != "off" and mode == DEFAULT_ON)
