"""Secrets of the installation: made once, by the first node that needs one, and the same for all nodes ever after."""

from enum import StrEnum

from server.context import Context
from server.db import SQL
from server.ids import new_token


class LastingSecret(StrEnum):
    """What secrets there are, and what they are for."""

    TRIGGER_IDS = "TriggerIdSecret"
    ACTION_COOKIES = "PostActionCookieSecret"
    PUBLIC_LINKS = "PublicLinkSalt"


# The update only makes the row come back when it is there.
LASTING_SECRET = SQL("""
    INSERT INTO systems AS s (name, value)
    VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = s.value
 RETURNING value
""")


def place_of(name: str) -> str:
    """Where a secret stands, for its seal."""
    return f"systems.value:{name}"


async def lasting_secret(ctx: Context, name: LastingSecret) -> bytes:
    """The secret of this name: 256 random bits as text."""

    async def load() -> bytes:
        new = ctx.db.seals.seal(new_token() + new_token(), place_of(name))
        return ctx.db.seals.open(await ctx.db.value(LASTING_SECRET, name, new), place_of(name)).encode()

    return await ctx.cache.get(("lasting_secret", name), (), load)
