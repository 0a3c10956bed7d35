"""Marks channels as read. Alone, a user's look goes at once; those that come meanwhile go into one statement together,
and their news into one publish."""

import asyncio
from collections.abc import Sequence

import structlog
from msgspec import Struct

from server.context import Services
from server.errors import ApiError, Busy, Internal
from server.features.channels import read_queries
from server.features.channels.events import MultipleChannelsViewed
from server.features.channels.read_queries import Seen

GROUP = 100
"""Looks in one statement at most."""
GATHER_SECONDS = 0.003
"""While many look, so long is waited for more of them before the next statement."""
HELD_SECONDS = 0.05
"""A statement that takes longer, as it waits for a lock, holds up nobody else …"""
AT_ONCE = 4
"""… as long as no more than so many do."""
WAITING = 10_000
"""Looks that may wait for their turn; more are refused."""

log = structlog.get_logger()


class _Look(Struct, eq=False):
    user_id: str
    channel_ids: Sequence[str]
    done: "asyncio.Future[Seen]"


class ReadMarks:
    """Writes what the users of this node have seen."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: list[_Look] = []
        self._under_way = 0
        self._timer: asyncio.TimerHandle | None = None
        """At which those who wait go, whatever is under way then."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def see(self, user_id: str, channel_ids: Sequence[str]) -> Seen:
        """Mark channels as read, and tell the user's clients if something was new; those that the user is not in are
        left out. Raises Busy when too many wait."""
        if self._under_way or self._timer is not None:
            return await self._wait(user_id, channel_ids)
        self._under_way += 1
        try:
            seen = await read_queries.see(self._services.db, user_id, channel_ids)
        finally:
            self._ended(1)
        if seen.unread:
            await self._tell([(user_id, seen)])
        return seen

    async def _wait(self, user_id: str, channel_ids: Sequence[str]) -> Seen:
        if len(self._waiting) >= WAITING:
            raise Busy("api.context.server_busy.app_error")
        loop = asyncio.get_running_loop()
        look = _Look(user_id, channel_ids, loop.create_future())
        self._waiting.append(look)
        if self._timer is None:
            self._timer = loop.call_later(HELD_SECONDS, self._begin)
        return await look.done

    def _ended(self, looks: int) -> None:
        """Let those who wait go; after several at once a moment later, for there will be more."""
        self._under_way -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if looks > 1 and len(self._waiting) < GROUP:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._begin)
        elif self._waiting:
            self._begin()

    def _begin(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        if self._under_way >= AT_ONCE:
            self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._begin)
            return
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        self._under_way += 1
        task = asyncio.create_task(self._write(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._begin)

    async def _write(self, group: list[_Look]) -> None:
        try:
            try:
                found = await self._see_all(group)
            finally:
                self._ended(len(group))
            await self._tell([(look.user_id, seen) for look, seen in zip(group, found, strict=True) if seen.unread])
        except ApiError as error:
            _fail(group, error)
        except Exception:
            log.exception("channels could not be marked as read", looks=len(group))
            _fail(group, Internal("api.context.internal.app_error"))
        except BaseException:
            _fail(group, Busy("api.context.server_busy.app_error"))
            raise
        else:
            for look, seen in zip(group, found, strict=True):
                if not look.done.done():
                    look.done.set_result(seen)

    async def _see_all(self, group: list[_Look]) -> list[Seen]:
        return await read_queries.see_together(self._services.db, [(look.user_id, look.channel_ids) for look in group])

    async def _tell(self, looks: Sequence[tuple[str, Seen]]) -> None:
        """Tell the clients of users who looked at something new."""
        if looks and self._services.config.ServiceSettings.EnableChannelViewedMessages:
            await self._services.bus.publish(
                [MultipleChannelsViewed(channel_times=seen.times, user_id=user_id) for user_id, seen in looks]
            )


def _fail(group: Sequence[_Look], error: ApiError) -> None:
    for look in group:
        if not look.done.done():
            look.done.set_exception(error)
