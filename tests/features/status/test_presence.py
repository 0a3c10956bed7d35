"""Who is there: sockets and activity become statuses, on all nodes alike."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.db import SQL
from server.features.status import presence, queries
from server.features.status.connections import Connections
from server.features.status.presence import Presence
from server.ids import new_id, now_ms
from tests.clients_of import Client
from tests.features.status.test_routes import becomes, choose, status_of
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.waiting import until, until_gone

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]
Nodes = tuple[TestNode, TestNode]
Leave = Callable[[TestNode, Person], Awaitable[None]]

FORGET_ENDS = SQL("UPDATE status SET dnd_end_time = 0")


async def seen_dead(node: TestNode) -> list[str]:
    """The nodes that a node finds dead and that were not forgotten yet."""
    return (await presence_of(node).connections.beat())[1]


def presence_of(node: TestNode) -> Presence:
    found = node.services.extras[Presence]
    assert isinstance(found, Presence)
    return found


class Clock:
    """The clock of both nodes, so many seconds ahead."""

    def __init__(self) -> None:
        self.ahead = 0
        self.monotonic = time.monotonic

    def time(self) -> float:
        return time.time() + self.ahead

    def now_ms(self) -> int:
        return now_ms() + self.ahead * 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the nodes look at when they look after statuses."""
    clock = Clock()
    monkeypatch.setattr(presence, "time", clock)
    monkeypatch.setattr(presence, "now_ms", clock.now_ms)
    return clock


@pytest.fixture
def gone_for_long(monkeypatch: pytest.MonkeyPatch) -> Leave:
    """`await gone_for_long(node, ada)`: her last socket there has ended, and that a while ago."""
    monkeypatch.setattr(presence, "GRACE_SECONDS", 60.0)

    async def wait(node: TestNode, person: Person) -> None:
        here = presence_of(node)

        async def gone() -> bool:
            return person.id in here._gone

        await until(gone)
        with monkeypatch.context() as patch:
            patch.setattr(presence, "GRACE_SECONDS", 0.0)
            await here._chores()

    return wait


async def test_a_socket_makes_online_and_its_end_offline(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)

    async with socket(ada, node=1):
        online = await becomes(client(bob), ada, "online")
    offline = await becomes(client(bob), ada, "offline")

    assert online["manual"] is False
    assert offline["last_activity_at"] == online["last_activity_at"] > 0


async def test_one_is_offline_when_the_last_socket_on_any_node_is_gone(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, gone_for_long: Leave
) -> None:
    ada, bob = await make.users(2)

    async with socket(ada) as events:
        async with socket(ada, node=1):
            await becomes(client(bob), ada, "online")
        await gone_for_long(two_nodes[1], ada)
        assert (await status_of(client(bob), ada))["status"] == "online"
        assert (await status_of(client(bob, node=1), ada))["status"] == "online"
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]
    assert told == ["online"]
    await gone_for_long(two_nodes[0], ada)
    await becomes(client(bob, node=1), ada, "offline")


async def test_who_is_back_at_once_was_never_offline(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, gone_for_long: Leave
) -> None:
    ada = await make.user()
    async with socket(ada):
        await becomes(client(ada), ada, "online")

    async with socket(ada, node=1) as events:
        await presence_of(two_nodes[1]).flush()
        await gone_for_long(two_nodes[0], ada)
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]

    assert told == []


async def test_who_is_online_already_is_not_written_again(make: Make, two_nodes: Nodes, socket: Sockets) -> None:
    ada = await make.user()
    here = presence_of(two_nodes[0])
    async with socket(ada):
        await here.flush()
        before = (await queries.statuses(two_nodes[0].services.db, [ada.id]))[0]

        async with socket(ada):
            await here.flush()
            after = (await queries.statuses(two_nodes[0].services.db, [ada.id]))[0]

    assert before.status == "online"
    assert after == before


async def test_who_comes_while_another_node_sets_offline_is_online(
    make: Make, two_nodes: Nodes, socket: Sockets
) -> None:
    ada = await make.user()
    here, there = map(presence_of, two_nodes)
    async with socket(ada):
        await here.flush()
        rows = await queries.set_offline(two_nodes[1].services.db, [ada.id])
        await there.tell(rows, rows)

        async with socket(ada):
            await here.flush()
            stored = await queries.statuses(two_nodes[0].services.db, [ada.id])

    assert [row.status for row in rows] == ["offline"]
    assert [row.status for row in stored] == ["online"]


async def test_who_chooses_while_online_is_being_told_hears_of_the_choice_last(
    make: Make, client: Clients, two_nodes: Nodes, socket: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    set_active = queries.set_active
    written, chosen = asyncio.Event(), asyncio.Event()

    async def slow(db: Any, times: Any) -> Any:
        rows = await set_active(db, times)
        if ada.id in times:
            written.set()
            await chosen.wait()
        return rows

    monkeypatch.setattr(queries, "set_active", slow)
    async with socket(ada) as events:
        await written.wait()
        await choose(client(ada), ada, "away")
        chosen.set()
        await presence_of(two_nodes[0]).flush()
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]

    assert told == ["away"]


async def test_a_chosen_status_outlives_sockets_and_activity(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, gone_for_long: Leave
) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    await choose(client(ada), ada, "dnd")

    async with socket(ada) as events:
        await make.post(ada, channel)
        assert (await events.action("user_update_active_status", {"user_is_active": True}))["status"] == "OK"
        assert (await status_of(client(ada), ada))["status"] == "dnd"
    await gone_for_long(two_nodes[0], ada)
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
    await becomes(client(bob, node=1), ada, "online")


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
        away = await becomes(client(bob), ada, "away")
        assert away["manual"] is False
        assert (await client(bob).get(f"/users/{ada.id}/status")).ok() == away
        await events.until_now()
        await events.action("user_update_active_status", {"user_is_active": True})
        assert (await events.next("status_change")).data["status"] == "online"


