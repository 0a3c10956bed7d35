"""Reminders: confirmed when they are set, sent when their time has come, once."""

import asyncio
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.posts.service import create_post
from server.features.reminders import models, queries, service
from server.ids import new_id, now_ms
from tests.features.posts.world import Clients, Nodes, Settings, Sockets, World
from tests.make import Make, Person
from tests.waiting import until_gone

NO_TIMERS: dict[str, Any] = {"JobSettings": {"RunJobs": False}}
WAITING = SQL("SELECT 1 FROM post_reminders WHERE user_id = $1")
DUE = SQL("UPDATE post_reminders SET due_at = 1 WHERE user_id = $1")


def soon(seconds: int = 3600) -> int:
    return now_ms() // 1000 + seconds


def path(person: Person, post: dict[str, Any]) -> str:
    return f"/users/{person.id}/posts/{post['id']}/reminder"


async def send_due(nodes: Nodes) -> None:
    """What the timers of both nodes do."""
    await asyncio.gather(*(service.send_due(request_context(node.services)) for node in nodes))


async def sent_to(client: Clients, person: Person) -> list[dict[str, Any]]:
    """The reminders that a person got, the oldest first."""
    found = []
    for channel in (await client(person).get("/users/me/channels")).ok():
        if channel["type"] == "D":
            listed = (await client(person).get(f"/channels/{channel['id']}/posts")).ok()
            found += [listed["posts"][post_id] for post_id in reversed(listed["order"])]
    return [post for post in found if post["type"] == "reminder"]


async def test_a_reminder_is_confirmed_and_comes_as_a_message_of_the_system_bot(
    client: Clients, make: Make, socket: Sockets, two_nodes: Nodes, settings: Settings, world: World
) -> None:
    settings(ServiceSettings={"SiteURL": "https://chat.example.org"}, **NO_TIMERS)
    post = await make.post(world.ada, world.town, "the minutes")
    link = f"https://chat.example.org/{world.team.name}/pl/{post['id']}"
    async with socket(world.bob, node=1) as bob, socket(world.ada) as ada:
        at = soon()
        (await client(world.bob).post(path(world.bob, post), {"target_time": at})).ok()
        told = (await bob.next("ephemeral_message")).data["post"]
        assert link in told["message"]
        assert f"@{world.ada.username}" in told["message"]
        assert (told["channel_id"], told["root_id"]) == (world.town.id, post["id"])
        about = {"team_name": world.team.name, "post_id": post["id"], "username": world.ada.username}
        assert told["props"] == {**about, "type": "reminder", "target_time": at}
        await send_due(two_nodes)
        assert await sent_to(client, world.bob) == []
        await two_nodes[0].services.db.run(DUE, world.bob.id)

        await send_due(two_nodes)
        event = await bob.next("posted")
        assert {"ephemeral_message", "posted", "direct_added"}.isdisjoint(await ada.names())
    message = event.data["post"]
    assert (message["type"], event.data["channel_type"]) == ("reminder", "D")
    assert message["props"].items() >= {**about, "from_bot": "true"}.items()
    assert link in message["message"]
    assert event.data["mentions"] == [world.bob.id]
    author = (await client(world.bob).get(f"/users/{message['user_id']}")).ok()
    assert (author["username"].startswith("system-bot"), author["is_bot"]) == (True, True)
    await send_due(two_nodes)
    assert [each["id"] for each in await sent_to(client, world.bob)] == [message["id"]]


async def test_its_timer_sends_it_on_time(
    client: Clients, make: Make, socket: Sockets, two_nodes: Nodes, world: World
) -> None:
    post = await make.post(world.ada, world.town)
    async with socket(world.bob) as bob:
        (await client(world.bob).post(path(world.bob, post), {"target_time": soon(0)})).ok()

        assert (await bob.next("posted")).data["post"]["type"] == "reminder"
    await until_gone(lambda: two_nodes[0].services.db.rows(WAITING, world.bob.id), "it is not forgotten")


