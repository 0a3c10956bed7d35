"""Files in a bucket of what speaks like S3, and when it is away."""

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest_asyncio

from tests.clients_of import Client
from tests.features.files.uploading import Uploads, World, opened, picture
from tests.make import Make
from tests.storage.test_blobs import Bucket, s3, serving

Clients = Callable[..., Client]
Settings = Callable[..., None]

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 4096 * 11


@pytest_asyncio.fixture
async def bucket(settings: Settings) -> AsyncIterator[Bucket]:
    """The store of both nodes."""
    bucket = Bucket()
    async with serving(bucket) as port:
        settings(FileSettings=msgspec.structs.asdict(s3(port)))
        yield bucket


async def test_files_live_in_a_bucket(
    client: Clients, upload: Uploads, world: World, make: Make, bucket: Bucket
) -> None:
    large, image = await upload(world.ada, world.room, ("large.bin", CONTENT), ("a.png", picture((300, 200))))
    await make.post(world.ada, world.room, "look", file_ids=[large["id"], image["id"]])

    bob = client(world.bob, node=1)
    assert (await bob.get(f"/files/{large['id']}")).content == CONTENT
    part = await bob.get(f"/files/{large['id']}", headers={"Range": "bytes=6000000-6000009"})
    assert (part.status, part.content) == (206, CONTENT[6_000_000:6_000_010])
    assert opened(await bob.get(f"/files/{image['id']}/thumbnail")).size == (150, 100)
    assert sorted(path.rpartition("/")[2] for path in bucket.objects) == [
        "original",
        "original",
        "preview.jpg",
        "thumbnail.jpg",
    ]


async def test_ping_asks_the_bucket(client: Clients, bucket: Bucket, settings: Settings) -> None:
    path = "/system/ping?get_server_status=true&use_rest_semantics=true"

    assert (await client().get(path)).ok()["filestore_status"] == "OK"
    settings(FileSettings={"AmazonS3Endpoint": "127.0.0.1:9"})
    assert (await client().get(path)).ok()["filestore_status"] == "UNHEALTHY"


async def test_an_upload_in_parts_ends_as_one_object(client: Clients, world: World, bucket: Bucket) -> None:
    new = {"channel_id": world.room.id, "filename": "a.bin", "file_size": len(CONTENT)}
    session = (await client(world.ada).post("/uploads", new)).ok(201)
    path = f"/uploads/{session['id']}"

    assert (await client(world.ada).post(path, CONTENT[: 5 * MIB])).status == 204
    info = (await client(world.ada, node=1).post(path, CONTENT[5 * MIB :])).ok()

    assert (await client(world.ada).get(f"/files/{info['id']}")).content == CONTENT
    assert len(bucket.objects) == 1


async def test_a_file_over_the_limit_does_not_stay_in_the_bucket(
    client: Clients, world: World, settings: Settings, bucket: Bucket
) -> None:
    settings(FileSettings={"MaxFileSize": 8 * MIB})

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), MIB):
            yield CONTENT[start : start + MIB]

    path = f"/files?channel_id={world.room.id}&filename=a.bin"
    reply = await client(world.ada).request("POST", path, content=body())

    assert (reply.status, reply.error_id) == (413, "api.file.upload_file.too_large_detailed.app_error")
    assert bucket.objects == {}


async def test_without_its_store_a_node_says_so(
    client: Clients, upload: Uploads, world: World, settings: Settings
) -> None:
    async with serving(Bucket()) as port:
        settings(FileSettings=msgspec.structs.asdict(s3(port)))
        (info,) = await upload(world.ada, world.room, ("a.txt", b"text"))
    settings(FileSettings={"AmazonS3RequestTimeoutMilliseconds": 1000})

    away = await client(world.ada).get(f"/files/{info['id']}")

    assert (away.status, away.error_id) == (503, "api.file.file_backend.app_error")
    assert (await client(world.ada).get(f"/files/{info['id']}/info")).status == 200
