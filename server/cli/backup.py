"""`hubbub backup` and `hubbub restore`: the whole service in one file, and back."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from server.backup.archive import BackupError, DamagedArchive, Manifest
from server.backup.restoring import check_backup, restore_backup
from server.backup.taking import take_backup
from server.bus.redis import RedisError
from server.cli.failure import DATABASE_ERRORS, CommandError, first_line
from server.cli.production import production_settings
from server.config import Config, read_environment
from server.config.environment import variable_of
from server.errors import ApiError

DAMAGED = 3
INCOMPLETE = 4
"""Exit codes beside 1."""

T = TypeVar("T")


def take(path: Path) -> str:
    """Back the service of the environment up; what was written, in words."""
    overrides = read_environment(os.environ)
    if not overrides.apply(Config()).SqlSettings.DataSource:
        raise CommandError(f"{variable_of('SqlSettings.DataSource')} is not set")
    manifest = _run(take_backup(overrides, path))
    files = manifest.files
    lines = [f"wrote {path}: {_described(manifest)}"]
    if files.deleted_count:
        lines.append(f"{files.deleted_count} files were deleted meanwhile and are not in it")
    if files.missing_count:
        lines.append(
            f"the archive is whole, but {files.missing_count} files that the database names are not in the store:"
            f" {', '.join(files.missing[:5])}{' …' if files.missing_count > 5 else ''}"
        )
        raise CommandError("; ".join(lines), INCOMPLETE)
    return "\n".join(lines)


def check(path: Path) -> str:
    """Read an archive through; what it holds, in words."""
    with _failing():
        return f"{path} is good: {_described(check_backup(path))}"


def restore(path: Path, *, replace: bool) -> str:
    """Write an archive to the service of the environment; what was written, in words."""
    _, overrides = production_settings(os.environ)
    return f"restored {path}: {_described(_run(restore_backup(overrides, path, replace=replace)))}"


def _described(manifest: Manifest) -> str:
    files = manifest.files
    return (
        f"schema {manifest.schema}, {manifest.rows:,} rows in {len(manifest.tables)} tables,"
        f" {files.count:,} files of {files.bytes:,} bytes"
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Do the work, which a signal ends in order."""

    async def until_stopped() -> T:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    with _failing():
        return asyncio.run(until_stopped())


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except DamagedArchive as error:
        raise CommandError(str(error), DAMAGED) from error
    except (BackupError, RedisError) as error:
        raise CommandError(str(error)) from error
    except ApiError as error:
        raise CommandError(f"the store of files does not help: {error.message}") from error
    except asyncio.CancelledError as error:
        raise CommandError("stopped by a signal") from error
    except DATABASE_ERRORS as error:
        raise CommandError(f"the database does not help: {first_line(error)}") from error
