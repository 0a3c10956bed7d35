"""Uploads in parts: begun, continued, finished; who may, and what is refused."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.files.jobs import sweep_uploads
from tests.clients_of import Client
from tests.features.files.uploading import World, picture, stored
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 4096 * 12

AGE = SQL("UPDATE upload_sessions SET create_at = 1 WHERE id = $1")


async def begin(client: Client, world: World, size: int, name: str = "a.bin") -> dict[str, Any]:
    body = {"channel_id": world.room.id, "filename": name, "file_size": size}
    session: dict[str, Any] = (await client.post("/uploads", body)).ok(201)
    return session


async def test_a_file_comes_in_parts(client: Clients, world: World, store: Path) -> None:
    ada = client(world.ada)
    session = await begin(ada, world, len(CONTENT))
    path = f"/uploads/{session['id']}"
    assert session == {
        "id": session["id"],
        "type": "attachment",
        "create_at": session["create_at"],
        "user_id": world.ada.id,
        "channel_id": world.room.id,
        "filename": "a.bin",
        "file_size": len(CONTENT),
        "file_offset": 0,
        "remote_id": "",
        "req_file_id": "",
    }

    first = await ada.post(path, CONTENT[: 5 * MIB])
    assert (first.status, first.content) == (204, b"")
    assert (await ada.get(path)).ok()["file_offset"] == 5 * MIB
    second = await client(world.ada, node=1).request("POST", path, files={"data": ("x", CONTENT[5 * MIB : 6 * MIB])})
    assert second.status == 204
    assert [each["file_offset"] for each in (await ada.get("/users/me/uploads")).ok()] == [6 * MIB]
    info = (await ada.post(path, CONTENT[6 * MIB :])).ok()

    assert (info["name"], info["size"], info["channel_id"]) == ("a.bin", len(CONTENT), world.room.id)
    assert (await ada.get(f"/files/{info['id']}")).content == CONTENT
    assert stored(store) == ["original"]
    assert (await ada.get(path)).status == 404
    assert (await ada.get("/users/me/uploads")).ok() == []


async def test_a_picture_in_parts_has_a_preview(client: Clients, world: World) -> None:
    content = picture((300, 200))
    session = await begin(client(world.ada), world, len(content), "a.png")

    info = (await client(world.ada).post(f"/uploads/{session['id']}", content)).ok()

    assert (info["width"], info["height"], info["has_preview_image"]) == (300, 200, True)


async def test_a_picture_of_too_many_pixels_ends_its_upload(
    client: Clients, world: World, settings: Settings, store: Path
) -> None:
    settings(FileSettings={"MaxImageResolution": 10_000})
    content = picture((300, 200))
    session = await begin(client(world.ada), world, len(content), "a.png")

    reply = await client(world.ada).post(f"/uploads/{session['id']}", content)

    assert (reply.status, reply.error_id) == (400, "api.file.upload_file.large_image.app_error")
    assert (await client(world.ada).get(f"/uploads/{session['id']}")).status == 404
    assert stored(store) == []


async def test_parts_of_the_wrong_length_are_refused(client: Clients, world: World, store: Path) -> None:
    ada = client(world.ada)
    session = await begin(ada, world, 6 * MIB)
    path = f"/uploads/{session['id']}"

    for part in (b"", b"small", CONTENT[: 6 * MIB + 1]):
        reply = await ada.post(path, part)
        assert (reply.status, reply.error_id) == (400, "api.upload.upload_data.invalid_content_length")
    assert (await ada.post(path, CONTENT[: 5 * MIB])).status == 204
    for part in (b"", CONTENT[: MIB + 1]):
        assert (await ada.post(path, part)).status == 400
    assert len(stored(store)) == 1
    assert (await ada.post(path, CONTENT[:MIB])).ok()["size"] == 6 * MIB


async def test_of_two_parts_at_once_one_wins(client: Clients, world: World, store: Path) -> None:
    session = await begin(client(world.ada), world, 10 * MIB)
    path = f"/uploads/{session['id']}"

    replies = await asyncio.gather(*(client(world.ada, node=n).post(path, CONTENT[: 5 * MIB]) for n in (0, 1)))

    assert sorted(reply.status for reply in replies) in ([204, 400], [200, 204])
    offset = (await client(world.ada).get(path)).json.get("file_offset")
    assert offset in (None, 5 * MIB)
    assert len(stored(store)) == 1


async def test_an_upload_is_for_who_began_it(client: Clients, world: World) -> None:
    session = await begin(client(world.ada), world, 10)
    path = f"/uploads/{session['id']}"

    assert (await client(world.bob).get(path)).status == 403
    assert (await client(world.bob).post(path, b"0123456789")).status == 403
    assert (await client(world.bob).get(f"/users/{world.ada.id}/uploads")).status == 403
    assert (await client().get(path)).status == 401
    body = {"channel_id": world.room.id, "filename": "a", "file_size": 3}
    assert (await client(world.carol).post("/uploads", body)).status == 403
    assert (await client(world.ada).post(f"/uploads/{'a' * 26}", b"x")).status == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"file_size": 0}, 400),
        ({"file_size": -5}, 400),
        ({"file_size": "many"}, 400),
        ({"file_size": 1001}, 413),
        ({"filename": ""}, 400),
        ({"filename": ".."}, 400),
        ({"filename": "x" * 300}, 400),
        ({"channel_id": "nonsense"}, 400),
        ({"type": "import"}, 400),
    ],
)
async def test_uploads_that_make_no_sense_are_refused(
    client: Clients, same_world: World, settings: Settings, change: dict[str, Any], status: int
) -> None:
    settings(FileSettings={"MaxFileSize": 1000})
    body = {"channel_id": same_world.room.id, "filename": "a.txt", "file_size": 1000, **change}

    assert (await client(same_world.ada).post("/uploads", body)).status == status


async def test_nobody_has_endless_uploads_under_way(client: Clients, world: World) -> None:
    ada = client(world.ada)
    for _ in range(200):
        await begin(ada, world, 10)

    reply = await ada.post("/uploads", {"channel_id": world.room.id, "filename": "a", "file_size": 10})

    assert (reply.status, reply.error_id) == (429, "api.upload.create.too_many.app_error")


async def test_uploads_that_nobody_ends_are_forgotten(
    client: Clients, world: World, node: TestNode, store: Path
) -> None:
    old, young = [await begin(client(world.ada), world, 10 * MIB) for _ in range(2)]
    assert (await client(world.ada).post(f"/uploads/{old['id']}", CONTENT[: 5 * MIB])).status == 204
    await node.services.db.run(AGE, old["id"])

    await sweep_uploads(request_context(node.services))

    assert (await client(world.ada).get(f"/uploads/{old['id']}")).status == 404
    assert (await client(world.ada).get(f"/uploads/{young['id']}")).status == 200
    assert stored(store) == []
