"""`hubbub backup` and `hubbub restore` as processes of their own, and the archives that they make."""

import asyncio
import os
import signal
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from server.backup.archive import STORE, SUMS
from server.config.environment import variable_of
from tests.cli.running import ROOT
from tests.nodes import AT_REST_KEY


class Place(Struct, frozen=True):
    """Where a service keeps things."""

    dsn: str
    redis_url: str
    files: Path

    @property
    def environ(self) -> dict[str, str]:
        """As variables."""
        return {
            variable_of("SqlSettings.DataSource"): self.dsn,
            variable_of("CacheSettings.RedisAddress"): self.redis_url,
            variable_of("FileSettings.Directory"): str(self.files),
            variable_of("SqlSettings.AtRestEncryptKey"): AT_REST_KEY,
        }


class Ended(Struct, frozen=True):
    """How a command ended."""

    code: int
    said: str


async def hubbub(*arguments: str | Path, environ: Mapping[str, str]) -> Ended:
    """Run a command to its end."""
    process = await _started(*arguments, environ=environ)
    said, _ = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode is not None
    text = said.decode()
    assert "Traceback" not in text, text
    return Ended(process.returncode, text.strip())


# However late the signal comes: of the files some are still to come.
LASTING = """
import asyncio
from server.backup.restoring import _Restore
from server.backup.taking import _Backup

def lasting(step, times):
    async def taken(*words):
        nonlocal times
        times -= 1
        if times < 0:
            await asyncio.sleep(3600)
        await step(*words)
    return taken

_Backup._file = lasting(_Backup._file, 1000)
_Restore._store = lasting(_Restore._store, 50)
"""


async def killed(
    *arguments: str | Path, place: Place, when: Callable[[], bool], by: signal.Signals = signal.SIGKILL
) -> Ended:
    """Start a command and send it a signal as soon as something is so; it does not come to the end of 1,500 files."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(LASTING)
        path = os.pathsep.join([folder, str(ROOT)])
        process = await _started(*arguments, environ={**place.environ, "PYTHONPATH": path})
        ending = asyncio.create_task(process.communicate())
        deadline = time.monotonic() + 60
        while not when():
            assert not ending.done(), f"it ended before: {(await ending)[0].decode()}"
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
        process.send_signal(by)
        said, _ = await asyncio.wait_for(ending, 60)
    assert process.returncode is not None
    return Ended(process.returncode, said.decode().strip())


async def _started(*arguments: str | Path, environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environ},
    )


def stored_in(archive: Path) -> dict[str, str]:
    """The checksums of the files in an archive by where they lie in the store."""
    with tarfile.open(archive) as tar:
        sums = tar.extractfile(SUMS)
        assert sums is not None
        pairs = [line.split("  ") for line in sums.read().decode().splitlines()]
    return {name.removeprefix(STORE): sha256 for sha256, name in pairs if name.startswith(STORE)}


def files_below(folder: Path) -> set[str]:
    """All files in a folder, by their paths in it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
