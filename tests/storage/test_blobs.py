"""The store of files: the same behaviour in a directory and in a bucket."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.config.operation import FileSection
from server.errors import Busy
from server.storage.blobs import Blob, Blobs
from tests.processes import open_files
from tests.waiting import until_gone


class Bucket:
    """As much of S3 as the store needs: objects in memory, multipart uploads, ranges."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, bytes] = {}
        self.authorizations: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """One request."""
        path = request.path_params["path"]
        self.authorizations.add(request.headers.get("authorization", "")[:60])
        query = request.query_params
        if request.method == "POST" and "uploads" in query:
            return xml("<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>")
        if request.method == "PUT" and "partNumber" in query:
            self.parts[f"{path}#{int(query['partNumber']):05}"] = await request.body()
            return Response(headers={"etag": '"part"'})
        if request.method == "POST" and "uploadId" in query:
            self.objects[path] = b"".join(
                body for key, body in sorted(self.parts.items()) if key.startswith(f"{path}#")
            )
            return xml("<CompleteMultipartUploadResult><ETag>whole</ETag></CompleteMultipartUploadResult>")
        if request.method == "PUT":
            self.objects[path] = await request.body()
            return Response(headers={"etag": '"whole"'})
        if request.method == "DELETE":
            if "uploadId" in query:
                self.parts.clear()
                return Response(status_code=204)
            self.objects.pop(path, None)
            return Response(status_code=204)
        if query.get("list-type") == "2":
            return self._listed(f"{path}/", query.get("prefix", ""))
        if path not in self.objects:
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        return self._read(self.objects[path], request.headers.get("range", ""))

    def _listed(self, bucket: str, prefix: str) -> Response:
        found = [path.removeprefix(bucket) for path in self.objects if path.startswith(bucket + prefix)]
        about = "<LastModified>2026-11-21T12:00:00.000Z</LastModified><Size>1</Size><ETag>whole</ETag>"
        entries = "".join(f"<Contents><Key>{path}</Key>{about}</Contents>" for path in found)
        return xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")

    def _read(self, content: bytes, wanted: str) -> Response:
        headers = {"etag": '"whole"', "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
        if not wanted:
            return Response(content, headers=headers)
        first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(content[first : last + 1], 206, headers=headers)


def xml(text: str) -> Response:
    """An answer in XML."""
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', media_type="application/xml")


@contextlib.asynccontextmanager
async def serving(bucket: Bucket) -> AsyncIterator[int]:
    """The bucket on a port of its own."""
    methods = ["GET", "PUT", "POST", "DELETE", "HEAD"]
    app = Starlette(routes=[Route("/{path:path}", bucket.answer, methods=methods)])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        await task


def s3(port: int) -> FileSection:
    return FileSection(
        DriverName="amazons3",
        AmazonS3Bucket="files",
        AmazonS3PathPrefix="chat",
        AmazonS3Endpoint=f"127.0.0.1:{port}",
        AmazonS3SSL=False,
        AmazonS3AccessKeyId="key",
        AmazonS3SecretAccessKey="secret",
        AmazonS3Region="eu-central-1",
    )


@pytest_asyncio.fixture(params=["local", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    if request.param == "local":
        yield Blobs(lambda: FileSection(Directory=str(tmp_path / "files")))
        return
    async with serving(Bucket()) as port:
        settings = s3(port)
        yield Blobs(lambda: settings)


async def test_all_that_is_stored_is_listed(blobs: Blobs) -> None:
    assert [path async for path in blobs.paths()] == []

    paths = ["files/ab/x/original", "users/ada/profile.png", "users/ada/more/a.b"]
    for path in paths:
        await blobs.write(path, b"1")
    await blobs.delete("users/ada/more/a.b")

    assert sorted([path async for path in blobs.paths()]) == paths[:2]


async def whole(blob: Blob | None) -> bytes:
    assert blob is not None
    return b"".join([chunk async for chunk in blob.chunks])


async def test_what_was_written_is_read_replaced_and_deleted(blobs: Blobs) -> None:
    assert await blobs.read("users/ada/profile.png") is None

    await blobs.write("users/ada/profile.png", b"first")
    assert await blobs.read("users/ada/profile.png") == b"first"
    await blobs.write("users/ada/profile.png", b"second one")
    assert await blobs.read("users/ada/profile.png") == b"second one"
    assert await blobs.size("users/ada/profile.png") == 10

    await blobs.delete("users/ada/profile.png", "users/nobody/profile.png")
    assert await blobs.read("users/ada/profile.png") is None
    assert await blobs.size("users/ada/profile.png") is None
    assert await blobs.open("users/ada/profile.png") is None


async def test_a_large_file_is_streamed_in_and_out_and_read_in_ranges(blobs: Blobs) -> None:
    parts = [bytes([number]) * 1_000_000 for number in range(12)]

    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    await blobs.write("large", stream())

    blob = await blobs.open("large")
    assert blob is not None
    assert (blob.size, blob.start, blob.end) == (12_000_000, 0, 12_000_000)
    assert await whole(blob) == b"".join(parts)
    assert await whole(await blobs.open("large", 999_999, 1_000_001)) == b"\0\1"
    assert await whole(await blobs.open("large", 11_999_990)) == b"\x0b" * 10
    assert await whole(await blobs.open("large", 11_999_990, 99_000_000)) == b"\x0b" * 10
    assert await whole(await blobs.open("large", 12_000_000)) == b""
    assert await blobs.open("large", 12_000_001) is None
    assert await blobs.open("large", 5, 4) is None


async def test_a_stream_that_breaks_off_leaves_the_old_file(blobs: Blobs) -> None:
    await blobs.write("file", b"old")

    async def broken() -> AsyncIterator[bytes]:
        yield b"new" * 4_000_000
        raise LookupError("the client went away")

    with pytest.raises(Exception):  # noqa: B017 (which one is up to the store)
        await blobs.write("file", broken())

    assert await blobs.read("file") == b"old"


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../secret", "a/../b", "a//b", "a/", "a b", "a\0b", ".hidden", "a/."]
)
async def test_paths_that_clients_might_have_made_are_refused(blobs: Blobs, path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        await blobs.write(path, b"content")
    with pytest.raises(ValueError, match="path"):
        await blobs.read(path)


async def test_a_bucket_is_used_with_its_prefix_region_and_key() -> None:
    bucket = Bucket()
    async with serving(bucket) as port:
        settings = s3(port)
        await Blobs(lambda: settings).write("users/ada/profile.png", b"content")

    assert bucket.objects == {"files/chat/users/ada/profile.png": b"content"}
    (authorization,) = bucket.authorizations
    assert "Credential=key/" in authorization


async def test_a_store_out_of_reach_is_busy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    with pytest.raises(Busy):
        await Blobs(lambda: FileSection(Directory=str(tmp_path / "file"))).write("path", b"content")


async def test_changed_settings_lead_to_another_store(tmp_path: Path) -> None:
    settings = FileSection(Directory=str(tmp_path / "one"))
    blobs = Blobs(lambda: settings)
    await blobs.write("file", b"content")

    settings = FileSection(Directory=str(tmp_path / "two"))

    assert await blobs.read("file") is None
    assert (tmp_path / "one" / "file").read_bytes() == b"content"


async def test_a_file_that_nobody_reads_on_is_closed(tmp_path: Path) -> None:
    """At once if nobody has begun, as when a client goes before its download begins, else by the loop."""
    blobs = Blobs(lambda: FileSection(Directory=str(tmp_path / "files")))
    await blobs.write("large", b"x" * 1_000_000)

    async def left() -> int:
        return open_files(os.getpid(), "large")

    for _ in range(20):
        blob = await blobs.open("large")
        assert blob is not None
        assert await left() == 1
        del blob
        assert await left() == 0

    blob = await blobs.open("large")
    assert blob is not None
    assert await anext(blob.chunks)
    assert await left() == 1
    del blob
    await until_gone(left)
