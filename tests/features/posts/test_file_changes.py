"""Editing the files of a post, its history, and going back to older versions."""

from typing import Any

import pytest

from server.ids import new_id
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Sockets, World
from tests.make import Make, Person, Thing


async def file_of(client: Clients, person: Person, channel: Thing, name: str = "a.txt") -> str:
    (info,) = await Uploads(client)(person, channel, (name, b"text"))
    file_id: str = info["id"]
    return file_id


def files_in(post: dict[str, Any]) -> list[str]:
    """The ids of a post's files, which its metadata must show as well."""
    shown = [file["id"] for file in post["metadata"].get("files", [])]
    assert shown == post.get("file_ids", [])
    return shown


async def test_files_are_added_removed_and_put_in_order(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    first, second, third = [await file_of(client, world.ada, world.town) for _ in range(3)]
    post = await make.post(world.ada, world.town, "files", file_ids=[first, second])
    path = f"/posts/{post['id']}/patch"
    async with socket(world.bob, node=1) as bob:
        edited = (await client(world.ada).put(path, {"file_ids": [third, second]})).ok()

        event = await bob.next("post_edited")
        assert event.data["post"] == edited
    assert files_in(edited) == [third, second]
    assert (edited["message"], edited["edit_at"]) == ("files", edited["update_at"])
    assert files_in((await client(world.bob).get(f"/posts/{post['id']}")).ok()) == [third, second]
    infos = (await client(world.bob).get(f"/posts/{post['id']}/files/info")).ok()
    assert [info["id"] for info in infos] == [third, second]
    assert (await client(world.bob).get(f"/files/{third}")).status == 200
    assert (await client(world.bob).get(f"/files/{first}")).status == 404
    swapped = (await client(world.ada).put(path, {"file_ids": [second, third, second]})).ok()
    assert files_in(swapped) == [second, third]
    none = (await client(world.ada).put(path, {"file_ids": []})).ok()
    assert (files_in(none), "file_ids" in none) == ([], False)
    assert (await client(world.ada).put(path, {"message": "words"})).ok()["message"] == "words"


async def test_only_own_files_for_the_channel_that_are_in_no_post_are_added(
    client: Clients, make: Make, world: World
) -> None:
    elsewhere = await make.channel(world.team, [world.ada])
    taken, wrong, theirs = (
        await file_of(client, world.ada, world.town),
        await file_of(client, world.ada, elsewhere),
        await file_of(client, world.bob, world.town),
    )
    await make.post(world.ada, world.town, file_ids=[taken])
    removed, mine = await file_of(client, world.ada, world.town), await file_of(client, world.ada, world.town)
    post = await make.post(world.ada, world.town, file_ids=[removed])
    path = f"/posts/{post['id']}/patch"
    (await client(world.ada).put(path, {"file_ids": []})).ok()

    wanted = [taken, wrong, theirs, removed, new_id(), "x", mine]
    edited = (await client(world.ada).put(path, {"file_ids": wanted})).ok()

    assert files_in(edited) == [mine]
    many = await client(world.ada).put(path, {"file_ids": [new_id() for _ in range(11)]})
    assert (many.status, many.error_id) == (400, "model.post.is_valid.file_ids.app_error")
    assert (await client(world.bob).put(path, {"file_ids": []})).status == 403
    assert files_in((await client(world.ada).get(f"/posts/{post['id']}")).ok()) == [mine]


async def test_the_history_keeps_former_files_and_restoring_brings_them_back(
    client: Clients, make: Make, world: World
) -> None:
    first, second = await file_of(client, world.ada, world.town), await file_of(client, world.ada, world.town)
    post = await make.post(world.ada, world.town, "one", file_ids=[first])
    path = f"/posts/{post['id']}"
    (await client(world.ada).put(f"{path}/patch", {"message": "two", "file_ids": [second]})).ok()
    (await client(world.ada).put(f"{path}/patch", {"file_ids": []})).ok()

    history = (await client(world.ada).get(f"{path}/edit_history")).ok()

    assert [(version["message"], files_in(version)) for version in history] == [("two", [second]), ("one", [first])]
    restored = (await client(world.ada).post(f"{path}/restore/{history[1]['id']}")).ok()
    assert (restored["message"], files_in(restored)) == ("one", [first])
    assert (await client(world.bob).get(f"/files/{first}")).content == b"text"
    assert (await client(world.bob).get(f"/files/{second}")).status == 404
    again = (await client(world.ada).get(f"{path}/edit_history")).ok()
    assert [(version["message"], files_in(version)) for version in again] == [
        ("two", []),
        ("two", [second]),
        ("one", [first]),
    ]
    (await client(world.ada).delete(path)).ok()
    assert (await client(world.ada).get(f"/files/{first}")).status == 404
    assert (await client(world.ada).get(f"{path}/edit_history")).status == 404


async def test_a_patch_without_files_leaves_them(client: Clients, make: Make, world: World) -> None:
    file_id = await file_of(client, world.ada, world.town)
    post = await make.post(world.ada, world.town, "one", file_ids=[file_id])
    path = f"/posts/{post['id']}/patch"

    for body in ({"message": "two"}, {"is_pinned": True}, {"file_ids": None}, {"file_ids": [file_id]}):
        edited = (await client(world.ada).put(path, body)).ok()
        assert files_in(edited) == [file_id]
    assert len((await client(world.ada).get(f"/posts/{post['id']}/edit_history")).ok()) == 1


@pytest.mark.parametrize("file_ids", ["x", [1], {}, [None]])
async def test_lists_of_files_are_checked(client: Clients, make: Make, world: World, file_ids: object) -> None:
    post = await make.post(world.ada, world.town)

    reply = await client(world.ada).put(f"/posts/{post['id']}/patch", {"file_ids": file_ids})

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
