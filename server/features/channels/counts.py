"""How many members, guests, pinned posts and files a channel has, as nodes remember it.

Whoever changes who is in a channel drops "mentions:<id>", posts drop `contents_tag`. So each half is counted anew when
it has changed, and both at once by who comes first.
"""

from collections.abc import Hashable

from server.context import Context
from server.features.channels import member_queries, queries
from server.features.channels.models import ChannelStats

Counts = tuple[int, int]


def contents_tag(channel_id: str) -> str:
    """The tag of what is remembered of a channel's pinned posts and of the files in its posts."""
    return f"contents:{channel_id}"


async def stats_of(ctx: Context, channel_id: str) -> ChannelStats:
    """The numbers of a channel, from what is at hand, else by one statement, or two when both halves are too old."""
    people, contents = ("active_counts", channel_id), ("content_counts", channel_id)
    active: Counts | None = ctx.cache.peek(people, tuple)
    pinned_and_files: Counts | None = ctx.cache.peek(contents, tuple)
    if active is None and pinned_and_files is None:

        async def load_all() -> dict[Hashable, Counts]:
            counted = await queries.counts_of(ctx.db, channel_id)
            return {people: counted[:2], contents: counted[2:]}

        def tags(key: Hashable) -> tuple[str, ...]:
            return (_people_tag(channel_id) if key == people else contents_tag(channel_id),)

        found = await ctx.cache.load_along(load_all, tags)
        return ChannelStats(channel_id, *found[people], *found[contents])

    async def load_active() -> Counts:
        return (await member_queries.counts_in(ctx.db, [channel_id])).get(channel_id, (0, 0))

    async def load_contents() -> Counts:
        return await queries.content_counts(ctx.db, channel_id)

    if active is None:
        active = await ctx.cache.get(people, (_people_tag(channel_id),), load_active)
    if pinned_and_files is None:
        pinned_and_files = await ctx.cache.get(contents, (contents_tag(channel_id),), load_contents)
    return ChannelStats(channel_id, *active, *pinned_and_files)


def _people_tag(channel_id: str) -> str:
    return f"mentions:{channel_id}"