async def test_setting_it_again_moves_it(
    client: Clients, make: Make, two_nodes: Nodes, settings: Settings, world: World
) -> None:
    settings(**NO_TIMERS)
    post = await make.post(world.ada, world.town)
    db = two_nodes[0].services.db
    rows = SQL("SELECT target_time, due_at FROM post_reminders WHERE user_id = $1")
    first, second = soon(60), soon(7200)

    for at in (first, second):
        (await client(world.bob).post(path(world.bob, post), {"target_time": at})).ok()

    assert [tuple(row) for row in await db.rows(rows, world.bob.id)] == [(second, second * 1000)]
    await db.run(DUE, world.bob.id)
    await send_due(two_nodes)
    assert len(await sent_to(client, world.bob)) == 1
    (await client(world.bob).post(path(world.bob, post), {"target_time": soon()})).ok()
    await db.run(DUE, world.bob.id)
    await send_due(two_nodes)
    assert len(await sent_to(client, world.bob)) == 2


async def test_who_can_not_read_the_post_any_more_is_not_reminded(
    client: Clients, make: Make, two_nodes: Nodes, settings: Settings, world: World
) -> None:
    settings(**NO_TIMERS)
    private = await make.channel(world.team, [world.ada, world.bob], type="P")
    secret, deleted = await make.post(world.ada, private), await make.post(world.ada, world.town)
    for post in (secret, deleted):
        (await client(world.bob).post(path(world.bob, post), {"target_time": soon()})).ok()
    (await client(make.admin).delete(f"/channels/{private.id}/members/{world.bob.id}")).ok()
    (await client(world.ada).delete(f"/posts/{deleted['id']}")).ok()
    db = two_nodes[0].services.db
    await db.run(DUE, world.bob.id)

    await send_due(two_nodes)

    assert await sent_to(client, world.bob) == []
    assert await db.rows(WAITING, world.bob.id) == []


@pytest.mark.parametrize("moment", ["written", "forgotten"])
async def test_a_node_that_dies_while_sending_leaves_one_message(
    client: Clients,
    make: Make,
    two_nodes: Nodes,
    socket: Sockets,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    world: World,
    moment: str,
) -> None:
    settings(**NO_TIMERS)
    post = await make.post(world.ada, world.town)
    (await client(world.bob).post(path(world.bob, post), {"target_time": soon()})).ok()
    await two_nodes[0].services.db.run(DUE, world.bob.id)
    write = create_post

    async def dies_after_writing(*args: Any, **options: Any) -> Any:
        await write(*args, **options)
        raise asyncio.CancelledError

    async def dies(*args: Any) -> None:
        raise asyncio.CancelledError

    async with socket(world.bob) as bob:
        with monkeypatch.context() as patched:
            if moment == "written":
                patched.setattr(service, "create_post", dies_after_writing)
            else:
                patched.setattr(queries, "delete", dies)
            with pytest.raises(asyncio.CancelledError):
                await service.send_next(request_context(two_nodes[0].services))
        await send_due(two_nodes)
        events = [event for event in await bob.until_now() if event.name == "posted"]

    assert len(await sent_to(client, world.bob)) == 1
    assert len(events) == 1


async def test_who_may_set_one(client: Clients, make: Make, world: World) -> None:
    private = await make.channel(world.team, [world.ada], type="P")
    post, secret = await make.post(world.ada, world.town), await make.post(world.ada, private)
    wish = {"target_time": soon()}

    for person, url, status in (
        (world.bob, path(world.ada, post), 403),
        (world.bob, path(world.bob, secret), 403),
        (world.bob, f"/users/me/posts/{new_id()}/reminder", 404),
        (make.admin, path(world.bob, post), 200),
    ):
        assert (await client(person).post(url, wish)).status == status


@pytest.mark.parametrize("target_time", [0, -1, 1, 2**62, "soon", 1.5, None])
async def test_times_are_checked(client: Clients, make: Make, same_world: World, target_time: object) -> None:
    post = await make.post(same_world.ada, same_world.town)

    reply = await client(same_world.bob).post(path(same_world.bob, post), {"target_time": target_time})

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_there_is_a_limit_for_each_user(
    client: Clients, make: Make, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(**NO_TIMERS)
    limited = queries.PUT.text.replace(str(models.MAX_REMINDERS), "2")
    assert limited != queries.PUT.text
    monkeypatch.setattr(queries, "PUT", type(queries.PUT)(limited))
    posts = [await make.post(world.ada, world.town) for _ in range(3)]

    statuses = [(await client(world.bob).post(path(world.bob, post), {"target_time": soon()})).status for post in posts]

    assert statuses == [200, 200, 400]
    (await client(world.bob).post(path(world.bob, posts[0]), {"target_time": soon(9)})).ok()
