"""Urgent posts that go on calling until they are answered."""

import asyncio
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.persistent_notifications.service import MINUTE, send_due
from tests.clients_of import Reply
from tests.features.posts.world import Clients, Counted, Nodes, Settings, Sockets, World
from tests.make import Make, Person, Thing

NAME = "persistent_notification_triggered"
ROWS = SQL("SELECT sent_count FROM persistent_notifications WHERE post_id = $1")
ORPHANS = SQL("SELECT count(*) FROM persistent_notifications n WHERE NOT EXISTS (SELECT FROM posts WHERE id = post_id)")


@pytest.fixture(autouse=True)
def every_two_minutes(settings: Settings) -> None:
    settings(ServiceSettings={"PersistentNotificationIntervalMinutes": 2, "PersistentNotificationMaxCount": 3})


async def urge(client: Clients, person: Person, channel: Thing, message: str, **priority: Any) -> Reply:
    wanted = {"priority": "urgent", "persistent_notifications": True, "requested_ack": True, **priority}
    body = {"channel_id": channel.id, "message": message, "metadata": {"priority": wanted}}
    return await client(person).post("/posts", body)


async def pass_minutes(nodes: Nodes, post: dict[str, Any], minutes: float) -> None:
    """What the elected node does so long after a post, and another one that believes to be it."""
    now = post["create_at"] + int(minutes * MINUTE)
    await asyncio.gather(*(send_due(request_context(node.services), now) for node in nodes))


async def called(events: Any) -> int:
    return [event.name for event in await events.until_now()].count(NAME)


async def test_those_who_are_named_are_called_again_and_again_but_not_for_ever(
    client: Clients, socket: Sockets, two_nodes: Nodes, world: World
) -> None:
    async with socket(world.bob, node=1) as bob, socket(world.ada) as ada:
        post = (await urge(client, world.ada, world.town, f"help, @{world.bob.username}!")).ok(201)
        await bob.next("posted")
        await pass_minutes(two_nodes, post, 1.9)
        assert await called(bob) == 0

        await pass_minutes(two_nodes, post, 2.1)
        event = await bob.next(NAME)

        assert event.data["post"]["id"] == post["id"]
        assert event.data["post"]["metadata"]["priority"] == post["metadata"]["priority"]
        assert event.data["mentions"] == [world.bob.id]
        assert event.data["sender_name"] == f"@{world.ada.username}"
        assert (event.data["channel_name"], event.data["channel_type"]) == (world.town.name, "O")
        assert event.data["team_id"] == world.team.id
        assert "set_online" not in event.data
        assert event.broadcast["user_id"] == world.bob.id
        await pass_minutes(two_nodes, post, 2.2)
        assert await called(bob) == 0
        for minutes, calls in ((4.2, 1), (6.3, 1), (8.4, 0), (80, 0)):
            await pass_minutes(two_nodes, post, minutes)
            assert await called(bob) == calls, minutes
        assert NAME not in await ada.names()
    assert await two_nodes[0].services.db.rows(ROWS, post["id"]) == []


async def answer_by_reply(client: Clients, person: Person, post: dict[str, Any]) -> None:
    body = {"channel_id": post["channel_id"], "root_id": post["id"], "message": "coming"}
    (await client(person).post("/posts", body)).ok(201)


async def answer_by_reaction(client: Clients, person: Person, post: dict[str, Any]) -> None:
    body = {"user_id": person.id, "post_id": post["id"], "emoji_name": "eyes"}
    assert (await client(person).post("/reactions", body)).status < 300


async def answer_by_ack(client: Clients, person: Person, post: dict[str, Any]) -> None:
    (await client(person).post(f"/users/me/posts/{post['id']}/ack")).ok()


@pytest.mark.parametrize("answer", [answer_by_reply, answer_by_reaction, answer_by_ack])
async def test_who_has_answered_is_called_no_more_and_the_others_are(
    client: Clients, make: Make, socket: Sockets, two_nodes: Nodes, world: World, answer: Any
) -> None:
    await make.join_channel(world.town, world.carol)
    names = f"@{world.bob.username} @{world.carol.username}"
    async with socket(world.bob) as bob, socket(world.carol) as carol:
        post = (await urge(client, world.ada, world.town, names)).ok(201)
        await answer(client, world.bob, post)
        await pass_minutes(two_nodes, post, 2.1)

        assert (await called(bob), await called(carol)) == (0, 1)
        await answer(client, world.carol, post)
        await pass_minutes(two_nodes, post, 4.2)
        assert (await called(bob), await called(carol)) == (0, 0)
    assert await two_nodes[0].services.db.rows(ROWS, post["id"]) == []


