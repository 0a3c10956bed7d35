"""The connections of a node: a stack of free ones. asyncpg's own pool costs more per use than most statements do."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg


class Connections:
    """At most `size` connections, made when they are needed; who finds none free waits in line.

    A connection goes back as it came: nothing here changes session state. One that was interrupted in the middle of
    a statement is closed instead.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int, timeout: float) -> None:
        self.size = size
        self._connect = connect
        self._timeout = timeout
        self._free: list[Any] = []
        self._made = 0
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._closed = False

    @property
    def in_use(self) -> int:
        """Connections that are busy now."""
        return self._made - len(self._free)

    async def take(self) -> Any:
        """A connection for this caller alone; raises TimeoutError when none gets free in time."""
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._made -= 1
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        if self._made < self.size:
            self._made += 1
            return await self._make()
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._timeout):
                connection = await waiter
        except BaseException:
            # It may have been handed over in the very moment that the wait ended.
            if waiter.done() and not waiter.cancelled():
                self._return(waiter.result())
            raise
        return connection if connection is not None else await self._make()

    def give_back(self, connection: Any) -> None:
        """Take a connection back, to be used by the next in line."""
        if self._closed or connection.is_closed():
            self.drop(connection)
        elif not self._hand_over(connection):
            self._free.append(connection)

    def drop(self, connection: Any) -> None:
        """Close a connection whose state is not known; whoever waits makes a new one."""
        connection.terminate()
        self._made -= 1
        self._offer_place()

    async def close(self) -> None:
        """Close the free connections; those in use are closed when they come back."""
        self._closed = True
        free, self._free = self._free, []
        self._made -= len(free)
        for connection in free:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await connection.close(timeout=2)

    async def _make(self) -> Any:
        """Connect, in a place that is counted already."""
        try:
            return await self._connect()
        except BaseException:
            self._made -= 1
            self._offer_place()
            raise

    def _return(self, connection: Any) -> None:
        if connection is not None:
            self.give_back(connection)
        else:
            self._made -= 1
            self._offer_place()

    def _offer_place(self) -> None:
        """Let the next in line make a connection; the place is counted as its own at once."""
        if not self._closed and self._made < self.size and self._hand_over(None):
            self._made += 1

    def _hand_over(self, connection: Any) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False
