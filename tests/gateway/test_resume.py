"""Resuming: exactly the missed events, on any node, or an honest new start."""

import asyncio
import random

import pytest

from server.bus.event import Audience
from server.bus.scripts import PUBLISH
from server.bus.signals import EventsLost, Joined, Left
from server.gateway.registry import Registry
from tests.gateway.conftest import Client, GatewayNode, Stage, World, until
from tests.gateway.events import Told, Typing, for_user, in_channel


async def saved(node: GatewayNode) -> None:
    """Wait until the node has saved the marks of its connections after now."""
    await node.bus.fence()
    connections = [one for one in node.gateway._registry.connections.values() if one.transport]
    await until(lambda: all(one.saved_seq == one.next_seq and one.saved_at for one in connections))
    saving = node.gateway._saving
    if saving is not None:
        await asyncio.wait([saving])


def told(*clients: Client) -> list[str]:
    """The texts of the events that a person saw over several connections."""
    return [text for client in clients for text in client.texts]


async def test_on_the_same_node_the_missed_events_come_again(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(node, ada)
    await node.bus.publish([in_channel(1), in_channel(2)])
    await first.wait(3)
    await first.drop()
    await node.bus.publish([in_channel(3), for_user(4, ada)])

    second = await stage.resume(node, ada, first)
    await node.bus.publish([in_channel(5)])

    await second.wait(3)
    assert told(first, second) == ["1", "2", "3", "4", "5"]
    assert first.seqs + second.seqs == list(range(6))
    assert node.gateway.stats.replays_here == 1


async def test_sent_but_unseen_events_come_again(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(node, ada)
    await node.bus.publish([in_channel(number) for number in range(1, 100)])
    await first.wait(100)
    second = await stage.resume(node, ada, first, seq=50)
    await second.wait(50)
    assert second.seqs == list(range(50, 100))
    assert second.texts == [str(number) for number in range(50, 100)]
    await first.wait_closed()


async def test_with_nothing_missed_there_is_no_hello(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(node, ada)
    await first.close()
    second = await stage.resume(node, ada, first)
    assert (await second.ask("ping"))["status"] == "OK"
    assert second.events == []
    await node.bus.publish([in_channel(1)])
    await second.wait(1)
    assert second.seqs == [1]


@pytest.mark.parametrize("seq", [300, 5])
async def test_a_seq_that_is_not_there_starts_anew(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch, seq: int
) -> None:
    monkeypatch.setattr("server.gateway.resume.MARK_SECONDS", 60.0)
    monkeypatch.setattr("server.gateway.resume.MARK_EVENTS", 1000)  # the mark of its beginning is the only one
    node = await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(node, ada)
    for count in range(50, 251, 50):  # all at once would be more than may wait for a client
        await node.bus.publish([in_channel("x" * 5000) for _ in range(50)])
        await first.wait(count + 1)
    await until(lambda: all(one.saved_at for one in node.gateway._registry.connections.values()))
    await first.drop()
    second = await stage.resume(node, ada, first, seq=seq)
    await second.wait(1)
    if seq == 5:  # too old for the ring, but the streams still have it
        await second.wait(246)
        assert second.seqs == list(range(5, 251))
    else:
        assert second.events[0]["event"] == "hello"
        assert second.seqs == [0]
        assert second.id != first.id


async def test_on_another_node_after_a_crash(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c", "team:t")
    first = await stage.hello(one, ada)
    await two.bus.publish([in_channel(1), for_user(2, ada)])
    await first.wait(3)
    await saved(one)
    await two.bus.publish([Told(text="3", to=Audience(team_id="t")), in_channel("not for ada", omit_user=ada)])
    await first.wait(4)
    await one.crash()
    await two.bus.publish([in_channel(4), in_channel("d", "d"), Told(text="5", to=Audience())])
    await two.bus.publish([in_channel(6, omit_connection_id=first.id), in_channel(6, connection_id=first.id)])

    second = await stage.resume(two, ada, first)
    await two.bus.publish([in_channel(7)])

    await second.wait(4)
    await asyncio.sleep(0.05)
    assert told(first, second) == ["1", "2", "3", "4", "5", "6", "7"]
    assert first.seqs + second.seqs == list(range(8))
    assert two.gateway.stats.replays_elsewhere == 1


async def test_a_draining_node_hands_over(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    users = [world.user("channel:c") for _ in range(10)]
    firsts = [await stage.hello(one, user) for user in users]
    stop = asyncio.Event()
    sent: list[str] = []

    async def talk() -> None:
        while not stop.is_set():
            sent.append(str(len(sent)))
            await two.bus.publish([in_channel(sent[-1])])
            await asyncio.sleep(0.001)

    async def move(user: str, first: Client) -> Client:
        await first.wait_closed()
        assert first.close_code == 1001
        return await stage.resume(two, user, first)

    talking = asyncio.ensure_future(talk())
    await asyncio.sleep(0.05)
    moving = [asyncio.ensure_future(move(user, first)) for user, first in zip(users, firsts, strict=True)]
    await one.gateway.drain(0.5)
    seconds = await asyncio.gather(*moving)
    await asyncio.sleep(0.1)
    stop.set()
    await talking

    await until(lambda: all(told(*pair)[-1:] == sent[-1:] for pair in zip(firsts, seconds, strict=True)))
    for first, second in zip(firsts, seconds, strict=True):
        assert told(first, second) == sent
        assert first.seqs + second.seqs == list(range(len(sent) + 1))


async def test_clients_that_wander_between_nodes_miss_nothing(stage: Stage, world: World) -> None:
    nodes = [await stage.node(), await stage.node(), await stage.node()]
    ada = world.user("channel:c", "channel:d")
    chance = random.Random(4)
    sent: list[str] = []
    stop = asyncio.Event()

    async def talk() -> None:
        while not stop.is_set():
            sent.append(str(len(sent)))
            room = chance.choice("cd")
            await chance.choice(nodes).bus.publish([in_channel(sent[-1], room), in_channel("x", "elsewhere")])
            await asyncio.sleep(chance.random() * 0.004)

    client = await stage.hello(nodes[0], ada)
    await saved(nodes[0])
    trail, seen = [client], list[int]()
    talking = asyncio.ensure_future(talk())
    for step in range(12):
        await asyncio.sleep(chance.random() * 0.3)
        if step % 3 != 1:
            await client.drop()
        node = chance.choice(nodes)
        seen.append(trail[-1].seqs[-1])
        token = world.token(ada)
        client = await stage.open(node, token, f"?connection_id={trail[0].id}&sequence_number={seen[-1] + 1}")
        await client.wait(1)
        trail.append(client)
    stop.set()
    await talking

    await until(lambda: told(trail[-1])[-1:] == sent[-1:])
    for left, last in zip(trail, seen, strict=False):  # what came on after the client had gone, it heard elsewhere
        left.frames = [frame for frame in left.frames if frame.get("seq", 0) <= last]
    assert told(*trail) == sent
    assert [seq for client in trail for seq in client.seqs] == list(range(len(sent) + 1))


async def test_the_node_before_gives_up_its_copy(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(one, ada)
    await saved(one)
    second = await stage.resume(two, ada, first)
    assert (await second.ask("ping"))["status"] == "OK"
    await first.wait_closed()
    assert first.id not in one.gateway._registry.connections
    await one.bus.publish([in_channel(1)])
    await second.wait(1)
    assert second.seqs == [1]
    assert one.gateway.connections_of(ada) == 0


async def test_a_node_that_did_not_hear_of_it_learns_by_its_next_save(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(one, ada)
    await saved(one)
    one.bus._handlers.clear()
    second = await stage.resume(two, ada, first)
    await until(lambda: two.gateway.stats.replays_elsewhere == 1)
    await one.bus.publish([in_channel(1)])
    await second.wait(1)
    await first.wait_closed()
    assert first.id not in one.gateway._registry.connections


async def test_nobody_resumes_another_users_connection(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada, eve = world.user("channel:c"), world.user()
    first = await stage.hello(one, ada)
    await one.bus.publish([in_channel("secret")])
    await first.wait(2)
    await saved(one)
    for node in (one, two):
        thief = await stage.resume(node, eve, first, seq=0)
        await thief.wait(1)
        assert thief.events[0]["event"] == "hello"
        assert thief.id != first.id
    await first.drop()
    for node in (two, one):
        thief = await stage.resume(node, eve, first, seq=1)
        await thief.wait(1)
        assert thief.texts == []
        assert thief.id != first.id
    await one.bus.publish([in_channel("more")])
    mine = await stage.resume(two, ada, first)
    await mine.wait(1)
    assert (mine.texts, mine.seqs) == (["more"], [2])


@pytest.mark.parametrize(
    "query",
    [
        "?connection_id=short&sequence_number=1",
        "?connection_id=" + "a" * 26,
        "?connection_id=" + "a" * 26 + "&sequence_number=-1",
    ],
)
async def test_senseless_parameters_close_the_socket(stage: Stage, world: World, query: str) -> None:
    node = await stage.node()
    client = await stage.open(node, world.token(world.user()), query)
    await client.wait_closed()
    assert client.events == []


async def test_an_unknown_connection_starts_anew(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.open(node, world.token(world.user()), f"?connection_id={'a' * 26}&sequence_number=3")
    await client.wait(1)
    assert client.events[0]["event"] == "hello"
    assert client.id != "a" * 26


async def test_a_challenge_never_resumes(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user()
    first = await stage.hello(node, ada)
    await first.drop()
    client = await stage.open(node, "", f"?connection_id={first.id}&sequence_number=1")
    await client.ask("authentication_challenge", {"token": world.token(ada)})
    await client.wait(1)
    assert client.events[0]["event"] == "hello"
    assert client.id != first.id


async def test_rooms_joined_and_left_meanwhile_are_accounted_for(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c", "channel:x")
    first = await stage.hello(one, ada)
    await saved(one)
    await one.crash()
    await two.bus.publish([in_channel(1), in_channel("too early", "d"), Joined(user_id=ada, rooms=("channel:d",))])
    await two.bus.publish([in_channel(2, "d"), in_channel(3, "x"), Left(user_id=ada, rooms=("channel:x",))])
    await two.bus.publish([in_channel("too late", "x"), in_channel(4, "d"), Left(user_id=ada, rooms=("channel:d",))])
    await two.bus.publish([in_channel("too late", "d"), Joined(user_id=ada, rooms=("channel:d",)), in_channel(5, "d")])
    world.rooms[ada] = ["channel:c", "channel:d"]

    second = await stage.resume(two, ada, first)
    await second.wait(5)
    assert second.texts == ["1", "2", "3", "4", "5"]
    assert second.seqs == [1, 2, 3, 4, 5]


async def test_rooms_that_make_no_sense_start_anew(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(one, ada)
    await saved(one)
    await one.crash()
    await two.bus.publish([Joined(user_id=ada, rooms=("channel:d",))])  # but the database doesn't say so

    second = await stage.resume(two, ada, first)
    await second.wait(1)
    assert second.events[0]["event"] == "hello"


@pytest.mark.parametrize("room", ["channel:c", "user", "nodes"])
async def test_trimmed_streams_start_anew(stage: Stage, world: World, room: str) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(one, ada)
    await saved(one)
    await one.crash()
    topic = f"user:{ada}" if room == "user" else room
    await two.bus.publish([in_channel(1), for_user(2, ada), EventsLost(missed=("channel:other",))])
    await two.bus.command("DEL", two.bus.names.log(topic))

    second = await stage.resume(two, ada, first)
    await second.wait(1)
    assert second.events[0]["event"] == "hello"
    assert second.id != first.id


async def test_events_that_no_node_could_publish_start_anew(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(one, ada)
    await saved(one)
    await one.crash()
    await two.bus.publish([EventsLost(missed=("channel:c",))])
    second = await stage.resume(two, ada, first)
    await second.wait(1)
    assert second.events[0]["event"] == "hello"


async def test_another_form_or_role_starts_anew(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    for node in (one, two):
        first = await stage.hello(one, ada)
        await saved(one)
        query = f"?connection_id={first.id}&sequence_number=1"
        other = await stage.open(node, world.token(ada), f"{query}&format=msgpack")
        await other.wait_raw(1)
        assert b"hello" in bytes(other.raw[0])  # type: ignore[arg-type]
    first = await stage.hello(one, ada)
    await saved(one)
    world.admins.add(ada)
    second = await stage.resume(two, ada, first)
    await second.wait(1)
    assert second.events[0]["event"] == "hello"


async def test_clients_that_stay_away_are_bounded(stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    monkeypatch.setattr("server.gateway.registry.AWAY_LIMIT", 3)
    clients = [await stage.hello(node, ada) for _ in range(5)]
    await saved(node)
    for left, client in zip((4, 3, 2, 1, 0), clients, strict=True):
        await client.drop()
        await until(lambda left=left: node.gateway.stats.sockets == left)  # type: ignore[misc]
    registry: Registry = node.gateway._registry
    assert node.gateway.stats.away == 3
    assert set(registry.connections) == {client.id for client in clients[2:]}
    await node.bus.publish([in_channel(number) for number in range(300)])
    await until(lambda: node.gateway.stats.away == 0)
    assert registry.connections == {}
    back = await stage.resume(node, ada, clients[4])
    await back.wait(300)  # from the streams
    assert back.texts == [str(number) for number in range(300)]


async def test_a_gap_that_was_filled_late_is_still_resumed_right(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.bus.subscriber.CHECK_SECONDS", 60.0)  # it would fill the gap before the next event
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c", "channel:d")
    first = await stage.hello(one, ada)
    await saved(one)
    publisher = two.bus.publisher
    silent = PUBLISH.replace("call('PUBLISH', prefix .. topic, message)", "")
    script, publisher._script = publisher._script, await two.bus.command("SCRIPT", "LOAD", silent)
    await two.bus.publish([in_channel("lost at first")])
    publisher._script = script
    await two.bus.publish([in_channel("before", "d")])
    await first.wait(2)
    await two.bus.publish([in_channel("after")])
    await first.wait(4)
    assert first.texts == ["before", "lost at first", "after"]
    await one.crash()
    await two.bus.publish([in_channel("missed")])

    second = await stage.resume(two, ada, first)
    await second.wait(1)
    assert second.texts == ["missed"]
    assert second.seqs == [4]
    third = await stage.resume(two, ada, first, seq=1)
    await third.wait(1)
    assert third.events[0]["event"] == "hello"


async def test_transient_events_are_replayed_like_all_others(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    first = await stage.hello(one, ada)
    await saved(one)
    await one.crash()
    await two.bus.publish([Typing(text="t", to=Audience(channel_id="c")), in_channel(1)])
    second = await stage.resume(two, ada, first)
    await second.wait(2)
    assert second.texts == ["t", "1"]
