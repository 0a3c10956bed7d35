"""Clients that offer it are asked to confirm the posts that they are to tell their users of."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from server.metrics import NOTIFICATIONS_CONFIRMED
from tests.clients_of import Client
from tests.features.notifications.conftest import World
from tests.make import Make
from tests.nodes import TestNode
from tests.waiting import PATIENCE

Clients = Callable[..., Client]
ASKING = "?posted_ack=true"


async def test_who_is_called_is_asked(world: World, make: Make, socket: Any) -> None:
    root = await make.post(world.bob, world.town, "root")
    direct = await make.direct(world.ada, world.bob)
    group = await make.group(world.ada, world.bob, await make.user())
    async with socket(world.bob, query=ASKING) as events, socket(world.ada, query=ASKING) as own:
        await make.post(world.ada, world.town, f"mention @{world.bob.username}")
        await make.post(world.ada, world.town, "nobody")
        await make.post(world.ada, world.town, "reply", root_id=root["id"])
        await make.post(world.ada, direct, "direct")
        await make.post(world.ada, group, "group")
        got = [event for event in await events.until_now() if event.name == "posted"]
        sent = [event for event in await own.until_now() if event.name == "posted"]

    asked = {event.data["post"]["message"].split()[0]: event.data.get("should_ack") for event in got}
    assert asked == {"mention": True, "nobody": None, "reply": True, "direct": True, "group": True}
    assert [event.data.get("should_ack") for event in sent] == [None] * 5
    assert got[0].data["mentions"] == [world.bob.id]


async def test_who_does_not_offer_it_is_not_asked(world: World, make: Make, socket: Any) -> None:
    async with socket(world.bob) as plain, socket(world.bob, query=ASKING) as asking:
        await make.post(world.ada, world.town, f"mention @{world.bob.username}")
        one, two = await plain.next("posted"), await asking.next("posted")

    assert "should_ack" not in one.data
    assert two.data.pop("should_ack") is True
    assert one.data == two.data


async def test_in_other_codings_too(world: World, make: Make, socket: Any) -> None:
    async with socket(world.bob) as port_of:
        url = f"ws://127.0.0.1:{port_of.connection.remote_address[1]}/api/v4/websocket{ASKING}&format=msgpack"
        headers = {"Authorization": f"Bearer {world.bob.token}"}
        async with connect(url, additional_headers=headers) as connection:
            assert msgspec.msgpack.decode(await connection.recv(decode=False))["event"] == "hello"
            await make.post(world.ada, world.town, f"mention @{world.bob.username}")
            posted = msgspec.msgpack.decode(await connection.recv(decode=False))
            while posted["event"] != "posted":
                posted = msgspec.msgpack.decode(await connection.recv(decode=False))

    assert posted["data"]["should_ack"] is True
    assert posted["data"]["mentions"] == [world.bob.id]


async def saved(node: TestNode, connection_id: str) -> None:
    """Wait until the node has saved where a connection stands, from where another node can go on."""
    gateway = node.node.gateway
    connection = gateway._registry.connections[connection_id]
    async with asyncio.timeout(PATIENCE):
        while connection.saved_seq != connection.next_seq:  # noqa: ASYNC110 - it is a clock's
            await asyncio.sleep(0.01)
    await asyncio.wait([gateway._saving])


async def test_events_that_are_sent_again_on_another_node_ask_too(
    world: World, make: Make, socket: Any, two_nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.resume.MARK_SECONDS", 0.0)
    async with socket(world.bob, query=ASKING) as events:
        await make.post(world.ada, world.town, f"one @{world.bob.username}")
        assert (await events.next("posted")).data["should_ack"] is True
        await events.until_now()
        connection_id, seq = events.connection_id, events.next_seq
        await saved(two_nodes[0], connection_id)
    await make.post(world.ada, world.town, f"two @{world.bob.username}")
    query = f"{ASKING}&connection_id={connection_id}&sequence_number={seq}"
    async with socket(world.bob, node=1, query=query) as events:
        again = await events.next("posted")

    assert again.data["post"]["message"].startswith("two")
    assert again.data["should_ack"] is True


async def test_confirmations_are_counted(world: World, socket: Any) -> None:
    def counts() -> list[float]:
        return [NOTIFICATIONS_CONFIRMED.labels(name)._value.get() for name in ("success", "not_sent", "other")]

    before = counts()
    data = {"post_id": "x", "user_agent": "mobile", "status": "not_sent", "reason": "window_is_focused", "data": "y"}
    async with socket(world.bob) as events:
        assert (await events.action("posted_notify_ack", data))["status"] == "OK"
        assert (await events.action("posted_notify_ack", {"status": "success"}))["status"] == "OK"
        assert (await events.action("posted_notify_ack", {"status": "no such word"}))["status"] == "OK"
        bad = await events.action("posted_notify_ack", {"status": 5})

    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1]
    assert (bad["status"], bad["error"]["status_code"]) == ("FAIL", 400)
