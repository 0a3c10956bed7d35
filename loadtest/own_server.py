"""A server of the test's own: `hubbub dev` on a free port, ended by its pid."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_PIDS = re.compile(r"^(postgres|redis|node 1): (?:\S+ )?pid (\d+)", re.MULTILINE)


class StartFailed(Exception):
    """It did not come up; the text has what it said."""


class OwnServer:
    """`with OwnServer(directory) as server:`, its data in the directory, so that later runs find theirs."""

    def __init__(self, data: Path, cores: Collection[int] = ()) -> None:
        """`cores` are those that it may use, where not all."""
        self._cores = cores
        self._log = data.parent / "server.log"
        self._data = data
        self.url = ""

    @property
    def pids(self) -> str:
        """What --cpu-of takes."""
        names = {"node 1": "server"}
        found = _PIDS.findall(self._log.read_text(errors="replace"))
        return ",".join(f"{names.get(name, name)}={pid}" for name, pid in found)

    def __enter__(self) -> "OwnServer":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "server", "dev", "--port", str(port), "--data", str(self._data), "--no-reload"]
        with self._log.open("wb") as log:
            # In a session of its own: Ctrl-C is for the test, which must sum up while the server is still there.
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        if self._cores:
            os.sched_setaffinity(self._process.pid, self._cores)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise StartFailed(f"the server did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v4/system/ping", timeout=5) as answer:  # noqa: S310 - http
                return bool(answer.status == 200) and "node 1:" in self._log.read_text(errors="replace")
        except (urllib.error.URLError, OSError):
            return False

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
