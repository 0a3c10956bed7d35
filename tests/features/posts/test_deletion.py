"""Deleting posts: what goes with them, who hears of it, and what stays."""

import asyncio

from tests.features.posts.world import Clients, Settings, Sockets, World
from tests.make import Make, Person


async def test_a_deleted_post_is_gone_for_everyone(
    client: Clients, make: Make, socket: Sockets, admin: Person, world: World
) -> None:
    await make.join_team(world.team, admin)
    post = await make.post(world.ada, world.town, "regret")
    async with socket(world.bob, node=1) as bob, socket(world.carol) as carol, socket(admin) as boss:
        assert (await client(world.ada).delete(f"/posts/{post['id']}")).ok() == {"status": "OK"}

        event = await bob.next("post_deleted")
        assert event.data["post"]["id"] == post["id"]
        assert event.data["post"]["delete_at"] > 0
        assert "delete_by" not in event.data
        assert "deleteBy" not in event.data["post"]["props"]
        assert event.broadcast["contains_sanitized_data"] is True
        assert (await boss.next("post_deleted")).data["delete_by"] == world.ada.id
        assert (await bob.names()).count("post_deleted") == 0
        assert (await boss.names()).count("post_deleted") == 0
        assert "post_deleted" not in await carol.names()
    reply = await client(world.bob).get(f"/posts/{post['id']}")
    assert (reply.status, reply.error_id) == (404, "app.post.get.app_error")
    listed = (await client(world.bob).get(f"/channels/{world.town.id}/posts")).ok()
    assert post["id"] not in listed["posts"]
    assert (await client(world.ada).delete(f"/posts/{post['id']}")).status == 404
    assert (await client(world.ada).delete(f"/posts/{'z' * 26}")).status == 404


async def test_only_authors_and_those_with_the_right_delete(
    client: Clients, make: Make, admin: Person, world: World
) -> None:
    post = await make.post(world.ada, world.town, "mine")

    for person in (world.bob, world.carol):
        assert (await client(person).delete(f"/posts/{post['id']}")).status == 403
    (await client(admin).delete(f"/posts/{post['id']}")).ok()


async def test_the_first_post_takes_its_replies_along(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])
    threads = f"/users/me/teams/{world.team.id}/threads"
    assert (await client(world.bob).get(threads)).ok()["total"] == 1

    (await client(world.ada).delete(f"/posts/{root['id']}")).ok()

    assert (await client(world.bob).get(f"/posts/{reply['id']}")).status == 404
    assert (await client(world.bob).get(threads)).ok()["total"] == 0
    assert (await client(world.bob).get(threads + "?deleted=true")).ok()["total"] == 1
    body = {"channel_id": world.town.id, "message": "late", "root_id": root["id"]}
    assert (await client(world.bob).post("/posts", body)).status == 400


async def test_a_deleted_reply_leaves_its_thread(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    first = await make.post(world.bob, world.town, "first", root_id=root["id"])
    await make.join_channel(world.town, world.carol)
    second = await make.post(world.carol, world.town, f"hi @{world.ada.username}", root_id=root["id"])
    path = f"/users/me/teams/{world.team.id}/threads/{root['id']}"
    before = (await client(world.ada).get(path)).ok()
    assert (before["reply_count"], before["unread_replies"], before["unread_mentions"]) == (2, 2, 1)

    (await client(world.carol).delete(f"/posts/{second['id']}")).ok()

    after = (await client(world.ada).get(path)).ok()
    assert (after["reply_count"], after["last_reply_at"]) == (1, first["create_at"])
    assert (after["unread_replies"], after["unread_mentions"]) == (1, 0)
    assert [user["id"] for user in after["participants"]] == [world.ada.id, world.bob.id]
    shown = (await client(world.ada).get(f"/posts/{root['id']}")).ok()
    assert (shown["reply_count"], shown["update_at"] > before["post"]["update_at"]) == (1, True)


async def test_archived_channels_keep_their_posts(client: Clients, make: Make, world: World) -> None:
    attic = await make.channel(world.team, [world.ada])
    post = await make.post(world.ada, attic, "old")
    (await client(make.admin).delete(f"/channels/{attic.id}")).ok()

    reply = await client(world.ada).delete(f"/posts/{post['id']}")

    assert (reply.status, reply.error_id) == (400, "api.post.delete_post.can_not_delete_post_in_deleted.error")
    assert (await client(world.ada).get(f"/posts/{post['id']}")).ok()["message"] == "old"


async def test_deleting_for_good_is_for_administrators_where_it_is_allowed(
    client: Clients, make: Make, settings: Settings, socket: Sockets, admin: Person, world: World
) -> None:
    root = await make.post(world.ada, world.town, "root")
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])
    path = f"/posts/{root['id']}?permanent=true"
    assert (await client(world.ada).delete(path)).status == 403
    assert (await client(admin).delete(path)).status == 501
    settings(ServiceSettings={"EnableAPIPostDeletion": True})

    async with socket(world.bob) as events:
        (await client(admin).delete(path)).ok()
        assert (await events.next("post_deleted")).data["post"]["id"] == root["id"]

    for post_id in (root["id"], reply["id"]):
        assert (await client(admin).get(f"/posts/{post_id}?include_deleted=true")).status == 404
    assert (await client(admin).delete(path)).status == 404


async def test_no_reply_slips_in_behind_a_deletion(client: Clients, make: Make, world: World) -> None:
    for _ in range(5):
        root = await make.post(world.ada, world.town, "root")
        body = {"channel_id": world.town.id, "message": "reply", "root_id": root["id"]}

        replies = await asyncio.gather(
            *(client(world.bob, node=number % 2).post("/posts", body) for number in range(6)),
            client(world.ada).delete(f"/posts/{root['id']}"),
            *(client(world.bob, node=number % 2).post("/posts", body) for number in range(6)),
        )

        assert {reply.status for reply in replies} <= {200, 201, 400}
        for reply in replies:
            if reply.status == 201:
                assert (await client(world.bob).get(f"/posts/{reply.json['id']}")).status == 404