async def test_activity_on_another_node_keeps_online(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, clock: Clock
) -> None:
    ada, bob = await make.users(2)
    here, there = map(presence_of, two_nodes)

    async with socket(ada), socket(ada, node=1) as active:
        await becomes(client(bob), ada, "online")
        for _ in range(3):
            clock.ahead += 200  # of 300 seconds
            await active.action("user_update_active_status", {"user_is_active": True})
            await there.flush()
            await here._check_away()
            assert (await status_of(client(bob), ada))["status"] == "online"
        clock.ahead += 301
        await here._check_away()
        await becomes(client(bob), ada, "away")


async def test_asking_and_pinging_is_no_activity(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, clock: Clock
) -> None:
    ada, bob = await make.users(2)
    here = presence_of(two_nodes[0])

    async with socket(ada) as events:
        await becomes(client(bob), ada, "online")
        clock.ahead += 200
        await events.action("ping")
        await events.action("get_statuses")
        (await client(ada).get(f"/users/{bob.id}")).ok()
        await here.flush()
        clock.ahead += 101
        await here._check_away()
        await becomes(client(bob), ada, "away")


async def test_do_not_disturb_ends_by_itself_and_the_status_before_it_is_back(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, clock: Clock
) -> None:
    ada = await make.user()
    end = int(time.time()) + 3600
    async with socket(ada) as events:
        await choose(client(ada), ada, "away")
        for _ in range(2):
            assert (await choose(client(ada, node=1), ada, "dnd", dnd_end_time=end))["dnd_end_time"] == end
        clock.ahead = 3000
        for node in two_nodes:
            await presence_of(node)._chores()
        assert (await status_of(client(ada), ada))["status"] == "dnd"
        clock.ahead = 3600
        restored = await becomes(client(ada), ada, "away")
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]

    assert (restored["manual"], restored["dnd_end_time"]) == (True, 0)
    assert told[-3:] == ["away", "dnd", "away"]
    assert told.count("away") == 2  # once chosen, once given back, although two nodes look after it


async def test_choosing_anew_takes_the_end_away(make: Make, client: Clients, two_nodes: Nodes, clock: Clock) -> None:
    ada, bob = await make.users(2)
    for person in (ada, bob):
        await choose(client(person), person, "dnd", dnd_end_time=int(time.time()) + 3600)

    chosen = await choose(client(ada), ada, "dnd")
    clock.ahead = 3600
    for node in two_nodes:
        await presence_of(node)._restore()

    assert chosen["dnd_end_time"] == 0
    await becomes(client(ada), bob, "offline")
    assert (await status_of(client(ada), ada))["status"] == "dnd"


async def test_an_end_that_is_chosen_while_the_next_one_is_looked_up_is_not_forgotten(
    make: Make, client: Clients, two_nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    here = presence_of(two_nodes[0])
    await two_nodes[0].services.db.run(FORGET_ENDS)
    next_end = queries.next_end
    looked, chosen = asyncio.Event(), asyncio.Event()

    async def slow(db: Any) -> int | None:
        found = await next_end(db)
        looked.set()
        await chosen.wait()
        return found

    monkeypatch.setattr(queries, "next_end", slow)
    looking = asyncio.create_task(here._restore())
    await looked.wait()
    end = int(time.time()) + 3600
    await choose(client(ada, node=1), ada, "dnd", dnd_end_time=end)
    await two_nodes[0].services.bus.fence()
    chosen.set()
    await looking

    assert here._next_end == end


async def test_a_client_can_say_that_its_user_is_away(
    make: Make, client: Clients, socket: Sockets, settings: Settings
) -> None:
    ada = await make.user()

    async with socket(ada) as events:
        await becomes(client(ada), ada, "online")
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

    await becomes(client(bob), ada, "offline")

    assert (await status_of(client(bob), bob))["status"] == "away"  # chosen
    await until_gone(lambda: seen_dead(two_nodes[0]))


async def test_who_moved_from_a_dead_node_to_another_stays_online(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes
) -> None:
    ada = await make.user()
    dead = Connections(two_nodes[0].services.bus, new_id(), seconds=0.05)
    await dead.add([ada.id])
    await dead.beat()

    async with socket(ada, node=1) as events:
        await becomes(client(ada), ada, "online")
        await presence_of(two_nodes[1]).flush()  # it may be seen before it is told
        await until_gone(lambda: seen_dead(two_nodes[0]))
        told = [event.data["status"] for event in await events.until_now() if event.name == "status_change"]

    assert told == ["online"]


async def test_a_forgetful_redis_is_told_again_who_is_here(
    make: Make, client: Clients, socket: Sockets, two_nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    bus = two_nodes[1].services.bus
    here = presence_of(two_nodes[1])
    beat = here.connections.beat
    forgotten = asyncio.Event()

    async def later() -> tuple[bool, list[str]]:
        await forgotten.wait()
        return await beat()

    monkeypatch.setattr(here.connections, "beat", later)
    async with socket(ada, node=1):
        await becomes(client(ada), ada, "online")
        for key in await bus.command("KEYS", f"{bus.names.prefix}presence:*"):
            await bus.command("DEL", key)
        assert await here.connections.absent([ada.id]) == [ada.id]
        forgotten.set()
        await until_gone(lambda: here.connections.absent([ada.id]))
        assert (await status_of(client(ada), ada))["status"] == "online"


async def test_statuses_are_asked_for_over_the_socket(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    await choose(client(bob), bob, "dnd")

    async with socket(ada) as events:
        await becomes(client(ada), ada, "online")
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
