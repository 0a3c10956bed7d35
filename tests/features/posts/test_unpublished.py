"""Posts whose node stored them and died before it told anybody: their readers hear of them all the same, once."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from server.bus.event import Event
from server.bus.signals import Signal
from server.context import Services, request_context
from server.features.posts import unpublished
from server.features.posts.events import Posted
from server.features.posts.unpublished import Unpublished
from server.ids import now_ms
from tests.clients_of import Received, Socket
from tests.features.posts.world import Clients, Nodes, Sockets, World
from tests.make import Make, Person

Dying = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def dying(two_nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> Dying:
    """`async with dying():` the second node stores posts in the block, and tells nobody."""
    bus = two_nodes[1].services.bus
    publish = bus.publish

    async def lost(messages: Sequence[Event | Signal], pledge: int = 0) -> bool:
        return await publish([message for message in messages if not isinstance(message, Posted)], pledge)

    @contextlib.asynccontextmanager
    async def block() -> AsyncIterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(bus, "publish", lost)
            yield

    return block


@pytest.fixture(autouse=True)
def no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is swept but by the tests."""
    monkeypatch.setattr(Unpublished, "sweep", _no_sweep)


_sweep = Unpublished.sweep


async def _no_sweep(self: Unpublished, ctx: object) -> int:
    return 0


async def sweep(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for what was not published right up to now."""
    monkeypatch.setattr(unpublished, "SETTLED_MS", -1000)
    await _sweep(Unpublished(), request_context(services))


def messages(events: Sequence[Received]) -> list[str]:
    return [event.data["post"]["message"] for event in events if event.name == "posted"]


async def wait_for(events: Socket, message: str) -> None:
    """Until a post with this text has come."""
    while (await events.next("posted")).data["post"]["message"] != message:
        pass


def body(world: World, message: str, person: Person | None = None, **more: Any) -> dict[str, Any]:
    pending = f"{(person or world.ada).id}:{message}"
    return {"channel_id": world.town.id, "message": message, "pending_post_id": pending, **more}


async def test_the_next_post_brings_those_before_it(
    client: Clients, socket: Sockets, world: World, dying: Dying, make: Make
) -> None:
    ada = client(world.ada, node=1)
    root = (await ada.post("/posts", body(world, "root"))).ok(201)
    (await client(world.bob).post("/posts", body(world, "in it", world.bob, root_id=root["id"]))).ok(201)
    (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()
    async with socket(world.bob) as events:
        async with dying():
            silent = [
                (await ada.post("/posts", body(world, f"hello @{world.bob.username}"))).ok(201),
                (await ada.post("/posts", body(world, "for @all"))).ok(201),
                (await ada.post("/posts", body(world, "reply", root_id=root["id"]))).ok(201),
            ]
        (await client(world.ada).post("/posts", body(world, "next"))).ok(201)
        await wait_for(events, "next")
        received = [event for event in events.seen if event.name == "posted"]
        assert messages(received) == [f"hello @{world.bob.username}", "for @all", "reply", "next"]
        for event, post in zip(received, silent, strict=False):
            known = {key: value for key, value in post.items() if key not in ("participants", "metadata")}
            assert {key: event.data["post"].get(key) for key in known} == known
            assert event.data["sender_name"] == f"@{world.ada.username}"
            assert event.data["channel_name"] == world.town.name
        assert [event.data.get("mentions") for event in received] == [[world.bob.id], [world.bob.id], None, None]
        assert received[2].data["followers"] == [world.bob.id]

        for post in silent:  # those who wrote them never heard that they were stored
            for node in (0, 1):
                again = body(world, post["message"], root_id=post["root_id"])
                assert (await client(world.ada, node=node).post("/posts", again)).ok(201)["id"] == post["id"]
        assert messages(await events.until_now()) == []


async def test_where_nobody_writes_again_the_sweep_finds_them(
    client: Clients,
    socket: Sockets,
    make: Make,
    world: World,
    dying: Dying,
    two_nodes: Nodes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    direct = await make.direct(world.ada, world.bob)
    async with socket(world.bob) as events:
        (await client(world.ada).post("/posts", body(world, "heard"))).ok(201)
        async with dying():
            ada = client(world.ada, node=1)
            for channel_id, text in ((world.town.id, "lost"), (direct.id, "whispered")):
                (await ada.post("/posts", body(world, text, channel_id=channel_id))).ok(201)
            deleted = (await ada.post("/posts", body(world, "deleted"))).ok(201)
        (await client(world.ada).delete(f"/posts/{deleted['id']}")).ok()
        assert messages(await events.until_now()) == ["heard"]

        await sweep(two_nodes[0].services, monkeypatch)
        await sweep(two_nodes[1].services, monkeypatch)

        assert sorted(messages(await events.until_now())) == ["lost", "whispered"]


async def test_repeated_by_its_author_it_brings_those_before_it(
    client: Clients, socket: Sockets, world: World, dying: Dying
) -> None:
    async with socket(world.bob) as events:
        async with dying():
            for text in ("first", "second", "third"):
                (await client(world.ada, node=1).post("/posts", body(world, text))).ok(201)
        (await client(world.ada).post("/posts", body(world, "second"))).ok(201)
        assert messages(await events.until_now()) == ["first", "second"]
        (await client(world.ada).post("/posts", body(world, "fourth"))).ok(201)
        await wait_for(events, "fourth")
        assert messages(events.seen) == ["first", "second", "third", "fourth"]


async def test_too_many_to_be_told_one_by_one_make_readers_start_anew(
    client: Clients, socket: Sockets, world: World, dying: Dying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpublished, "MOST", 2)
    async with socket(world.bob) as events:
        first_id = events.connection_id
        async with dying():
            for text in ("first", "second", "third"):
                (await client(world.ada, node=1).post("/posts", body(world, text))).ok(201)
        (await client(world.ada).post("/posts", body(world, "fourth"))).ok(201)
        events.next_seq = None
        while (event := await events.next()).name != "hello":
            events.next_seq = None
        assert event.data["connection_id"] != first_id
        (await client(world.ada).post("/posts", body(world, "fifth"))).ok(201)
        await wait_for(events, "fifth")


async def test_a_post_that_is_dated_back_disturbs_no_turn(
    client: Clients, socket: Sockets, world: World, make: Make
) -> None:
    await client(make.admin).post(f"/channels/{world.town.id}/members", {"user_id": make.admin.id})
    async with socket(world.bob) as events:
        (await client(world.ada).post("/posts", body(world, "first"))).ok(201)
        old = body(world, "imported", make.admin, create_at=now_ms() - 86_400_000)
        for node in (0, 1):
            (await client(make.admin, node=node).post("/posts", old)).ok(201)
        (await client(world.ada, node=1).post("/posts", body(world, "second"))).ok(201)
        assert messages(await events.until_now()) == ["first", "imported", "second"]
