"""Who is there: sockets and activity become statuses, on all nodes alike."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from server.features.status.connections import Connections
from server.features.status.presence import Presence
from server.ids import new_id
from tests.clients_of import Client
from tests.features.status.test_routes import becomes, choose, status_of
from tests.make import Make
from tests.nodes import TestNode

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]
Nodes = tuple[TestNode, TestNode]


async def seen_dead(node: TestNode) -> list[str]:
    """The nodes that a node finds dead and that were not forgotten yet."""
    presence = node.services.extras[Presence]
    assert isinstance(presence, Presence)
    return (await presence.connections.beat())[1]


async def test_a_socket_makes_online_and_its_end_offline(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)

    async with socket(ada, node=1):
        online = await becomes(client(bob), ada, "online", 2)
    offline = await becomes(client(bob), ada, "offline", 4)

    assert online["manual"] is False
    assert offline["last_activity_at"] == online["last_activity_at"] > 0


async def test_one_is_offline_when_the_last_socket_on_any_node_is_gone(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob = await make.users(2)

    async with socket(ada) as events:
        async with socket(ada, node=1):
            await becomes(client(bob), ada, "online", 2)
        await asyncio.sleep(2.5)
        assert (await status_of(client(bob), ada))["status"] == "online"
        assert (await status_of(client(bob, node=1), ada))["status"] == "online"
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]
    assert told == ["online"]
    await becomes(client(bob), ada, "offline", 4)


async def test_who_is_back_at_once_was_never_offline(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    async with socket(ada):
        await becomes(client(ada), ada, "online", 2)

    async with socket(ada, node=1) as events:
        await asyncio.sleep(2)
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]

    assert told == []


async def test_a_chosen_status_outlives_sockets_and_activity(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    await choose(client(ada), ada, "dnd")

    async with socket(ada) as events:
        await make.post(ada, channel)
        assert (await events.action("user_update_active_status", {"user_is_active": True}))["status"] == "OK"
        assert (await status_of(client(ada), ada))["status"] == "dnd"
    await asyncio.sleep(2)
    assert (await status_of(client(ada), ada))["status"] == "dnd"

    await choose(client(ada), ada, "online")
    assert (await status_of(client(ada, node=1), ada))["status"] == "online"


async def test_a_post_makes_its_author_online_at_once_unless_told_otherwise(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, members=[ada, bob])

    (await client(bob).post("/posts?set_online=false", {"channel_id": channel.id, "message": "psst"})).ok(201)
    await make.post(ada, channel)

    assert (await status_of(client(bob), ada))["status"] == "online"
    assert (await status_of(client(ada), bob))["status"] == "offline"
    await becomes(client(bob, node=1), ada, "online", 2)


async def test_status_change_reaches_the_own_sockets_only(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    await make.team(members=[ada, bob])

    async with socket(ada) as here, socket(ada, node=1) as there, socket(bob) as other:
        await choose(client(ada), ada, "dnd")
        events = []
        for one in (here, there):
            event = await one.next("status_change")
            while event.data["status"] != "dnd":  # that she came may be told on one of them, or on both
                event = await one.next("status_change")
            events.append(event)
        told = [event.data["user_id"] for event in await other.until_now() if event.name == "status_change"]

    assert [event.data for event in events] == [{"status": "dnd", "user_id": ada.id}] * 2
    assert events[0].broadcast["user_id"] == ada.id
    assert ada.id not in told


async def test_who_does_nothing_is_away_and_online_again_when_active(
    make: Make, client: Clients, socket: Sockets, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    settings(TeamSettings={"UserStatusAwayTimeout": 1})

    async with socket(ada) as events:
        away = await becomes(client(bob), ada, "away", 6)
        assert away["manual"] is False
        assert (await client(bob).get(f"/users/{ada.id}/status")).ok() == away
        await events.action("user_update_active_status", {"user_is_active": True})
        await becomes(client(bob), ada, "online", 1)


async def test_activity_on_another_node_keeps_online(
    make: Make, client: Clients, socket: Sockets, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    settings(TeamSettings={"UserStatusAwayTimeout": 2})

    async with socket(ada), socket(ada, node=1) as active:
        await becomes(client(bob), ada, "online", 2)
        for _ in range(16):
            await active.action("user_update_active_status", {"user_is_active": True})
            assert (await status_of(client(bob), ada))["status"] == "online"
            await asyncio.sleep(0.25)


async def test_asking_and_pinging_is_no_activity(
    make: Make, client: Clients, socket: Sockets, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    settings(TeamSettings={"UserStatusAwayTimeout": 1})

    async with socket(ada) as events:
        for _ in range(12):
            await events.action("ping")
            await asyncio.sleep(0.25)
        assert (await status_of(client(bob), ada))["status"] == "away"


async def test_a_client_can_say_that_its_user_is_away(
    make: Make, client: Clients, socket: Sockets, settings: Settings
) -> None:
    ada = await make.user()

    async with socket(ada) as events:
        await becomes(client(ada), ada, "online", 2)
        await events.action("user_update_active_status", {"user_is_active": False})
        assert (await status_of(client(ada), ada))["status"] == "online"
        await events.action("user_update_active_status", {"user_is_active": False, "manual": True})
        away = await status_of(client(ada), ada)
        assert (away["status"], away["manual"]) == ("away", True)
        await events.action("user_update_active_status", {"user_is_active": True, "manual": True})
        back = await status_of(client(ada), ada)
        assert (back["status"], back["manual"]) == ("online", False)


async def test_the_users_of_a_node_that_died_go_offline(make: Make, client: Clients, two_nodes: Nodes) -> None:
    ada, bob = await make.users(2)
    dead = Connections(two_nodes[0].services.bus, new_id(), seconds=0.05)
    await choose(client(ada), ada, "online")
    await choose(client(bob), bob, "away")
    await dead.add([ada.id, bob.id])
    await dead.beat()

    await becomes(client(bob), ada, "offline", 9)

    assert (await status_of(client(bob), bob))["status"] == "away"  # chosen
    await asyncio.sleep(0.2)
    assert await seen_dead(two_nodes[0]) == []


async def test_who_moved_from_a_dead_node_to_another_stays_online(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes
) -> None:
    ada = await make.user()
    dead = Connections(two_nodes[0].services.bus, new_id(), seconds=0.05)
    await dead.add([ada.id])
    await dead.beat()

    async with socket(ada, node=1) as events:
        await becomes(client(ada), ada, "online", 2)
        await asyncio.sleep(6)
        assert await seen_dead(two_nodes[0]) == []
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]

    assert told == ["online"]


async def test_a_forgetful_redis_is_told_again_who_is_here(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes
) -> None:
    ada = await make.user()
    bus = two_nodes[1].services.bus
    presence: Presence = two_nodes[1].services.extras[Presence]  # type: ignore[assignment]

    async with socket(ada, node=1):
        await becomes(client(ada), ada, "online", 2)
        for key in await bus.command("KEYS", f"{bus.names.prefix}presence:*"):
            await bus.command("DEL", key)
        assert await presence.connections.absent([ada.id]) == [ada.id]
        for _ in range(70):
            if not await presence.connections.absent([ada.id]):
                break
            await asyncio.sleep(0.1)
        assert await presence.connections.absent([ada.id]) == []
        assert (await status_of(client(ada), ada))["status"] == "online"


async def test_statuses_are_asked_for_over_the_socket(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    await choose(client(bob), bob, "dnd")

    async with socket(ada) as events:
        await becomes(client(ada), ada, "online", 2)
        everyone = (await events.action("get_statuses"))["data"]
        some = await events.action("get_statuses_by_ids", {"user_ids": [ada.id, bob.id, new_id()]})
        wrong: list[Any] = [{"user_ids": []}, {"user_ids": ["short"]}, {"user_ids": "x"}, {}, None]
        bad = [await events.action("get_statuses_by_ids", data) for data in wrong]

    assert everyone[ada.id] == "online"
    assert everyone[bob.id] == "dnd"
    assert "offline" not in everyone.values()
    assert (some["data"][ada.id], some["data"][bob.id], len(some["data"])) == ("online", "dnd", 3)
    assert [reply["status"] for reply in bad] == ["FAIL"] * 5
    assert {reply["error"]["status_code"] for reply in bad} == {400}


@pytest.mark.parametrize("data", [{}, {"user_is_active": "yes"}, {"user_is_active": None}, None, {"manual": True}])
async def test_bad_active_statuses_are_refused(data: Any, make: Make, socket: Sockets) -> None:
    ada = await make.user()

    async with socket(ada) as events:
        reply = await events.action("user_update_active_status", data)

    assert (reply["status"], reply["error"]["status_code"]) == ("FAIL", 400)


@contextlib.asynccontextmanager
async def all_of(*sockets: Any) -> Any:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(one) for one in sockets]


async def test_typing_reaches_the_others_in_the_channel(make: Make, socket: Sockets, settings: Settings) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, members=[ada, bob])
    root = await make.post(bob, channel)

    async with all_of(socket(ada), socket(bob, node=1), socket(eve)) as (mine, others, strangers):
        reply = await mine.action("user_typing", {"channel_id": channel.id, "parent_id": root["id"]})
        typing = await others.next("typing")
        foreign = await strangers.action("user_typing", {"channel_id": channel.id, "parent_id": ""})
        assert reply["status"] == "OK"
        assert "typing" not in await mine.names()
        assert "typing" not in await strangers.names()
        settings(ServiceSettings={"EnableUserTypingMessages": False})
        assert (await mine.action("user_typing", {"channel_id": channel.id}))["status"] == "OK"
        assert "typing" not in await others.names()

    assert typing.data == {"parent_id": root["id"], "user_id": ada.id}
    assert typing.broadcast["channel_id"] == channel.id
    assert typing.broadcast["omit_users"] == {ada.id: True}
    assert (foreign["status"], foreign["error"]["status_code"]) == ("FAIL", 403)


async def test_typing_in_a_direct_channel_reaches_the_other_side(make: Make, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    channel = await make.direct(ada, bob)

    async with all_of(socket(ada), socket(bob, node=1)) as (mine, others):
        await mine.action("user_typing", {"channel_id": channel.id, "parent_id": ""})
        typing = await others.next("typing")
        assert "typing" not in await mine.names()

    assert typing.data == {"parent_id": "", "user_id": ada.id}
    assert typing.broadcast["channel_id"] == channel.id


@pytest.mark.parametrize(
    "data", [{}, {"channel_id": "x"}, {"channel_id": 1}, {"channel_id": new_id(), "parent_id": "x"}]
)
async def test_bad_typing_is_refused(data: dict[str, Any], make: Make, socket: Sockets) -> None:
    ada = await make.user()

    async with socket(ada) as events:
        reply = await events.action("user_typing", data)

    assert (reply["status"], reply["error"]["status_code"]) == ("FAIL", 400)


async def test_whoever_types_is_a_member(make: Make, socket: Sockets) -> None:
    ada = await make.user()

    async with socket(ada) as events:
        reply = await events.action("user_typing", {"channel_id": new_id(), "parent_id": ""})

    assert (reply["status"], reply["error"]["status_code"]) == ("FAIL", 403)
