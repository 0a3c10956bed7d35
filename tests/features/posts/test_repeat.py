"""pending_post_id: a repeated POST gives the stored post, on any node, and nobody hears of it twice."""

import asyncio

import pytest

from server.db import SQL
from server.ids import now_ms
from tests.features.posts.world import Clients, Nodes, Sockets, World
from tests.make import Make


async def test_a_repeated_post_is_the_stored_one_on_any_node(
    client: Clients, socket: Sockets, make: Make, world: World
) -> None:
    body = {"channel_id": world.town.id, "message": "once", "pending_post_id": f"{world.ada.id}:{now_ms()}"}
    async with socket(world.bob) as events:
        first = (await client(world.ada).post("/posts", body)).ok(201)
        again = (await client(world.ada).post("/posts", body)).ok(201)
        elsewhere = (await client(world.ada, node=1).post("/posts", body)).ok(201)

        assert first == again == elsewhere
        assert first["pending_post_id"] == body["pending_post_id"]
        event = await events.next("posted")
        assert event.data["post"]["pending_post_id"] == body["pending_post_id"]
        assert (await events.names()).count("posted") == 0
    channel = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()
    assert channel["total_msg_count"] == 1


async def test_another_user_may_use_the_same_pending_id(client: Clients, world: World) -> None:
    body = {"channel_id": world.town.id, "message": "once", "pending_post_id": f"same:{now_ms()}"}

    first = (await client(world.ada).post("/posts", body)).ok(201)
    second = (await client(world.bob).post("/posts", body)).ok(201)

    assert first["id"] != second["id"]
    assert second["user_id"] == world.bob.id


async def test_two_nodes_get_the_same_post_at_the_same_time(client: Clients, socket: Sockets, world: World) -> None:
    async with socket(world.bob) as events:
        for turn in range(5):
            body = {"channel_id": world.town.id, "message": "once", "pending_post_id": f"{world.ada.id}:{turn}"}

            replies = await asyncio.gather(
                *(client(world.ada, node=number % 2).post("/posts", body) for number in range(8))
            )

            ids = {reply.ok(201)["id"] for reply in replies}
            assert len(ids) == 1
        received = [event for event in await events.until_now() if event.name == "posted"]
        assert len(received) == 5
    channel = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()
    assert channel["total_msg_count"] == channel["total_msg_count_root"] == 5


async def test_a_pending_id_is_forgotten_after_a_while(client: Clients, two_nodes: Nodes, world: World) -> None:
    body = {"channel_id": world.town.id, "message": "once", "pending_post_id": f"{world.ada.id}:old"}
    first = (await client(world.ada).post("/posts", body)).ok(201)

    await two_nodes[0].services.db.run(
        SQL("UPDATE pending_posts SET create_at = create_at - 301000 WHERE post_id = $1"), first["id"]
    )

    second = (await client(world.ada).post("/posts", body)).ok(201)

    assert second["id"] != first["id"]
    assert (await client(world.ada).post("/posts", body)).ok(201)["id"] == second["id"]


@pytest.mark.parametrize("off", [-3_600_000, 3_600_000])
async def test_clocks_that_differ_make_no_second_post(
    client: Clients, world: World, monkeypatch: pytest.MonkeyPatch, off: int
) -> None:
    body = {"channel_id": world.town.id, "message": "once", "pending_post_id": f"{world.ada.id}:clocks"}
    with monkeypatch.context() as patch:
        patch.setattr("server.context.now_ms", lambda: now_ms() + off)
        first = (await client(world.ada).post("/posts", body)).ok(201)

    second = (await client(world.ada, node=1).post("/posts", body)).ok(201)

    assert second["id"] == first["id"]
    later = (await client(world.bob).post("/posts", {**body, "pending_post_id": ""})).ok(201)
    assert later["create_at"] > first["create_at"]


async def test_a_refused_post_leaves_its_pending_id_free(client: Clients, world: World) -> None:
    body = {
        "channel_id": world.town.id,
        "message": "reply",
        "root_id": "z" * 26,
        "pending_post_id": f"{world.ada.id}:{now_ms()}",
    }
    assert (await client(world.ada).post("/posts", body)).status == 400

    (await client(world.ada).post("/posts", {**body, "root_id": ""})).ok(201)


async def test_pending_ids_have_a_longest_length(client: Clients, world: World) -> None:
    body = {"channel_id": world.town.id, "message": "x", "pending_post_id": "p" * 257}

    assert (await client(world.ada).post("/posts", body)).status == 400
