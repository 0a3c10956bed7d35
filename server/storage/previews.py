"""Small pictures of uploaded ones, made by processes of their own: few at a time, with limits."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from server.errors import Busy
from server.storage.blobs import Blobs
from server.storage.bounded import Turns, copy_out
from server.storage.forks import Script
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
        self._turns = Turns(at_once)
        self._script = Script(SCRIPT)

    async def start(self) -> None:
        """There is nothing to do before the first picture."""

    async def stop(self) -> None:
        """End the processes that wait for pictures."""
        await self._script.close()

    async def make(self, source: str, thumbnail: str, preview: str, max_pixels: int) -> Pictured | None:
        """Store thumbnail and preview of a stored picture; None for what is none.

        Raises Unreadable for one with more than `max_pixels`, Busy when the store or a process can't be reached.
        """
        if self._turns.waiting >= WAITING:
            log.warning("too many pictures at once, one is stored without a preview")
            return None
        async with self._turns.folder("hubbub-picture-") as folder:
            return await self._make_in(folder, source, thumbnail, preview, max_pixels)

    async def emoji(self, content: bytes) -> bytes:
        """The small picture of an emoji: a PNG, or a GIF when it is animated.

        Raises Unreadable for what is no picture or a too large one, Busy when too many are waiting.
        """
        return await self._one(content, "emoji")

    async def square(self, content: bytes, side: int, max_pixels: int) -> bytes:
        """The middle of a picture as a square PNG of `side` pixels.

        Raises Unreadable for what is no picture or has more than `max_pixels`, Busy when too many are waiting.
        """
        return await self._one(content, "square", str(side), str(max_pixels))

    async def _one(self, content: bytes, what: str, *numbers: str) -> bytes:
        """The one small picture of its kind."""
        if self._turns.waiting >= WAITING:
            raise Busy("api.context.server_busy.app_error")
        async with self._turns.folder("hubbub-picture-") as folder:
            source = folder / "source"
            await asyncio.to_thread(source.write_bytes, content)
            found = await self._run(source, folder, what, *numbers)
            if found is None:
                raise unreadable()
            if found.too_large:
                raise too_large()
            return await asyncio.to_thread((folder / what).read_bytes)

    async def _make_in(
        self, folder: Path, source: str, thumbnail: str, preview: str, max_pixels: int
    ) -> Pictured | None:
        copy = folder / "source"
        if not await copy_out(self._blobs, source, copy):
            return None
        found = await self._run(copy, folder, "small", str(max_pixels))
        if found is not None and found.too_large:
            raise too_large()
        if found is not None and found.made:
            small = [folder / "thumbnail.jpg", folder / "preview.jpg"]
            contents = await asyncio.to_thread(lambda: [file.read_bytes() for file in small])
            for place, content in zip((thumbnail, preview), contents, strict=True):
                await self._blobs.write(place, content)
        return found

    async def _run(self, source: Path, folder: Path, *what: str) -> Pictured | None:
        answer, ended = await self._script.run(str(source), str(folder), *what, seconds=SECONDS, limit=ANSWER_LIMIT)
        if not ended:
            log.warning("a picture took too long and is given up")
        return _read(answer)


def _read(answer: bytes) -> Pictured | None:
    facts: dict[str, object] = {}
    try:
        for line in answer.splitlines():
            facts |= msgspec.json.decode(line, type=dict[str, object])
        return msgspec.convert(facts, Pictured) if facts else None
    except msgspec.MsgspecError:
        return None
