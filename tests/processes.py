"""Nodes as processes of their own, started by the very command that production runs."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.running import PATIENCE, free_port, pings
from tests.nodes import AT_REST_KEY


class NodeProcess:
    """`hubbub serve` on a free port of 127.0.0.1; stopped by its pid."""

    def __init__(self, dsn: str, redis_url: str, log: Path, **environ: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        settings = {
            "MM_SQLSETTINGS_DATASOURCE": dsn,
            "MM_CACHESETTINGS_REDISADDRESS": redis_url,
            "MM_SERVICESETTINGS_LISTENADDRESS": f"127.0.0.1:{self.port}",
            "MM_METRICSSETTINGS_LISTENADDRESS": "127.0.0.1:0",
            "MM_HUBBUBSETTINGS_DRAINSECONDS": "1",
            "MM_FILESETTINGS_DIRECTORY": str(log.parent / "files"),
            "MM_SQLSETTINGS_ATRESTENCRYPTKEY": AT_REST_KEY,
            **environ,
        }
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"],
                env={**os.environ, **settings},
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        """The pid of the node."""
        return self._process.pid

    def wait_until_up(self, seconds: float = PATIENCE) -> None:
        """Return when the node answers; raises TimeoutError with what it logged when it doesn't."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            if pings(self.port):
                return
            time.sleep(0.05)
        raise TimeoutError(self.log.read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def open_files(pid: int, name: str) -> int:
    """How many files of this name a process has open."""
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += descriptor.readlink().name == name
    return found
