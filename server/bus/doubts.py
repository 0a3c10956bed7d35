"""What becomes of writes that were cut off: once they can't happen any more, whoever may have missed news is told.

A statement whose connection ended may still be done by the server's side, and then nobody has published what it
changed. So caches are dropped, and connections that should have had events start anew; not before the process that was
to do it is gone, for until then what is read again may be out of date again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

import structlog
from msgspec import Struct

from server.bus.bus import Bus
from server.bus.signals import NODES
from server.db import SQL, Pool
from server.errors import ApiError

AGAIN_SECONDS = 0.3
MOST_SECONDS = 60.0
"""No statement runs for so long; who has this process id then is another one."""

Finding = Callable[[], Awaitable[Collection[str]]]
"""Finds the topics that news did not go out to, if what was cut off has been done."""

RUNNING = SQL("SELECT pid FROM pg_stat_activity WHERE pid = ANY($1::integer[])")

log = structlog.get_logger()


class _Doubt(Struct):
    since: float
    findings: list[Finding]


class Doubts:
    """The writes of this node that nobody knows the outcome of yet."""

    def __init__(self, db: Pool, bus: Bus) -> None:
        self._db = db.aside()
        self._bus = bus
        self._open: dict[int, _Doubt] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        db.on_doubt.append(self.note)

    async def start(self) -> None:
        """Begin to look after what is noted."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Look once more, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._open:
            await self._look()

    def note(self, backend: int, *findings: Finding) -> None:
        """The process `backend` of the database was cut off from a write."""
        doubt = self._open.setdefault(backend, _Doubt(time.monotonic(), []))
        doubt.findings += findings
        self._news.set()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(AGAIN_SECONDS)
            await self._look()
            if not self._open:
                self._news.clear()

    async def _look(self) -> None:
        try:
            running = set(await self._db.values(RUNNING, list(self._open)))
            now = time.monotonic()
            for backend, doubt in list(self._open.items()):
                if backend not in running or now - doubt.since > MOST_SECONDS:
                    self._bus.missed(await _topics(doubt))
                    self._open.pop(backend)
        except ApiError:
            pass  # the database is still away


async def _topics(doubt: _Doubt) -> set[str]:
    topics = {NODES}
    for find in doubt.findings:
        topics.update(await find())
    if len(topics) > 1:
        log.warning("something was stored and could not be told in time", topics=len(topics) - 1)
    return topics
