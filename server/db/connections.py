"""The connections of a node: a stack of free ones. asyncpg's own pool costs more per use than most statements do."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

WAITING = 5000
"""So many may wait for a connection; whoever comes then is turned away."""
REFUSED_SECONDS = 0.5
"""When PostgreSQL has no place for another connection, those that there are have to do for so long."""


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
        self._making = 0
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._waits = 0
        self._refused_at = float("-inf")
        self._closed = False

    @property
    def in_use(self) -> int:
        """Connections that are busy now."""
        return self._made - len(self._free)

    def free(self) -> Any:
        """A connection for this caller alone that needs not be waited for, the one used last; None without any."""
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._made -= 1
        return None

    async def take(self) -> Any:
        """A connection for this caller alone.

        Raises TimeoutError when none gets free in time or too many wait, and what is in the way of a first connection.
        """
        connection = self.free()
        if connection is not None:
            return connection
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        if self._may_make():
            self._claim_place()
            try:
                return await self._make()
            except asyncpg.TooManyConnectionsError:
                if not self._living:
                    raise
        return await self._wait()

    async def _wait(self) -> Any:
        """Wait in line for a connection that comes back, or for the place of one that doesn't."""
        if self._waits >= WAITING:
            raise TimeoutError("too many wait for a connection")
        self._waits += 1
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    connection = await self._next_in_line()
                    if connection is not None:
                        return connection
                    try:
                        return await self._make()
                    except asyncpg.TooManyConnectionsError:
                        if not self._living:
                            raise
        finally:
            self._waits -= 1

    async def _next_in_line(self) -> Any:
        """A connection, or None for a place in which one may be made."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            # It may have been handed over in the very moment that the wait ended.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._return(waiter.result())
            raise

    def give_back(self, connection: Any) -> None:
        """Take a connection back, to be used by the next in line."""
        if self._closed or connection.is_closed():
            self.drop(connection)
        elif not self._hand_over(connection):
            self._free.append(connection)
        elif self._waiting:
            self._offer_place()

    def drop(self, connection: Any) -> None:
        """Close a connection whose state is not known; whoever waits makes a new one."""
        connection.terminate()
        self._made -= 1
        self._offer_place()

    def refuse_waiting(self) -> None:
        """Turn away all who wait, and close the connections that nobody uses: the database is away."""
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(TimeoutError("the database does not answer"))
        free, self._free = self._free, []
        self._made -= len(free)
        for connection in free:
            connection.terminate()

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
            connection = await self._connect()
        except BaseException as error:
            if isinstance(error, asyncpg.TooManyConnectionsError):
                self._refused_at = time.monotonic()
            self._leave_place()
            raise
        self._making -= 1
        return connection

    @property
    def _living(self) -> int:
        """Connections that there are, without those that are being made."""
        return self._made - self._making

    def _may_make(self) -> bool:
        """Whether one more is allowed, and PostgreSQL has not just said that it has no place for it."""
        if self._living and time.monotonic() - self._refused_at < REFUSED_SECONDS:
            return False
        return self._made < self.size

    def _return(self, connection: Any) -> None:
        if connection is not None:
            self.give_back(connection)
        else:
            self._leave_place()

    def _claim_place(self) -> None:
        self._made += 1
        self._making += 1

    def _leave_place(self) -> None:
        self._made -= 1
        self._making -= 1
        self._offer_place()

    def _offer_place(self) -> None:
        """Let the next in line make a connection; the place is counted as its own at once."""
        if not self._closed and self._may_make() and self._hand_over(None):
            self._claim_place()

    def _hand_over(self, connection: Any) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False
