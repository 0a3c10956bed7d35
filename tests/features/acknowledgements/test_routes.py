"""Confirming posts that ask for it."""

from typing import Any

from server.db import SQL
from server.ids import new_id, now_ms
from tests.features.posts.world import Clients, Counted, Nodes, Sockets, World
from tests.make import Make

ASKING: dict[str, Any] = {"metadata": {"priority": {"priority": "important", "requested_ack": True}}}
AGE = SQL("UPDATE post_acknowledgements SET acknowledged_at = acknowledged_at - $2 WHERE post_id = $1")


async def test_the_channel_hears_and_sees_who_has_confirmed(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    post = await make.post(world.ada, world.town, "read this", **ASKING)
    path = f"/users/{world.bob.id}/posts/{post['id']}/ack"
    async with socket(world.ada, node=1) as ada, socket(world.carol) as carol:
        before = now_ms()
        given = (await client(world.bob).post(path)).ok()

        event = await ada.next("post_acknowledgement_added")
        assert event.data == {"acknowledgement": given}
        assert event.broadcast["channel_id"] == world.town.id
        assert (given["user_id"], given["post_id"]) == (world.bob.id, post["id"])
        assert before <= given["acknowledged_at"] <= now_ms()
        assert (await client(world.bob).post("/users/me/posts/" + post["id"] + "/ack")).ok() == given
        assert "post_acknowledgement_added" not in [*await ada.names(), *await carol.names()]
    assert "acknowledgements" not in post["metadata"]
    shown = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
    assert shown["metadata"]["acknowledgements"] == [given]
    assert shown["update_at"] > post["update_at"]
    for listing in (
        f"/channels/{world.town.id}/posts",
        f"/channels/{world.town.id}/posts?since={post['create_at']}",
        f"/channels/{world.town.id}/posts?collapsedThreads=true",
        f"/posts/{post['id']}/thread",
    ):
        posts = (await client(world.ada).get(listing)).ok()["posts"]
        assert posts[post["id"]]["metadata"]["acknowledgements"] == [given], listing


async def test_it_is_taken_back_within_five_minutes(
    client: Clients, make: Make, socket: Sockets, two_nodes: Nodes, world: World
) -> None:
    post = await make.post(world.ada, world.town, "read this", **ASKING)
    path = f"/users/me/posts/{post['id']}/ack"
    given = (await client(world.bob).post(path)).ok()
    async with socket(world.ada) as ada:
        (await client(world.bob).delete(path)).ok()

        assert (await ada.next("post_acknowledgement_removed")).data == {"acknowledgement": given}
    assert "acknowledgements" not in (await client(world.ada).get(f"/posts/{post['id']}")).ok()["metadata"]
    none = await client(world.bob).delete(path)
    assert (none.status, none.error_id) == (404, "app.acknowledgement.get.app_error")
    (await client(world.bob).post(path)).ok()
    await two_nodes[0].services.db.run(AGE, post["id"], 5 * 60_000 + 1)
    late = await client(world.bob).delete(path)
    assert (late.status, late.error_id) == (403, "api.acknowledgement.delete.deadline.app_error")
    assert len((await client(world.ada).get(f"/posts/{post['id']}")).ok()["metadata"]["acknowledgements"]) == 1


async def test_only_readers_confirm_and_only_for_themselves(client: Clients, make: Make, world: World) -> None:
    private = await make.channel(world.team, [world.ada, world.bob], type="P")
    post = await make.post(world.ada, private, "read this", **ASKING)

    for person, user_id in ((world.carol, world.carol.id), (world.ada, world.bob.id), (make.admin, world.bob.id)):
        path = f"/users/{user_id}/posts/{post['id']}/ack"
        assert (await client(person).post(path)).status == 403
        assert (await client(person).delete(path)).status == 403
    assert "acknowledgements" not in (await client(world.ada).get(f"/posts/{post['id']}")).ok()["metadata"]


async def test_what_can_not_be_confirmed(client: Clients, make: Make, world: World) -> None:
    plain = await make.post(world.ada, world.town, "by the way")
    gone = await make.post(world.ada, world.town, "gone", **ASKING)
    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
    attic = await make.channel(world.team, [world.ada, world.bob])
    old = await make.post(world.ada, attic, "old", **ASKING)
    (await client(make.admin).delete(f"/channels/{attic.id}")).ok()

    for post_id, status, error_id in (
        (plain["id"], 400, "api.acknowledgement.save.not_requested.app_error"),
        (gone["id"], 404, "app.post.get.app_error"),
        (old["id"], 403, "api.acknowledgement.save.archived_channel.app_error"),
        (new_id(), 403, "api.context.permissions.app_error"),
    ):
        reply = await client(world.bob).post(f"/users/me/posts/{post_id}/ack")
        assert (reply.status, reply.error_id) == (status, error_id)


async def test_pages_without_such_posts_cost_no_statement_more(
    client: Clients, make: Make, counted: Counted, world: World
) -> None:
    await make.post(world.ada, world.town, "by the way", metadata={"priority": {"priority": "important"}})
    path = f"/channels/{world.town.id}/posts"
    await client(world.bob).get(path)

    with counted(sql=1):
        (await client(world.bob).get(path)).ok()
