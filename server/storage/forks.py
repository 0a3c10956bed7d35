"""Runs the tasks of a script of ours, each in a process of its own, which `forking_process.py` forks for it.

A Python that starts and loads what it needs for a picture uses 100 ms of CPU, and forking a node, which has a lot in
its memory, some more. So small processes that have loaded everything are kept as long as there is something to do.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import msgspec
import structlog

from server.errors import Busy

FORKING = Path(__file__).with_name("forking_process.py")
KEPT_SECONDS = 120.0
"""How long a process waits for its next task."""
GRACE_SECONDS = 20.0
"""For starting a process, and for what it does around a task."""
END_SECONDS = 2.0

log = structlog.get_logger()


class Script:
    """A script whose tasks are run, as many at once as are asked for: callers take turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[_Forking] = []

    async def run(self, *arguments: str, seconds: float, limit: int) -> tuple[bytes, bool]:
        """What a task prints, up to `limit` bytes, and whether it came to its end in time.

        Raises Busy when there is no process for it.
        """
        request = msgspec.json.encode((arguments, seconds, limit)) + b"\n"
        while self._idle:
            with contextlib.suppress(EOFError, OSError):  # the process was killed while it waited
                return await self._ask(self._take(), request, seconds)
        try:
            return await self._ask(await _start(self._path), request, seconds)
        except (EOFError, OSError) as error:
            log.warning("there is no process for what was uploaded", error=type(error).__name__)
            raise Busy("api.context.server_busy.app_error") from error

    async def close(self) -> None:
        """End the processes that wait."""
        while self._idle:
            await self._take().end()

    async def _ask(self, forking: "_Forking", request: bytes, seconds: float) -> tuple[bytes, bool]:
        try:
            answer = await forking.ask(request, seconds + GRACE_SECONDS)
        except BaseException:
            await forking.end()
            raise
        forking.until = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._retire, forking)
        self._idle.append(forking)
        return answer

    def _take(self) -> "_Forking":
        """The process that waits for the shortest time, so that those too many have an end."""
        forking = self._idle.pop()
        forking.keep()
        return forking

    def _retire(self, forking: "_Forking") -> None:
        self._idle.remove(forking)
        forking.dismiss()


class _Forking:
    """A process that forks, for one task at a time."""

    def __init__(self, process: Process, tasks: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._process = process
        self._tasks = tasks
        self._answers = answers
        self.until: asyncio.TimerHandle | None = None
        """What ends its waiting."""

    async def ask(self, request: bytes, seconds: float) -> tuple[bytes, bool]:
        """Have a task done. Raises EOFError or OSError when the process is gone, TimeoutError when it is stuck."""
        async with asyncio.timeout(seconds):
            self._tasks.write(request)
            await self._tasks.drain()
            head = await self._answers.readline()
            if not head:
                raise EOFError
            size, ended = msgspec.json.decode(head, type=tuple[int, bool])
            return await self._answers.readexactly(size), ended

    def keep(self) -> None:
        """It waits no more."""
        if self.until is not None:
            self.until.cancel()

    def dismiss(self) -> None:
        """Let it go, and a task that it is at end."""
        self._tasks.close()

    async def end(self) -> None:
        """Let it go, and see to it that it does."""
        self.dismiss()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            log.warning("a process for what was uploaded does not end and is killed")
        finally:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
        await self._process.wait()


async def _start(script: Path) -> _Forking:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(FORKING), str(script), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes")
    return _Forking(process, process.stdin, process.stdout)
