"""Turns for processes that work on what strangers sent: few at a time, each with a folder. See `forks.py`."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from server.storage.blobs import Blobs


class Turns:
    """Places for processes. `at_once` says each time anew how many there are, -1 for one per processor."""

    def __init__(self, at_once: Callable[[], int]) -> None:
        self._at_once = at_once
        self._running = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    @property
    def free(self) -> bool:
        """Whether there is a place at once."""
        limit = self._at_once()
        return self._running < (limit if limit > 0 else os.cpu_count() or 1)

    @contextlib.asynccontextmanager
    async def folder(self, prefix: str) -> AsyncIterator[Path]:
        """Wait for a free place; gives a folder that is there as long as the place is held."""
        await self._take()
        try:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=prefix))
            try:
                yield folder
            finally:
                await asyncio.to_thread(_remove, folder)
        finally:
            self._end()

    async def _take(self) -> None:
        if self.free:
            self._running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                self._end()
            raise

    def _end(self) -> None:
        """The place goes to the one who waits longest, or is free."""
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1


async def copy_out(blobs: Blobs, place: str, file: Path, most: int | None = None) -> bool:
    """Copy something stored, or its first `most` bytes, into a file; False when it is not there."""
    blob = await blobs.open(place, 0, most) if most is not None else await blobs.open(place)
    if blob is None:
        return False
    with await asyncio.to_thread(file.open, "wb") as copy:
        async for chunk in blob.chunks:
            await asyncio.to_thread(copy.write, chunk)
    return True


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()
