"""A part of a node that writes every so often what it noted in memory meanwhile."""

import asyncio
import contextlib
from abc import ABC, abstractmethod

import structlog

from server import ticks
from server.errors import ApiError

log = structlog.get_logger()


class Flusher(ABC):
    """Flushes every `seconds` as long as the node runs, and once more when it stops."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    @abstractmethod
    async def write(self) -> None:
        """Write all that is noted; what can't be written now may be tried the next time. One call at a time."""

    async def flush(self) -> None:
        """Come back when all that was noted before has been written, also by a flush that is under way."""
        async with self._writing:
            await self.write()

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Write what is noted and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(ApiError):
            await self.flush()

    async def _work(self) -> None:
        while True:
            await ticks.pause(self._seconds)
            try:
                await self.flush()
            except ApiError as error:
                log.warning("what was noted can't be written", part=type(self).__name__, error=error.id)
            except Exception:
                log.exception("what was noted can't be written", part=type(self).__name__)
