"""Bytes under paths, by FileSettings: in a local directory, or in a bucket of S3 or what speaks like it."""

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import structlog
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from server.config.operation import FileSection
from server.errors import Busy

CHUNK = 256 * 1024
"""Bytes that a stream gives at once."""

PART = 5 * 1024 * 1024
"""Bytes of a part of a large upload, the least that S3 takes."""

_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")

log = structlog.get_logger()


class Blob(Struct, frozen=True):
    """A stored file, or a range of it, as it is read."""

    size: int
    """Bytes of the whole file."""
    start: int
    end: int
    """The range that `chunks` gives, without its end."""
    chunks: AsyncIterator[bytes]


class Blobs:
    """The store of a node. `settings` gives FileSettings as they are now; when they change, so does the store.

    All methods raise Busy when the store can't be reached.
    """

    def __init__(self, settings: Callable[[], FileSection]) -> None:
        self._settings = settings
        self._made: tuple[FileSection, Any] | None = None

    def _store(self) -> Any:
        settings = self._settings()
        if self._made is None or self._made[0] != settings:
            self._made = (settings, make_store(settings))
        return self._made[1]

    async def write(self, path: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Store a file as a whole or not at all; one that is there is replaced. A stream is never whole in memory."""
        with _reachable():
            await obstore.put_async(self._store(), _checked(path), content, chunk_size=PART, max_concurrency=2)

    async def read(self, path: str) -> bytes | None:
        """A small file, or None when there is none."""
        with _reachable():
            try:
                result = await obstore.get_async(self._store(), _checked(path))
                return bytes(await result.bytes_async())
            except FileNotFoundError:
                return None

    async def open(self, path: str, start: int = 0, end: int | None = None) -> Blob | None:
        """A file from `start` up to `end` as a stream, or None when there is none or the range is outside of it."""
        with _reachable():
            store = self._store()
            try:
                size = int((await obstore.head_async(store, _checked(path)))["size"])
                end = size if end is None else min(end, size)
                if not 0 <= start <= end:
                    return None
                if start == end:
                    return Blob(size, start, end, _nothing())
                result = await obstore.get_async(store, path, options={"range": (start, end)})
            except FileNotFoundError:
                return None
            # A stream goes with its last reference. What it is made of may stay until the store is used again, which
            # would keep the file open.
            return Blob(size, start, end, _chunks(result.stream(min_chunk_size=CHUNK)))

    async def size(self, path: str) -> int | None:
        """Bytes of a file, or None when there is none."""
        with _reachable():
            try:
                return int((await obstore.head_async(self._store(), _checked(path)))["size"])
            except FileNotFoundError:
                return None

    async def paths(self) -> AsyncIterator[str]:
        """The paths of all files."""
        with _reachable():
            async for found in obstore.list(self._store(), chunk_size=1000):
                for meta in found:
                    yield str(meta["path"])

    async def delete(self, *paths: str) -> None:
        """Remove files; those that are not there are passed over."""
        with _reachable():
            for path in paths:
                try:
                    await obstore.delete_async(self._store(), _checked(path))
                except FileNotFoundError:
                    continue


def is_path(path: str) -> bool:
    """Whether something can be stored under this path."""
    return _PATH.fullmatch(path) is not None and ".." not in path


def _checked(path: str) -> str:
    if not is_path(path):
        raise ValueError(f"not a path of a blob: {path!r}")
    return path


async def _chunks(stream: Any) -> AsyncIterator[bytes]:
    with _reachable():
        async for chunk in stream:
            yield bytes(chunk)


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        log.warning("the store of files fails", error=f"{type(error).__name__}: {error}")
        raise Busy("api.file.file_backend.app_error", "Files can't be stored or read right now.") from error


def make_store(settings: FileSection) -> LocalStore | S3Store:
    """The store that FileSettings name."""
    if settings.DriverName != "amazons3":
        return LocalStore(prefix=Path(settings.Directory).absolute(), mkdir=True)
    scheme = "https" if settings.AmazonS3SSL else "http"
    options: dict[str, Any] = {
        "region": settings.AmazonS3Region or "us-east-1",
        "endpoint": f"{scheme}://{settings.AmazonS3Endpoint}"
        if settings.AmazonS3Endpoint != "s3.amazonaws.com"
        else None,
        "access_key_id": settings.AmazonS3AccessKeyId,
        "secret_access_key": settings.AmazonS3SecretAccessKey,
        "disable_bulk_delete": True,  # not all that speak S3 know it
        "server_side_encryption": "AES256" if settings.AmazonS3SSE else None,
    }
    return S3Store(
        settings.AmazonS3Bucket,
        prefix=settings.AmazonS3PathPrefix or None,
        client_options={
            "allow_http": not settings.AmazonS3SSL,
            "timeout": timedelta(milliseconds=max(settings.AmazonS3RequestTimeoutMilliseconds, 1000)),
        },
        **{name: value for name, value in options.items() if value},
    )
