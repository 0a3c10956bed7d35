"""Editing, pinning, the history of a post, ephemeral posts."""

import pytest

from server.features.posts.models import MAX_MESSAGE
from tests.features.posts.world import Clients, Nodes, Settings, Sockets, World
from tests.make import Make, Person
from tests.waiting import next_moment


async def test_an_edit_reaches_the_channel_and_nobody_else(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    post = await make.post(world.ada, world.town, "first #one")
    async with socket(world.bob, node=1) as bob, socket(world.carol) as carol:
        edited = (await client(world.ada).put(f"/posts/{post['id']}/patch", {"message": "second #two"})).ok()

        event = await bob.next("post_edited")
        assert event.data["post"] == edited
        assert event.broadcast["channel_id"] == world.town.id
        assert "post_edited" not in await carol.names()
    assert edited["message"] == "second #two"
    assert edited["hashtags"] == "#two"
    assert edited["edit_at"] == edited["update_at"] > post["update_at"]
    assert edited["create_at"] == post["create_at"]
    assert (await client(world.bob).get(f"/posts/{post['id']}")).ok() == edited


async def test_put_takes_the_whole_post(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "first", props={"a": 1})
    path = f"/posts/{post['id']}"

    edited = (await client(world.ada).put(path, {**post, "message": "second", "user_id": world.bob.id})).ok()

    assert (edited["message"], edited["props"], edited["user_id"]) == ("second", {"a": 1}, world.ada.id)
    wrong = await client(world.ada).put(path, {"id": "z" * 26, "message": "x"})
    assert (wrong.status, wrong.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_a_patch_changes_only_what_it_holds(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "kept", props={"a": 1})

    patched = (await client(world.ada).put(f"/posts/{post['id']}/patch", {"props": {"b": 2}})).ok()

    assert (patched["message"], patched["props"], patched["edit_at"]) == ("kept", {"b": 2}, 0)
    assert patched["update_at"] > post["update_at"]
    pinned = (await client(world.ada).put(f"/posts/{post['id']}/patch", {"is_pinned": True, "message": None})).ok()
    assert (pinned["is_pinned"], pinned["message"]) == (True, "kept")


async def test_posts_of_others_are_edited_with_the_right_to_it_only(
    client: Clients, make: Make, admin: Person, world: World
) -> None:
    post = await make.post(world.ada, world.town, "mine")
    path = f"/posts/{post['id']}/patch"

    for person in (world.bob, world.carol):
        reply = await client(person).put(path, {"message": "yours"})
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (await client(admin).put(path, {"message": "ours"})).ok()["message"] == "ours"


async def test_what_can_not_be_edited(client: Clients, make: Make, settings: Settings, world: World) -> None:
    gone = await make.post(world.ada, world.town, "gone")
    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
    order = (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()
    system = next(post for post in order["posts"].values() if post["type"].startswith("system_"))
    attic = await make.channel(world.team, [world.ada])
    old = await make.post(world.ada, attic, "old")
    (await client(make.admin).delete(f"/channels/{attic.id}")).ok()

    for post_id, person, error_id in (
        (gone["id"], world.ada, "api.post.update_post.permissions_details.app_error"),
        (system["id"], make.admin, "api.post.update_post.system_message.app_error"),
        ("z" * 26, world.ada, "api.post.update_post.find.app_error"),
        (old["id"], world.ada, "api.post.update_post.can_not_update_post_in_deleted.error"),
    ):
        reply = await client(person).put(f"/posts/{post_id}/patch", {"message": "other"})
        assert (reply.status, reply.error_id) == (400, error_id)
    late = await make.post(world.ada, world.town, "late")
    settings(ServiceSettings={"PostEditTimeLimit": 0})
    await next_moment()
    reply = await client(world.ada).put(f"/posts/{late['id']}/patch", {"message": "other"})
    assert (reply.status, reply.error_id) == (400, "api.post.update_post.permissions_time_limit.app_error")


@pytest.mark.parametrize(
    "body",
    [
        {"message": "a" * (MAX_MESSAGE + 1)},
        {"message": 7},
        {"props": []},
        {"props": {"attachments": [None]}},
        {"is_pinned": "yes"},
    ],
)
async def test_patches_are_checked(client: Clients, make: Make, same_world: World, body: dict[str, object]) -> None:
    post = await make.post(same_world.ada, same_world.town, "x")

    assert (await client(same_world.ada).put(f"/posts/{post['id']}/patch", body)).status == 400
    assert (await client(same_world.ada).get(f"/posts/{post['id']}")).ok() == post


async def test_the_author_reads_and_restores_what_a_post_said(
    client: Clients, make: Make, admin: Person, world: World
) -> None:
    post = await make.post(world.ada, world.town, "one")
    for message in ("two", "three"):
        (await client(world.ada).put(f"/posts/{post['id']}/patch", {"message": message})).ok()
        await next_moment()
    path = f"/posts/{post['id']}/edit_history"

    history = (await client(world.ada).get(path)).ok()

    assert [version["message"] for version in history] == ["two", "one"]
    assert all(version["original_id"] == post["id"] for version in history)
    for person in (world.bob, admin):
        assert (await client(person).get(path)).status == 403
    restored = (await client(world.ada).post(f"/posts/{post['id']}/restore/{history[1]['id']}")).ok()
    assert (restored["id"], restored["message"]) == (post["id"], "one")
    assert [version["message"] for version in (await client(world.ada).get(path)).ok()] == ["three", "two", "one"]
    listed = (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()
    assert not {version["id"] for version in history} & set(listed["posts"])
    assert (await client(world.ada).get(f"/posts/{history[0]['id']}")).status == 404
    assert (await client(world.ada).post(f"/posts/{post['id']}/restore/{'z' * 26}")).status == 404
    assert (await client(world.bob).post(f"/posts/{post['id']}/restore/{history[0]['id']}")).status == 403


async def test_pinning_is_for_every_member(client: Clients, make: Make, socket: Sockets, world: World) -> None:
    post = await make.post(world.ada, world.town, "pin me")
    async with socket(world.ada, node=1) as events:
        assert (await client(world.bob).post(f"/posts/{post['id']}/pin")).ok() == {"status": "OK"}
        assert (await events.next("post_edited")).data["post"]["is_pinned"] is True
        (await client(world.bob).post(f"/posts/{post['id']}/pin")).ok()
        (await client(world.bob).post(f"/posts/{post['id']}/unpin")).ok()

        edits = [event for event in await events.until_now() if event.name == "post_edited"]
        assert [event.data["post"]["is_pinned"] for event in edits] == [False]
    assert (await client(world.carol).post(f"/posts/{post['id']}/pin")).status == 403
    assert (await client(world.bob).post(f"/posts/{'z' * 26}/pin")).status == 404


async def test_ephemeral_posts_are_for_one_user_and_stored_nowhere(
    client: Clients, socket: Sockets, admin: Person, world: World
) -> None:
    body = {"user_id": world.bob.id, "post": {"channel_id": world.town.id, "message": "psst"}}
    async with socket(world.bob, node=1) as bob, socket(world.ada) as ada:
        post = (await client(admin).post("/posts/ephemeral", body)).ok(201)

        event = await bob.next("ephemeral_message")
        assert event.data["post"] == post
        assert event.broadcast["user_id"] == world.bob.id
        assert "ephemeral_message" not in await ada.names()
    assert (post["type"], post["message"], post["user_id"]) == ("system_ephemeral", "psst", admin.id)
    assert (await client(world.bob).get(f"/posts/{post['id']}")).status == 404
    assert (await client(world.carol).post("/posts/ephemeral", body)).status == 403
    assert (await client(admin).post("/posts/ephemeral", {"user_id": "x", "post": {}})).status == 400
    assert (await client(admin).post("/posts/ephemeral", {"user_id": world.bob.id, "post": {}})).status == 400


async def test_a_post_of_a_bot_stays_one_whoever_edits_it(
    client: Clients, make: Make, two_nodes: Nodes, world: World
) -> None:
    post = await make.post(world.ada, world.town, "beep")
    connection = await two_nodes[0].services.db.connect()
    try:
        await connection.execute("""UPDATE posts SET props = '{"from_bot": "true"}' WHERE id = $1""", post["id"])
    finally:
        await connection.close()

    edited = (await client(world.ada).put(f"/posts/{post['id']}/patch", {"props": {"mine": "x"}})).ok()

    assert edited["props"] == {"from_bot": "true", "mine": "x"}
    other = await make.post(world.ada, world.town, "hello")
    posing = (await client(world.ada).put(f"/posts/{other['id']}/patch", {"props": {"from_bot": "true"}})).ok()
    assert posing["props"] == {}
