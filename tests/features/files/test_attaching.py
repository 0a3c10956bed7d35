"""Files of posts: who may attach which, what posts and events show of them, and that they go with the post."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.context import request_context
from server.features.files.jobs import remove_erased_files, sweep_unused_files
from server.ids import now_ms
from tests.clients_of import Client
from tests.features.files.uploading import Uploads, World, picture, stored
from tests.make import Make
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]
Counted = Callable[..., Any]


async def test_a_post_shows_its_files_wherever_it_is_read(
    client: Clients, upload: Uploads, socket: Any, world: World, make: Make
) -> None:
    text, image = await upload(world.ada, world.room, ("a.txt", b"text"), ("b.png", picture((300, 200))))
    root = await make.post(world.ada, world.room, "root")
    async with socket(world.bob, node=1) as events:
        post = await make.post(
            world.ada, world.room, "look", root_id=root["id"], file_ids=[image["id"], text["id"], image["id"]]
        )
        posted = await events.next("posted")

    files = post["metadata"]["files"]
    assert post["file_ids"] == [image["id"], text["id"]]
    assert files == [{**info, "post_id": post["id"], "update_at": post["create_at"]} for info in (image, text)]
    assert (posted.raw["otherFile"], posted.raw["image"]) == ("true", "true")
    assert posted.data["post"]["metadata"]["files"] == files
    lists = [
        (await client(world.bob).get(f"/channels/{world.room.id}/posts")).ok(),
        (await client(world.bob).get(f"/channels/{world.room.id}/posts?since=1")).ok(),
        (await client(world.bob).get(f"/posts/{root['id']}/thread")).ok(),
    ]
    shown = [page["posts"][post["id"]] for page in lists]
    shown.append((await client(world.bob).get(f"/posts/{post['id']}")).ok())
    shown += (await client(world.bob).post("/posts/ids", [post["id"]])).ok()
    shown.append((await client(world.ada).put(f"/posts/{post['id']}/patch", {"message": "changed"})).ok())
    for each in shown:
        assert each["file_ids"] == post["file_ids"]
        assert each["metadata"]["files"] == files
    assert (await client(world.bob).get(f"/posts/{post['id']}/files/info")).ok() == files
    assert (await client(world.carol).get(f"/posts/{post['id']}/files/info")).status == 403
    assert (await client(world.ada).get(f"/posts/{root['id']}/files/info")).ok() == []
    assert (await client(world.bob).get(f"/channels/{world.room.id}/stats")).ok()["files_count"] == 2
    assert (await client(world.bob).get(f"/files/{text['id']}/info")).ok()["post_id"] == post["id"]


async def test_a_post_with_text_files_only_shows_no_image(
    upload: Uploads, socket: Any, world: World, make: Make
) -> None:
    (text,) = await upload(world.ada, world.room, ("a.txt", b"text"))
    async with socket(world.bob) as events:
        await make.post(world.ada, world.room, "", file_ids=[text["id"]])
        posted = (await events.next("posted")).raw
        await make.post(world.ada, world.room, "plain")
        plain = (await events.next("posted")).raw

    assert (posted["otherFile"], "image" in posted) == ("true", False)
    assert "otherFile" not in plain


async def test_only_own_files_of_the_channel_that_no_post_has_are_attached(
    upload: Uploads, client: Clients, world: World, make: Make
) -> None:
    other = await make.channel(world.team, [world.ada])
    (mine,) = await upload(world.ada, world.room, ("mine.txt", b"1"))
    (taken,) = await upload(world.ada, world.room, ("taken.txt", b"2"))
    (bobs,) = await upload(world.bob, world.room, ("bobs.txt", b"3"))
    (elsewhere,) = await upload(world.ada, other, ("elsewhere.txt", b"4"))
    first = await make.post(world.ada, world.room, "first", file_ids=[taken["id"]])
    wanted = [bobs["id"], taken["id"], "a" * 26, "nonsense", "", mine["id"], elsewhere["id"]]

    second = await make.post(world.ada, world.room, "second", file_ids=wanted)

    assert second["file_ids"] == [mine["id"]]
    assert [info["name"] for info in second["metadata"]["files"]] == ["mine.txt"]
    assert (await client(world.ada).get(f"/files/{taken['id']}/info")).ok()["post_id"] == first["id"]
    assert (await client(world.ada).get(f"/files/{bobs['id']}/info")).status == 403
    none = await make.post(world.ada, world.room, "none", file_ids=[bobs["id"]])
    assert "file_ids" not in none
    assert "files" not in none["metadata"]


async def test_posts_that_want_the_same_file_at_once_do_not_share_it(upload: Uploads, world: World, make: Make) -> None:
    (info,) = await upload(world.ada, world.room, ("a.txt", b"1"))

    posts = await asyncio.gather(
        *(make.post(world.ada, world.room, f"{number}", file_ids=[info["id"]]) for number in range(8))
    )

    assert sorted(len(post.get("file_ids") or ()) for post in posts) == [0] * 7 + [1]


async def test_a_repeated_post_has_its_files_once(upload: Uploads, world: World, make: Make) -> None:
    (info,) = await upload(world.ada, world.room, ("a.txt", b"1"))
    fields = {"file_ids": [info["id"]], "pending_post_id": f"{world.ada.id}:1"}

    first = await make.post(world.ada, world.room, "once", **fields)
    again = await make.post(world.ada, world.room, "once", **fields)

    assert first == again
    assert again["metadata"]["files"][0]["post_id"] == first["id"]


async def test_more_than_ten_files_are_refused(client: Clients, world: World) -> None:
    body = {"channel_id": world.room.id, "message": "x", "file_ids": [f"{n:026}" for n in range(11)]}
    reply = await client(world.ada).post("/posts", body)

    assert (reply.status, reply.error_id) == (400, "model.post.is_valid.file_ids.app_error")


async def test_files_cost_no_statement_more(upload: Uploads, counted: Counted, world: World, make: Make) -> None:
    infos = await upload(world.ada, world.room, ("a.txt", b"1"), ("b.txt", b"2"))
    await make.post(world.ada, world.room, "warm")

    with counted(sql=1):
        post = await make.post(world.ada, world.room, "files", file_ids=[info["id"] for info in infos])
    with counted(sql=1):
        await make.post(world.ada, world.room, "none")

    assert len(post["file_ids"]) == 2


@pytest.mark.parametrize("which", ["root", "reply"])
async def test_files_go_with_their_post(client: Clients, upload: Uploads, world: World, make: Make, which: str) -> None:
    (info,) = await upload(world.ada, world.room, ("a.txt", b"1"))
    root = await make.post(world.ada, world.room, "root")
    reply = await make.post(world.ada, world.room, "reply", root_id=root["id"], file_ids=[info["id"]])
    gone = root if which == "root" else reply

    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()

    for person in (world.ada, world.bob, make.admin):
        for path in ("", "/info", "/link"):
            found = await client(person).get(f"/files/{info['id']}{path}")
            assert found.status in (404, 501)
    assert (await client(world.ada).get(f"/posts/{reply['id']}/files/info")).status == 404
    old = await client(make.admin).get(f"/posts/{reply['id']}/files/info?include_deleted=true")
    assert [file["id"] for file in old.ok()] == [info["id"]]
    assert (await client(world.ada).get(f"/channels/{world.room.id}/stats")).ok()["files_count"] == 0


async def test_uploads_that_nothing_uses_are_removed_after_a_week(
    client: Clients,
    upload: Uploads,
    world: World,
    make: Make,
    node: TestNode,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("posted", "drafted", "scheduled", "marked", "unused")
    files = dict(zip(names, await upload(world.ada, world.room, *((name, b"1") for name in names)), strict=True))
    await make.post(world.ada, world.room, "root", file_ids=[files["posted"]["id"]])
    new = {"channel_id": world.room.id, "message": "later"}
    ada = client(world.ada)
    (await ada.post("/drafts", new | {"file_ids": [files["drafted"]["id"]]})).ok(201)
    at = files["posted"]["create_at"] + 86_400_000
    (await ada.post("/posts/schedule", new | {"file_ids": [files["scheduled"]["id"]], "scheduled_at": at})).ok(201)
    mark = {"type": "file", "display_name": "b", "file_id": files["marked"]["id"]}
    (await ada.post(f"/channels/{world.room.id}/bookmarks", mark)).ok(201)
    before, week = now_ms(), 7 * 24 * 3600 * 1000
    ctx = request_context(node.services)

    async def found_at(moment: int) -> set[str]:
        monkeypatch.setattr("server.context.now_ms", lambda: moment)
        await sweep_unused_files(ctx)
        await remove_erased_files(ctx)
        monkeypatch.undo()
        return {name for name, file in files.items() if (await ada.get(f"/files/{file['id']}")).status == 200}

    assert await found_at(before + week - 60_000) == set(names)
    assert await found_at(before + week + 60_000) == set(names) - {"unused"}
    assert stored(store) == ["original"] * 4


async def test_erased_files_leave_the_store(
    client: Clients, upload: Uploads, world: World, make: Make, settings: Settings, node: TestNode, store: Path
) -> None:
    kept, gone = await upload(world.ada, world.room, ("a.txt", b"1"), ("b.png", picture((300, 200))))
    post = await make.post(world.ada, world.room, "root", file_ids=[gone["id"]])
    assert stored(store) == ["original", "original", "preview.jpg", "thumbnail.jpg"]
    settings(ServiceSettings={"EnableAPIPostDeletion": True})

    (await client(make.admin).delete(f"/posts/{post['id']}?permanent=true")).ok()
    assert (await client(world.ada).get(f"/files/{gone['id']}")).status == 404
    await remove_erased_files(request_context(node.services))

    assert stored(store) == ["original"]
    assert (await client(world.ada).get(f"/files/{kept['id']}")).content == b"1"
