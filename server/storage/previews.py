"""Thumbnails and previews of stored pictures, made by processes of their own: few at a time, with limits."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from server.errors import Busy
from server.storage.blobs import Blobs
from server.storage.pictures import too_large, unreadable

SCRIPT = Path(__file__).with_name("picture_process.py")
SECONDS = 30.0
WAITING = 256
"""Pictures that may wait for their turn; the files of more are stored without small pictures."""
ANSWER_LIMIT = 64 * 1024

log = structlog.get_logger()


class Pictured(Struct):
    """What is known of a picture: its size in pixels, upright; `made` says that the small ones are stored."""

    width: int = 0
    height: int = 0
    animated: bool = False
    mini: str | None = None
    too_large: bool = False

    @property
    def made(self) -> bool:
        """Whether there are thumbnail and preview."""
        return self.mini is not None


class Previews:
    """Makes small pictures. `at_once` gives how many processes may run, -1 for one per processor."""

    def __init__(self, blobs: Blobs, at_once: Callable[[], int]) -> None:
        self._blobs = blobs
        self._at_once = at_once
        self._running = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def make(self, source: str, thumbnail: str, preview: str, max_pixels: int) -> Pictured | None:
        """Store thumbnail and preview of a stored picture; None for what is none.

        Raises Unreadable for one with more than `max_pixels`, Busy when the store can't be reached.
        """
        if len(self._waiting) >= WAITING:
            log.warning("too many pictures at once, one is stored without a preview")
            return None
        async with self._turn() as folder:
            return await self._make_in(folder, source, thumbnail, preview, max_pixels)

    async def emoji(self, content: bytes) -> bytes:
        """The small picture of an emoji: a PNG, or a GIF when it is animated.

        Raises Unreadable for what is no picture or a too large one, Busy when too many are waiting.
        """
        if len(self._waiting) >= WAITING:
            raise Busy("api.context.server_busy.app_error")
        async with self._turn() as folder:
            source = folder / "source"
            await asyncio.to_thread(source.write_bytes, content)
            found = await _run(source, folder, "emoji")
            if found is None:
                raise unreadable()
            if found.too_large:
                raise too_large()
            return await asyncio.to_thread((folder / "emoji").read_bytes)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[Path]:
        """Wait for a free place; gives a folder that is there as long as the place is held."""
        await self._take_turn()
        try:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="hubbub-picture-"))
            try:
                yield folder
            finally:
                await asyncio.to_thread(_remove, folder)
        finally:
            self._end_turn()

    async def _take_turn(self) -> None:
        limit = self._at_once()
        if self._running < (limit if limit > 0 else os.cpu_count() or 1):
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
                self._end_turn()
            raise

    def _end_turn(self) -> None:
        """The place goes to the one who waits longest, or is free."""
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1

    async def _make_in(
        self, folder: Path, source: str, thumbnail: str, preview: str, max_pixels: int
    ) -> Pictured | None:
        blob = await self._blobs.open(source)
        if blob is None:
            return None
        copy = folder / "source"
        with await asyncio.to_thread(copy.open, "wb") as file:
            async for chunk in blob.chunks:
                await asyncio.to_thread(file.write, chunk)
        found = await _run(copy, folder, str(max_pixels))
        if found is not None and found.too_large:
            raise too_large()
        if found is not None and found.made:
            await self._blobs.write(thumbnail, await asyncio.to_thread((folder / "thumbnail.jpg").read_bytes))
            await self._blobs.write(preview, await asyncio.to_thread((folder / "preview.jpg").read_bytes))
        return found


async def _run(source: Path, folder: Path, what: str) -> Pictured | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(SCRIPT),
        str(source),
        str(folder),
        what,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=ANSWER_LIMIT,
    )
    answer = b""
    try:
        async with asyncio.timeout(SECONDS):
            while len(answer) < ANSWER_LIMIT and (chunk := await process.stdout.read(4096)):  # type: ignore[union-attr]
                answer += chunk
            await process.wait()
    except TimeoutError:
        log.warning("a picture took too long and is given up")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _read(answer)


def _read(answer: bytes) -> Pictured | None:
    facts: dict[str, object] = {}
    try:
        for line in answer.splitlines():
            facts |= msgspec.json.decode(line, type=dict[str, object])
        return msgspec.convert(facts, Pictured) if facts else None
    except msgspec.MsgspecError:
        return None


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()
