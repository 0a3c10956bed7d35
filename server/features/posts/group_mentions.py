"""Whom a group's name calls in a channel, remembered until a group or the channel's members change."""

from collections.abc import Sequence

from server.context import Context
from server.db import SQL

TAG = "groups"

NAMES = SQL("SELECT name, id FROM groups WHERE delete_at = 0 AND allow_reference AND name IS NOT NULL")

MEMBERS_IN = SQL("""
    SELECT m.user_id
      FROM group_members g
      JOIN channel_members m ON m.user_id = g.user_id AND m.channel_id = $2
      JOIN users u ON u.id = m.user_id
     WHERE g.group_id = $1 AND u.delete_at = 0
""")


async def group_names(ctx: Context) -> dict[str, str]:
    """The names that call groups, with the ids of these."""

    async def load() -> dict[str, str]:
        return {row[0]: row[1] for row in await ctx.db.rows(NAMES)}

    if not ctx.config.ServiceSettings.EnableCustomGroups:
        return {}
    return await ctx.cache.get(("group_names",), (TAG,), load)


async def called_by_group(ctx: Context, channel_id: str, group_id: str) -> Sequence[str]:
    """The members of a channel whom a group's name calls."""

    async def load() -> list[str]:
        return await ctx.db.values(MEMBERS_IN, group_id, channel_id)

    return await ctx.cache.get(("called_by_group", channel_id, group_id), (TAG, f"mentions:{channel_id}"), load)
