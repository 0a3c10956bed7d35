"""Notices that PostgreSQL takes questions and gives no answers, so that nobody waits for it, and when it is back."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import structlog

from server import ticks

STALL_SECONDS = 3.0
"""When nothing was answered for so long though something was asked, PostgreSQL is asked whether it is there."""
PROBE_SECONDS = 2.0
"""It must answer that within this time."""
LOOK_SECONDS = 0.5

log = structlog.get_logger()


class Pulse:
    """Watches the connections that wait for an answer.

    When none of them got one for STALL_SECONDS, `probe` asks over a new connection. Slow statements alone do no harm;
    but when there is no answer either, the database is `away`: `cut` is called with all connections that wait, which
    ends them, and until a probe is answered nobody need try.
    """

    def __init__(self, probe: Callable[[], Awaitable[object]], cut: Callable[[list[Any]], None]) -> None:
        self.away = False
        self._probe = probe
        self._cut = cut
        self._asked: dict[Any, float] = {}
        self._answered_at = 0.0
        self._suspect = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def asked(self, connection: Any) -> None:
        """Something was asked on this connection."""
        self._asked[connection] = time.monotonic()

    def answered(self, connection: Any) -> None:
        """It was answered, or the connection has ended."""
        if self._asked.pop(connection, None) is not None:
            self._answered_at = time.monotonic()

    def ended(self, connection: Any) -> None:
        """The connection is gone, which is no sign of life."""
        self._asked.pop(connection, None)

    def suspect(self) -> None:
        """A connection could not be made in time: see at once what is the matter."""
        self._suspect = True

    async def _watch(self) -> None:
        while True:
            await ticks.pause(LOOK_SECONDS)
            if not self._stalls():
                continue
            self._suspect = False
            while not await self._is_there():
                if not self.away:
                    log.error("the database does not answer", waiting=len(self._asked))
                    self.away = True
                waiting, self._asked = list(self._asked), {}
                self._cut(waiting)
                await asyncio.sleep(LOOK_SECONDS)
            self._answered_at = time.monotonic()
            if self.away:
                log.warning("the database answers again")
                self.away = False

    def _stalls(self) -> bool:
        if self._suspect:
            return True
        if not self._asked:
            return False
        since = max(min(self._asked.values()), self._answered_at)
        return time.monotonic() - since > STALL_SECONDS

    async def _is_there(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._probe()
        except (asyncpg.CannotConnectNowError, OSError, TimeoutError, asyncpg.InterfaceError):
            return False
        except asyncpg.PostgresError:
            pass  # whatever it says, it speaks: that there are too many connections, for one
        return True


async def probe(dsn: str) -> None:
    """Ask the database something over a connection of one's own. Raises what is in the way."""
    connection = await asyncpg.connect(dsn, timeout=PROBE_SECONDS, server_settings={"application_name": "hubbub probe"})
    try:
        await connection.fetchval("SELECT 1")
    finally:
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()
