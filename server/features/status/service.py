"""Statuses for the rest of the server: who is online, who did something, and what users choose."""

from collections.abc import Awaitable, Callable, Collection

from server.context import Context
from server.errors import NotFound
from server.features.channels.rooms import room_of
from server.features.status import queries
from server.features.status.events import Typing
from server.features.status.models import ONLINE, Status
from server.features.status.presence import Presence

CHOSEN: list[Callable[[Context, str, str], Awaitable[None]]] = []
"""Called with the id of a user and the status that the user has chosen."""


async def statuses_of(ctx: Context, user_ids: Collection[str]) -> dict[str, Status]:
    """The statuses of users; offline for those that never had one. Costs no query for users seen lately."""
    if not ctx.config.ServiceSettings.EnableUserStatuses:
        return {user_id: Status(user_id) for user_id in user_ids}
    presence: Presence = ctx.part(Presence)
    return await presence.of(user_ids)


async def set_online(ctx: Context, user_id: str) -> None:
    """The user did something: online from now on, unless a status was chosen. Written a moment later."""
    presence: Presence = ctx.part(Presence)
    presence.touch(user_id)


async def set_away_if_idle(ctx: Context, user_id: str) -> None:
    """A client says that its user does nothing: away, if that has been so for long enough."""
    presence: Presence = ctx.part(Presence)
    await presence.set_away([user_id])


async def choose(ctx: Context, user_id: str, status: str, end: int = 0) -> Status:
    """A user chooses a status, which then stays until online is chosen, or until `end` (seconds) if there is one."""
    if not ctx.config.ServiceSettings.EnableUserStatuses:
        return Status(user_id)
    presence: Presence = ctx.part(Presence)
    presence.statuses.expect([user_id])
    written = await queries.choose(ctx.db, user_id, status, status != ONLINE, end, ctx.now())
    if written is None:
        raise NotFound("app.user.missing_account.const")
    await presence.tell([written.row], [written.row] if written.changed else [])
    for listener in CHOSEN:
        await listener(ctx, user_id, status)
    return written.row.shown()


async def set_typing(ctx: Context, user_id: str, channel_id: str, parent_id: str) -> None:
    """Tell the other members of a channel that the user is typing there; who does so too often is not heard."""
    presence: Presence = ctx.part(Presence)
    if not ctx.config.ServiceSettings.EnableUserTypingMessages or not presence.typing.admits(user_id):
        return
    room = await room_of(ctx, channel_id)
    await ctx.tell(messages=[Typing(room=room, parent_id=parent_id, user_id=user_id)])
