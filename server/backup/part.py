"""The file that an archive is written into: it gets its name when it is whole and on the disk."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from server.backup.archive import BackupError

ENDING = ".part"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file under the name `path`.part that is called `path` once the block has ended well, and is removed otherwise.

    Nobody but its owner may read it. Raises BackupError when there is something at `path`, or another backup writes
    to it. What a killed backup has left is replaced.
    """
    part = path.with_name(path.name + ENDING)
    if os.path.lexists(path):
        raise _taken(path)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(_opened(part))
        except OSError as error:
            raise BackupError(f"can't write {part}: {error.strerror}") from error
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _name(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # what is in its buffer finds no place either
                file.close()
            if error.errno in _FULL:
                raise BackupError(f"can't write {part}: {error.strerror}") from error
            raise
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _opened(part: Path) -> BinaryIO:
    """A new file with a lock on it. One that nobody holds is of a killed backup and goes; it is not written into,
    since it may be the same file as an archive that got its name."""
    while True:
        try:
            fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            new = True
        except FileExistsError:
            fd = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            new = False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = part.exists() and os.path.samestat(os.fstat(fd), part.lstat())
            if new and ours:
                os.fchmod(fd, 0o600)
                return os.fdopen(fd, "w+b")
            if ours:
                part.unlink()
        except BlockingIOError as error:
            os.close(fd)
            raise BackupError(f"another backup is writing {part}") from error
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _name(part: Path, path: Path) -> None:
    """Give the file its name, unless there is something of this name by now."""
    try:
        os.link(part, path)
        part.unlink()
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise BackupError(f"can't write {path}: {error.strerror}") from error
        # A file system without links: only here another one could come in between.
        if os.path.lexists(path):
            raise _taken(path) from error
        part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _taken(path: Path) -> BackupError:
    return BackupError(f"there is something at {path}, and a backup overwrites nothing")
