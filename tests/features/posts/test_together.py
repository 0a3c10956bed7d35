"""Many at once: order of times, exact counters, and a database that goes away."""

import asyncio

import pytest

from server.db import SQL
from server.errors import Busy
from server.features.posts.insert import Draft, Written
from server.features.posts.writer import WAITING, PostWriter
from server.ids import new_id, now_ms
from tests.features.posts.world import Clients, Members, Nodes, Sockets, World
from tests.make import Make
from tests.waiting import until

HELD_UP = SQL("SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'")

POSTERS, EACH = 16, 6


async def test_posts_of_many_at_once_are_all_there_in_order_and_counted(
    client: Clients, make: Make, socket: Sockets, world: World, member: Members
) -> None:
    async with socket(world.bob) as events:

        async def post(number: int) -> list[int]:
            person = client((world.ada, world.bob)[number // 2 % 2], node=number % 2)
            times = []
            for turn in range(EACH):
                body = {"channel_id": world.town.id, "message": f"{number}/{turn} @{world.carol.username}"}
                times.append((await person.post("/posts", body)).ok(201)["create_at"])
            return times

        times = await asyncio.gather(*(post(number) for number in range(POSTERS)))
        received = [event.data["post"] for event in await events.until_now() if event.name == "posted"]

    for own in times:
        assert own == sorted(own)
    every = sorted(time for own in times for time in own)
    assert len(set(every)) == POSTERS * EACH
    assert [post["create_at"] for post in received] == every, "published in another order than stored"
    channel = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()
    assert (channel["total_msg_count"], channel["total_msg_count_root"]) == (POSTERS * EACH, POSTERS * EACH)
    assert channel["last_post_at"] == every[-1]
    listed = (await client(world.ada).get(f"/channels/{world.town.id}/posts?per_page=200")).ok()
    shown = [listed["posts"][post_id]["create_at"] for post_id in listed["order"]]
    assert shown == sorted(shown, reverse=True)


async def test_events_of_one_node_come_in_the_order_of_their_times(
    client: Clients, socket: Sockets, world: World
) -> None:
    async with socket(world.bob, node=1) as events:
        body = {"channel_id": world.town.id, "message": "now"}
        replies = await asyncio.gather(*(client(world.ada).post("/posts", body) for _ in range(40)))
        assert all(reply.status == 201 for reply in replies)

        times = [event.data["post"]["create_at"] for event in await events.until_now() if event.name == "posted"]
    assert len(times) == 40
    assert times == sorted(times)


async def test_replies_of_many_at_once_are_counted_exactly(
    client: Clients, make: Make, world: World, member: Members
) -> None:
    root = await make.post(world.ada, world.town, "root")
    before = await member(world.ada, world.town)
    body = {"channel_id": world.town.id, "message": f"hey @{world.ada.username}", "root_id": root["id"]}

    replies = await asyncio.gather(*(client(world.bob, node=number % 2).post("/posts", body) for number in range(24)))

    last = max(reply.ok(201)["create_at"] for reply in replies)
    shown = (await client(world.ada).get(f"/posts/{root['id']}")).ok()
    assert shown["reply_count"] == 24
    assert shown["update_at"] == last
    assert (await member(world.ada, world.town))["mention_count"] == before["mention_count"] + 24
    thread = (await client(world.ada).get(f"/users/me/teams/{world.team.id}/threads/{root['id']}")).ok()
    assert (thread["reply_count"], thread["last_reply_at"]) == (24, last)
    assert (thread["unread_replies"], thread["unread_mentions"]) == (24, 24)
    assert [user["id"] for user in thread["participants"]] == [world.ada.id, world.bob.id]


async def test_one_bad_post_does_not_spoil_its_group(two_nodes: Nodes, world: World) -> None:
    writer: PostWriter = two_nodes[0].services.extras[PostWriter]  # type: ignore[assignment]

    def draft(message: str, channel_id: str = world.town.id) -> Draft:
        return Draft(id=new_id(), user_id=world.ada.id, channel_id=channel_id, message=message, now=now_ms())

    def news(written: Written) -> list[object]:
        return []

    results = await asyncio.gather(
        *(writer.write(draft(text), news) for text in ("one", "two")),  # type: ignore[arg-type]
        writer.write(draft("bad \0"), news),  # type: ignore[arg-type]
        writer.write(draft("nowhere", "z" * 26), news),  # type: ignore[arg-type]
        writer.write(draft("three"), news),  # type: ignore[arg-type]
        return_exceptions=True,
    )

    kinds = [type(result) for result in results]
    assert kinds[:2] == [Written, Written]
    assert kinds[2].__name__ == "BadRequest"
    assert kinds[3:] == [type(None), Written]


async def test_more_than_can_wait_are_told_to_come_back(two_nodes: Nodes, world: World) -> None:
    writer = PostWriter(two_nodes[0].services)
    await writer.start()
    writer._running = asyncio.create_task(asyncio.sleep(60))  # as if a commit took for ever
    draft = Draft(id=new_id(), user_id=world.ada.id, channel_id=world.town.id, now=now_ms())
    waiting = [asyncio.create_task(writer.write(draft, lambda written: [])) for _ in range(WAITING)]
    await asyncio.sleep(0)

    with pytest.raises(Busy):
        await writer.write(draft, lambda written: [])

    for task in (*waiting, writer._running):
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await writer.stop()
    with pytest.raises(Busy):
        await writer.write(draft, lambda written: [])


async def test_a_lost_connection_is_made_anew(client: Clients, two_nodes: Nodes, make: Make, world: World) -> None:
    await make.post(world.ada, world.town, "before")
    writer: PostWriter = two_nodes[0].services.extras[PostWriter]  # type: ignore[assignment]
    pid = writer._connection.get_server_pid()
    admin = await two_nodes[0].services.db.connect()
    await admin.execute(f"SELECT pg_terminate_backend({pid})")
    await admin.close()

    body = {"channel_id": world.town.id, "message": "after", "pending_post_id": f"{world.ada.id}:{now_ms()}"}
    reply = await client(world.ada).post("/posts", body)
    if reply.status != 201:
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        reply = await client(world.ada).post("/posts", body)

    assert reply.ok(201)["message"] == "after"
    listed = (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()
    assert [post["message"] for post in listed["posts"].values()].count("after") == 1


async def test_a_group_that_was_not_written_is_answered_and_may_be_repeated(
    client: Clients, two_nodes: Nodes, make: Make, world: World
) -> None:
    """While another transaction holds the channel the writer waits; when its connection dies, posters hear 503."""
    await make.post(world.ada, world.town, "before")
    writer: PostWriter = two_nodes[0].services.extras[PostWriter]  # type: ignore[assignment]
    holder = await two_nodes[0].services.db.connect()
    holding = holder.transaction()
    await holding.start()
    await holder.execute("SELECT id FROM channels WHERE id = $1 FOR UPDATE", world.town.id)
    bodies = [
        {"channel_id": world.town.id, "message": f"held {number}", "pending_post_id": f"{world.ada.id}:h{number}"}
        for number in range(3)
    ]
    posting = [asyncio.create_task(client(world.ada).post("/posts", body)) for body in bodies]
    pid = writer._connection.get_server_pid()
    await until(lambda: two_nodes[0].services.db.value(HELD_UP, pid))
    assert await holder.fetchval("SELECT pg_terminate_backend($1, 30000)", pid)
    await holding.rollback()
    replies = await asyncio.gather(*posting)
    await holder.close()

    assert 503 in {reply.status for reply in replies}
    again = [(await client(world.ada, node=1).post("/posts", body)).ok(201) for body in bodies]
    assert len({post["id"] for post in again}) == 3
    channel = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()
    assert channel["total_msg_count"] == 4
