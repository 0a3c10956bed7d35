"""Texts of stored files, read by processes of their own: few at a time, with limits."""

from pathlib import Path

import structlog

from server.storage.blobs import Blobs
from server.storage.bounded import Turns, copy_out
from server.storage.forks import Script
from server.storage.text_process import DOCUMENTS, LONGEST, PLAIN

SCRIPT = Path(__file__).with_name("text_process.py")
LARGEST = 64 << 20
"""Bytes of a file that is read; of a plain text only the beginning is."""
AT_ONCE = 2
ARCHIVES_DEEP = 3

READABLE = frozenset((*PLAIN, *DOCUMENTS, "pdf", "zip"))
"""The endings of files that a text is looked for in."""

log = structlog.get_logger()


class Texts:
    """Reads the texts of files."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._turns = Turns(lambda: AT_ONCE)
        self._script = Script(SCRIPT)

    async def start(self) -> None:
        """There is nothing to do before the first file."""

    async def stop(self) -> None:
        """End the processes that wait for files."""
        await self._script.close()

    @property
    def free(self) -> bool:
        """Whether a file would be read at once."""
        return self._turns.free

    async def read(self, place: str, extension: str, *, seconds: float, archives: bool) -> str:
        """The text of a stored file, "" for none; `archives`: also of the files in archives.

        What is broken, encrypted or too large has none. Raises Busy when the store or a process can't be reached.
        """
        if extension not in READABLE:
            return ""
        plain = extension in PLAIN
        if not plain and (await self._blobs.size(place) or 0) > LARGEST:
            return ""
        async with self._turns.folder("hubbub-text-") as folder:
            source = folder / "source"
            if not await copy_out(self._blobs, place, source, 4 * LONGEST if plain else None):
                return ""
            depth = str(ARCHIVES_DEEP if archives else 0)
            answer, ended = await self._script.run(
                str(source), extension, depth, seconds=seconds, limit=4 * LONGEST + 1
            )
        if not ended:
            log.warning("the text of a file took too long", extension=extension)
        return answer.decode("utf-8", "ignore")