async def test_a_deleted_post_calls_nobody_nor_do_those_who_left_or_want_quiet_hear(
    client: Clients, make: Make, socket: Sockets, two_nodes: Nodes, world: World
) -> None:
    await make.join_channel(world.town, world.carol)
    async with socket(world.bob) as bob, socket(world.carol) as carol:
        gone = (await urge(client, world.ada, world.town, f"@{world.bob.username}")).ok(201)
        (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
        names = f"@{world.bob.username} @{world.carol.username}"
        post = (await urge(client, world.ada, world.town, names)).ok(201)
        (await client(world.bob).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()
        status = {"user_id": world.carol.id, "status": "dnd"}
        (await client(world.carol).put(f"/users/{world.carol.id}/status", status)).ok()

        await pass_minutes(two_nodes, post, 2.1)

        assert (await called(bob), await called(carol)) == (0, 0)


async def test_in_a_direct_channel_the_other_one_is_called(
    client: Clients, make: Make, socket: Sockets, two_nodes: Nodes, world: World
) -> None:
    direct = await make.direct(world.ada, world.bob)
    async with socket(world.bob) as bob:
        post = (await urge(client, world.ada, direct, "hello?")).ok(201)
        await pass_minutes(two_nodes, post, 2.1)

        assert (await bob.next(NAME)).data["channel_display_name"] == f"@{world.ada.username}"
    alone = await make.direct(world.ada, world.ada)
    assert (await urge(client, world.ada, alone, "hello?")).status == 400


async def test_what_may_not_call_is_refused(
    client: Clients, make: Make, settings: Settings, two_nodes: Nodes, world: World
) -> None:
    bob = f"@{world.bob.username}"
    error = "api.post.post_priority.{}_persistent_notification_post.request_error".format
    settings(ServiceSettings={"PersistentNotificationMaxRecipients": 1})
    await make.join_channel(world.town, world.carol)
    root, stranger = await make.post(world.ada, world.town), await make.user()

    for message, priority, error_id in (
        (bob, {"priority": "important"}, error("urgent")),
        (bob, {"priority": ""}, error("urgent")),
        ("nobody", {}, error("min_recipients")),
        ("@channel @all @here", {}, error("min_recipients")),
        (f"@{world.ada.username} @{stranger.username} `{bob}`", {}, error("min_recipients")),
        (f"{bob} @{world.carol.username}", {}, error("max_recipients")),
    ):
        reply = await urge(client, world.ada, world.town, message, **priority)
        assert (reply.status, reply.error_id) == (400, error_id), message
    (await urge(client, world.ada, world.town, f"{bob} {bob}. @{world.ada.username}")).ok(201)
    answer = {"channel_id": world.town.id, "message": bob, "root_id": root["id"]}
    wanted = {"priority": "urgent", "persistent_notifications": True}
    refused = await client(world.ada).post("/posts", {**answer, "metadata": {"priority": wanted}})
    assert refused.status == 400
    settings(ServiceSettings={"AllowPersistentNotifications": False})
    assert (await urge(client, world.ada, world.town, bob)).status == 403
    assert await two_nodes[0].services.db.value(ORPHANS) == 0


async def test_guests_may_where_that_is_allowed(client: Clients, make: Make, settings: Settings, world: World) -> None:
    settings(GuestAccountsSettings={"Enable": True})
    guest = await make.user("guest")
    await make.join_team(world.team, guest)
    await make.join_channel(world.town, guest)
    (await client(make.admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    guest = await make.login({"username": guest.username, "id": guest.id, "email": ""})
    bob = f"@{world.bob.username}"

    refused = await urge(client, guest, world.town, bob)
    settings(ServiceSettings={"AllowPersistentNotificationsForGuests": True})
    allowed = await urge(client, guest, world.town, bob)

    refusal = "api.post.post_priority.priority_post_not_allowed_for_user.request_error"
    assert (refused.status, refused.error_id, allowed.status) == (403, refusal, 201)


async def test_posts_that_were_refused_in_the_end_call_nobody(client: Clients, two_nodes: Nodes, world: World) -> None:
    wanted = {"priority": "urgent", "persistent_notifications": True}
    body = {
        "channel_id": world.town.id,
        "message": f"@{world.bob.username}",
        "metadata": {"priority": wanted},
        "pending_post_id": "the same",
    }
    post, _ = [(await client(world.ada).post("/posts", body)).ok(201) for _ in range(2)]
    assert await two_nodes[0].services.db.value(ORPHANS) == 1

    await pass_minutes(two_nodes, post, 2.1)

    assert await two_nodes[0].services.db.value(ORPHANS) == 0


async def test_other_posts_cost_one_statement_as_before(client: Clients, counted: Counted, world: World) -> None:
    body = {"channel_id": world.town.id, "message": "hi", "metadata": {"priority": {"priority": "urgent"}}}
    await client(world.ada).post("/posts", body)

    with counted(sql=1):
        (await client(world.ada).post("/posts", body)).ok(201)
