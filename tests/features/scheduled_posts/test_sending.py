"""Sending scheduled posts: on time, once, and the reasons why one is not sent."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.posts.service import create_post
from server.features.scheduled_posts import queries, sending_service
from server.features.scheduled_posts.models import TIMER
from server.ids import now_ms
from server.jobs.job import wake
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Nodes, Settings, Sockets, World
from tests.make import Make, Person, Thing
from tests.waiting import next_moment, until, until_gone

Later = Callable[..., dict[str, Any]]

NO_TIMERS: dict[str, Any] = {"JobSettings": {"RunJobs": False}}
OVERDUE = SQL("UPDATE scheduled_posts SET scheduled_at = scheduled_at - $2, due_at = 1 WHERE id = $1")
DUE_AT = SQL("UPDATE scheduled_posts SET scheduled_at = $2, due_at = $2 WHERE id = ANY($1)")


class Killed(Exception):
    """What ends a node in the middle of its work."""


async def messages_in(client: Clients, person: Person, channel: Thing) -> list[str]:
    listed = (await client(person).get(f"/channels/{channel.id}/posts")).ok()
    posts = [listed["posts"][post_id] for post_id in listed["order"]]
    return [post["message"] for post in reversed(posts) if not post["type"]]


async def schedule(client: Clients, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = (await client(person).post("/posts/schedule", body)).ok(201)
    return made


async def listed(client: Clients, person: Person, team: Thing) -> list[dict[str, Any]]:
    path = f"/posts/scheduled/team/{team.id}?includeDirectChannels=true"
    found = (await client(person).get(path)).ok()
    return [*found[team.id], *found["directChannels"]]


async def send_due(nodes: Nodes) -> None:
    """What the timers of both nodes do."""
    await asyncio.gather(*(sending_service.send_due(request_context(node.services)) for node in nodes))


async def test_a_post_is_sent_when_its_time_has_come(
    client: Clients, make: Make, socket: Sockets, world: World, later: Later
) -> None:
    root = await make.post(world.bob, world.town, "root")
    (file,) = await Uploads(client)(world.ada, world.town, ("a.txt", b"text"))
    async with socket(world.ada, node=1) as ada, socket(world.bob, node=1) as bob:
        body = later(
            world.town,
            f"on time @{world.bob.username}",
            ms=250,
            root_id=root["id"],
            file_ids=[file["id"]],
            props={"a": 1},
        )
        made = await schedule(client, world.ada, body)

        event = await bob.next("posted")
        arrived = now_ms()
        gone = await ada.next("scheduled_post_deleted")
    post = event.data["post"]
    assert made["scheduled_at"] <= post["create_at"] <= arrived
    assert (post["user_id"], post["message"], post["root_id"]) == (world.ada.id, body["message"], root["id"])
    assert (post["file_ids"], post["props"]) == ([file["id"]], {"a": 1})
    assert post["metadata"]["files"][0]["id"] == file["id"]
    assert event.data["mentions"] == [world.bob.id]
    assert gone.data["scheduledPost"]["id"] == made["id"]
    assert (await client(world.bob).get(f"/posts/{post['id']}")).ok()["message"] == body["message"]
    assert await listed(client, world.ada, world.team) == []


async def test_an_earlier_time_wakes_the_timer(client: Clients, socket: Sockets, world: World, later: Later) -> None:
    made = await schedule(client, world.ada, later(world.town, "sooner"))
    async with socket(world.bob) as bob:
        earlier = {**made, "scheduled_at": now_ms() + 100}
        (await client(world.ada).put(f"/posts/schedule/{made['id']}", earlier)).ok(201)

        assert (await bob.next("posted")).data["post"]["message"] == "sooner"
    await until_gone(lambda: listed(client, world.ada, world.team), "it is not forgotten")


async def test_many_at_the_same_moment_are_each_sent_once_and_in_their_authors_order(
    client: Clients, two_nodes: Nodes, world: World, later: Later
) -> None:
    people = [world.ada, world.bob]
    ids = []
    for number in range(12):
        await next_moment()
        ids += [
            (await schedule(client, person, later(world.town, f"{person.username} {number:02}")))["id"]
            for person in people
        ]
    async with two_nodes[0].services.db.begin() as tx:
        await tx.run(DUE_AT, ids, now_ms() + 50)
        await wake(tx, TIMER)

    async def all_gone() -> bool:
        return not any([await listed(client, person, world.team) for person in people])

    await until(all_gone)

    sent = await messages_in(client, world.ada, world.town)
    for person in people:
        own = [message for message in sent if message.startswith(person.username)]
        assert own == [f"{person.username} {number:02}" for number in range(12)]
    assert len(sent) == 24


@pytest.mark.parametrize("place", ["create_post", "delete", "commit"])
async def test_a_node_that_dies_while_sending_leaves_one_post(
    client: Clients,
    two_nodes: Nodes,
    socket: Sockets,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    world: World,
    later: Later,
    place: str,
) -> None:
    settings(**NO_TIMERS)
    deaths = 0
    made = await schedule(client, world.ada, later(world.town, "once"))
    await two_nodes[0].services.db.run(OVERDUE, made["id"], 3_600_000)
    write, forget = create_post, queries.delete

    async def dies_after_writing(*args: Any, **options: Any) -> Any:
        nonlocal deaths
        await write(*args, **options)
        deaths += 1
        raise asyncio.CancelledError

    async def dies_before_forgetting(db: Any, id: str) -> None:
        nonlocal deaths
        deaths += 1
        raise Killed

    async def dies_after_forgetting(db: Any, id: str) -> None:
        nonlocal deaths
        deaths += 1
        await forget(db, id)
        raise Killed

    if place == "create_post":
        monkeypatch.setattr(sending_service, "create_post", dies_after_writing)
    else:
        monkeypatch.setattr(queries, "delete", dies_before_forgetting if place == "delete" else dies_after_forgetting)
    async with socket(world.bob) as bob:
        with pytest.raises((Killed, asyncio.CancelledError)):
            await sending_service.send_next(request_context(two_nodes[0].services))
        monkeypatch.undo()
        settings(**NO_TIMERS)
        await send_due(two_nodes)
        events = [event for event in await bob.until_now() if event.name == "posted"]

    assert deaths == 1
    assert await messages_in(client, world.bob, world.town) == ["once"]
    assert [event.data["post"]["message"] for event in events] == ["once"]
    assert await listed(client, world.ada, world.team) == []


async def test_what_fails_for_now_is_tried_again_and_the_others_go_out(
    client: Clients,
    two_nodes: Nodes,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    world: World,
    later: Later,
) -> None:
    settings(**NO_TIMERS)
    db = two_nodes[0].services.db
    for message in ("bad", "good"):
        made = await schedule(client, world.ada, later(world.town, message))
        await db.run(OVERDUE, made["id"], 3_600_000)
    write = create_post

    async def fails_for_one(ctx: Any, new: Any, **options: Any) -> Any:
        if new.message == "bad":
            raise LookupError
        return await write(ctx, new, **options)

    with monkeypatch.context() as patched:
        patched.setattr(sending_service, "create_post", fails_for_one)
        await send_due(two_nodes)
        assert await messages_in(client, world.bob, world.town) == ["good"]
        (waiting,) = await listed(client, world.ada, world.team)
        assert (waiting["message"], waiting["processed_at"], waiting["error_code"]) == ("bad", 0, "")
        for _ in range(sending_service.ATTEMPTS):
            await db.run(OVERDUE, waiting["id"], 0)
            await send_due(two_nodes)

    (given_up,) = await listed(client, world.ada, world.team)
    assert given_up["error_code"] == "unknown"
    assert given_up["processed_at"] > 0


async def leave(client: Clients, make: Make, world: World, channel: Thing) -> None:
    (await client(world.ada).delete(f"/channels/{channel.id}/members/{world.ada.id}")).ok()


async def archive(client: Clients, make: Make, world: World, channel: Thing) -> None:
    (await client(make.admin).delete(f"/channels/{channel.id}")).ok()


async def deactivate(client: Clients, make: Make, world: World, channel: Thing) -> None:
    (await client(make.admin).put(f"/users/{world.ada.id}/active", {"active": False})).ok()


@pytest.mark.parametrize(
    ("change", "error_code"),
    [(leave, "no_channel_member"), (archive, "channel_archived"), (deactivate, "user_deleted")],
)
async def test_rights_are_checked_again_when_it_is_sent(
    client: Clients,
    make: Make,
    two_nodes: Nodes,
    socket: Sockets,
    settings: Settings,
    world: World,
    later: Later,
    change: Any,
    error_code: str,
) -> None:
    settings(**NO_TIMERS)
    private = await make.channel(world.team, [world.ada, world.bob], type="P")
    made = await schedule(client, world.ada, later(private))
    await change(client, make, world, private)
    db = two_nodes[0].services.db
    await db.run(OVERDUE, made["id"], 3_600_000)
    async with socket(world.bob) as bob:
        await send_due(two_nodes)
        assert "posted" not in await bob.names()

    if error_code == "user_deleted":
        (await client(make.admin).put(f"/users/{world.ada.id}/active", {"active": True})).ok()
        world.ada = await make.login({"username": world.ada.username, "id": world.ada.id, "email": ""})
    (failed,) = await listed(client, world.ada, world.team)
    assert (failed["id"], failed["error_code"]) == (made["id"], error_code)
    assert failed["processed_at"] > 0
    await send_due(two_nodes)
    assert await listed(client, world.ada, world.team) == [failed]


async def test_threads_that_are_gone_and_days_that_went_by(
    client: Clients, make: Make, two_nodes: Nodes, socket: Sockets, settings: Settings, world: World, later: Later
) -> None:
    settings(**NO_TIMERS)
    root = await make.post(world.ada, world.town, "root")
    lost = await schedule(client, world.ada, later(world.town, "lost", root_id=root["id"]))
    late = await schedule(client, world.ada, later(world.town, "late"))
    (await client(world.ada).delete(f"/posts/{root['id']}")).ok()
    db = two_nodes[0].services.db
    await db.run(OVERDUE, lost["id"], 3_600_000)
    await db.run(OVERDUE, late["id"], 30 * 3_600_000)
    async with socket(world.ada) as ada:
        await send_due(two_nodes)
        events = [event for event in await ada.until_now() if event.name == "scheduled_post_updated"]

    codes = {each["message"]: each["error_code"] for each in await listed(client, world.ada, world.team)}
    assert codes == {"lost": "thread_deleted", "late": "unable_to_send"}
    told = {event.data["scheduledPost"]["message"]: event.data["scheduledPost"]["error_code"] for event in events}
    assert told == codes
    again = {**late, "scheduled_at": now_ms() + 60_000}
    changed = (await client(world.ada).put(f"/posts/schedule/{late['id']}", again)).ok(201)
    assert (changed["error_code"], changed["processed_at"]) == ("", 0)


async def test_the_system_bot_tells_its_author_once_that_it_was_not_sent(
    client: Clients, make: Make, two_nodes: Nodes, socket: Sockets, settings: Settings, world: World, later: Later
) -> None:
    settings(**NO_TIMERS)
    private = await make.channel(world.team, [world.ada, world.bob], type="P")
    made = await schedule(client, world.ada, later(private))
    await leave(client, make, world, private)
    await two_nodes[0].services.db.run(OVERDUE, made["id"], 3_600_000)
    await send_due(two_nodes)
    jobs = await two_nodes[0].services.db.rows(SQL("SELECT name, payload FROM jobs"))
    assert ("tell_of_failed_scheduled_post", {"scheduled_post_id": made["id"]}) in [tuple(job) for job in jobs]
    async with socket(world.ada) as ada:
        for node in two_nodes:
            await sending_service.tell_of_failure(request_context(node.services), made["id"])
        told = [event for event in await ada.until_now() if event.name == "posted"]

    (message,) = [event.data["post"] for event in told]
    assert "you are not in the channel any more" in message["message"]
    assert private.name not in message["message"], "who is out does not learn what the channel is called now"
    author = (await client(world.ada).get(f"/users/{message['user_id']}")).ok()
    assert (author["username"].startswith("system-bot"), told[0].data["channel_type"]) == (True, "D")
    again = {**made, "scheduled_at": now_ms() + 60_000}
    await make.join_channel(private, world.ada)
    (await client(world.ada).put(f"/posts/schedule/{made['id']}", again)).ok(201)
    async with socket(world.ada) as ada:
        await sending_service.tell_of_failure(request_context(two_nodes[0].services), made["id"])
        assert "posted" not in await ada.names()


async def test_it_waits_while_it_is_switched_off(
    client: Clients, two_nodes: Nodes, settings: Settings, world: World, later: Later
) -> None:
    made = await schedule(client, world.ada, later(world.town))
    settings(ServiceSettings={"ScheduledPosts": False}, **NO_TIMERS)
    await two_nodes[0].services.db.run(OVERDUE, made["id"], 3_600_000)

    await send_due(two_nodes)

    assert await messages_in(client, world.bob, world.town) == []
