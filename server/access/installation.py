"""Secrets of the installation: made once, by the first node that needs one, and the same for all nodes ever after."""

from server.context import Context
from server.db import SQL
from server.ids import new_token

# The update only makes the row come back when it is there.
LASTING_SECRET = SQL("""
    INSERT INTO systems AS s (name, value)
    VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = s.value
 RETURNING value
""")


async def lasting_secret(ctx: Context, name: str) -> bytes:
    """The secret of this name: 256 random bits as text."""

    async def load() -> bytes:
        value: str = await ctx.db.value(LASTING_SECRET, name, new_token() + new_token())
        return value.encode()

    return await ctx.cache.get(("lasting_secret", name), (), load)
