"""The private directory of the embedded engines: what lies where in it, and the lock that one owner holds."""

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from server.engines.child import EngineError

# Linux allows 107 bytes for the address of a Unix socket, macOS 103; the longest name we put there has 20.
LONGEST_SOCKET_FOLDER = 80


class DataDirectory:
    """A directory that one process holds: `postgres/`, `redis/`, `log/`, `run/` (sockets) and secrets are in it."""

    def __init__(self, path: Path) -> None:
        """Make it and take its lock. EngineError when it can't be used or another process holds it."""
        try:
            self.path = path.expanduser().resolve()
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "hubbub.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise EngineError(f"can't use {path} as the data directory: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise EngineError(f"the data directory {self.path} is in use by process {owner}") from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self.run = self._socket_folder()

    def folder(self, name: str) -> Path:
        """A folder of this name in it, made if it isn't there."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        return path

    def secret(self, name: str) -> str:
        """The secret of this name, 256 random bits as text, made if it isn't there; EngineError if it can't be read."""
        path = self.path / name
        try:
            if not path.exists():
                # Under another name first, so that it is never there in part.
                new = path.with_name(f"{name}.new")
                new.unlink(missing_ok=True)
                with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(f"{secrets.token_urlsafe(32)}\n")
                    file.flush()
                    os.fsync(file.fileno())
                new.rename(path)
            return path.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise EngineError(f"can't read the secret {path}: {error}") from error

    def close(self) -> None:
        """Give the directory free for others; also happens when the process ends in any way."""
        if self._lock >= 0:
            if self.run.parent != self.path:
                shutil.rmtree(self.run, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _socket_folder(self) -> Path:
        inside = self.path / "run"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            inside.mkdir(mode=0o700, exist_ok=True)
            return inside
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        outside = Path(tempfile.gettempdir(), f"hubbub-{os.getuid()}-{name}")
        outside.mkdir(mode=0o700, exist_ok=True)
        found = outside.lstat()
        ours = not stat.S_ISLNK(found.st_mode) and (os.getuid() in (0, found.st_uid))
        if not ours:
            raise EngineError(f"{self.path} is too long a path for sockets, and {outside} belongs to another user")
        return outside


def make_passable(path: Path, account: tuple[int, int]) -> None:
    """Let an account walk through every directory above `path`, without letting it list any of them."""
    uid, gid = account
    for directory in path.parents:
        found = directory.stat()
        if found.st_uid == uid:
            passable = found.st_mode & stat.S_IXUSR
        elif found.st_gid == gid:
            passable = found.st_mode & stat.S_IXGRP
        else:
            passable = found.st_mode & stat.S_IXOTH
        if not passable:
            directory.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
