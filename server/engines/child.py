"""A child process on a leash: apart from the terminal, ended with its parent, stopped by its pid."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

LONGEST_LOG = 32 * 1024 * 1024
LEASH = str(Path(__file__).with_name("leash.py"))


class EngineError(Exception):
    """An engine can't be started; the message is one line for the person who wanted it."""


class Child:
    """One running child process, in a session of its own: Ctrl-C reaches the parent alone, which stops it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        account: tuple[int, int] | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        parting: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start it as `account` (uid, gid), its output added to `log`; `parting` is what asks it to stop."""
        uid, gid = account or (os.getuid(), os.getgid())
        leashed = [sys.executable, "-I", "-S", LEASH, str(os.getpid()), str(int(parting)), str(uid), str(gid)]
        self._parting = parting
        with contextlib.ExitStack() as files:
            output = files.enter_context(_open_log(log)) if log else None
            self._process = subprocess.Popen(
                [*leashed, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environ,
                cwd=cwd,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def returncode(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        return self._process.poll()

    def ask(self) -> None:
        """Ask it to stop, without waiting."""
        if self._process.poll() is None:
            self._process.send_signal(self._parting)

    def stop(self, patience: float) -> None:
        """Ask it to stop and wait; after `patience` seconds it is killed."""
        self.ask()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _open_log(log: Path) -> BinaryIO:
    """The log, to be added to; a long one is put aside first, as .old."""
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(log.with_suffix(".old"))
    return log.open("ab")


def last_line(log: Path, *, containing: Sequence[str] = (), default: str = "it says nothing") -> str:
    """The last line of a log that holds one of the words, else its last line: why an engine failed."""
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines()[-200:] if line.strip()]
    except OSError:
        return default
    for line in reversed(lines):
        if any(word in line for word in containing):
            return line.strip()
    return lines[-1].strip() if lines else default
