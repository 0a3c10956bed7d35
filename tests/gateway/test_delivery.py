"""Which connection gets which event, in which form and order."""

import asyncio

import msgpack
import pytest

from server.bus.event import Audience
from server.bus.signals import Joined, Left
from tests.gateway.conftest import Stage, World, until
from tests.gateway.events import Told, Typing, for_user, in_channel


async def test_hello_and_events_count_up(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c", "team:t")
    client = await stage.hello(two, ada)

    await one.bus.publish([in_channel(1), for_user(2, ada), Told(text="3", to=Audience(team_id="t"))])
    await one.bus.publish([Told(text="4", to=Audience()), in_channel("elsewhere", "d")])
    await two.bus.publish([in_channel(5)])

    await until(lambda: len(client.events) == 6)
    hello = client.events[0]
    assert hello["event"] == "hello"
    assert hello["data"] == {"connection_id": client.id, "server_version": "1.2.3"}
    assert hello["broadcast"]["user_id"] == ada
    assert client.texts == ["1", "2", "3", "4", "5"]
    assert client.seqs == [0, 1, 2, 3, 4, 5]
    assert all(str(raw).endswith("}\n") for raw in client.raw)
    assert client.events[1] == {
        "event": "told_in_test",
        "data": {"text": "1"},
        "broadcast": {
            "omit_users": None,
            "user_id": "",
            "channel_id": "c",
            "team_id": "",
            "connection_id": "",
            "omit_connection_id": "",
        },
        "seq": 1,
    }


async def test_all_connections_of_a_user_get_the_same(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    clients = [await stage.hello(node, user) for node in (one, two) for user in (ada, ada, bob)]
    for number in range(50):
        await one.bus.publish([in_channel(number)])
    await until(lambda: all(len(client.events) == 51 for client in clients))
    for client in clients:
        assert client.texts == [str(number) for number in range(50)]
        assert client.seqs == list(range(51))


async def test_what_may_be_left_out_waits_a_moment_and_goes_out_along_with_what_follows(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    clients = [await stage.hello(node, user) for user in (ada, bob)]
    typing = Typing(text="typing", to=Audience(channel_id="c"))
    stats = node.gateway.stats

    await node.bus.publish([typing])
    await until(lambda: all(client.texts == ["typing"] for client in clients))
    monkeypatch.setattr("server.gateway.hub.TRANSIENT_SECONDS", 60.0)
    before = stats.writes
    await node.bus.publish([typing])
    await until(lambda: stats.deliveries == 4)
    assert stats.writes == before
    await node.bus.publish([in_channel("message")])

    await until(lambda: all(client.texts == ["typing", "typing", "message"] for client in clients))
    assert stats.writes == before + 2
    assert [client.seqs for client in clients] == [[0, 1, 2, 3]] * 2


async def test_events_that_come_together_keep_their_order(stage: Stage, world: World) -> None:
    """Whatever is said at once goes into a connection's log at once, but not past what is for some only."""
    node = await stage.node()
    ada, bob, new = world.user("channel:c", "channel:d"), world.user("channel:c"), world.user()
    plain = [await stage.hello(node, user) for user in (ada, bob, new)]
    packed, deflated = (
        await stage.hello(node, ada, "?format=msgpack"),
        await stage.hello(node, ada, compression="deflate"),
    )
    deliveries = node.gateway.stats.deliveries
    many = [in_channel(f"c{number} " + "long " * 80) for number in range(80)]
    await node.bus.publish(
        [
            in_channel("1"),
            in_channel("2"),
            Typing(text="3", to=Audience(channel_id="c", omit_user=bob)),
            in_channel("4", "d"),
            in_channel("5", "d"),
            Told(text="6", to=Audience(channel_id="c"), mentions=(bob,)),
            in_channel("7"),
            Joined(user_id=new, rooms=("channel:c",)),
            in_channel("8"),
            in_channel("9"),
            Left(user_id=bob, rooms=("channel:c",)),
            *many,
            in_channel("end"),
        ]
    )
    tail = [*(f"c{number} " + "long " * 80 for number in range(80)), "end"]
    wanted = [["1", "2", "3", "4", "5", "6", "7", "8", "9", *tail], ["1", "2", "6", "7", "8", "9"], ["8", "9", *tail]]
    await until(lambda: [client.texts for client in plain] == wanted)
    assert [client.seqs for client in plain] == [list(range(1 + len(texts))) for texts in wanted]
    assert plain[1].events[3]["data"]["mentions"] == f'["{bob}"]'
    await until(lambda: deflated.texts == wanted[0] and len(packed.raw) == 1 + len(wanted[0]))
    assert [msgpack.unpackb(raw)["data"].get("text") for raw in packed.raw if isinstance(raw, bytes)][1:] == wanted[0]
    assert node.gateway.stats.deliveries - deliveries == sum(map(len, wanted)) + 2 * len(wanted[0])


async def test_omitted_users_and_connections_get_nothing(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    first, second, other = [await stage.hello(node, user) for user in (ada, ada, bob)]

    await node.bus.publish(
        [
            in_channel("not ada", omit_user=ada),
            in_channel("not first", omit_connection_id=first.id),
            in_channel("only second", connection_id=second.id),
            in_channel("end"),
        ]
    )

    await until(lambda: "end" in first.texts and "end" in second.texts and "end" in other.texts)
    assert first.texts == ["end"]
    assert second.texts == ["not first", "only second", "end"]
    assert other.texts == ["not ada", "not first", "end"]
    assert other.events[1]["broadcast"]["omit_users"] == {ada: True}
    assert other.events[2]["broadcast"]["omit_connection_id"] == first.id
    assert other.seqs == [0, 1, 2, 3]


async def test_sanitized_and_sensitive_events_split_by_role(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada, root = world.user("channel:c"), world.user("channel:c")
    world.admins.add(root)
    user, admin = await stage.hello(node, ada), await stage.hello(node, root)

    little, much = in_channel("little", sanitized=True), in_channel("much", sensitive=True)
    await node.bus.publish([little, much, in_channel("end")])

    await until(lambda: "end" in user.texts and "end" in admin.texts)
    assert user.texts == ["little", "end"]
    assert admin.texts == ["much", "end"]
    assert user.events[1]["broadcast"]["contains_sanitized_data"] is True
    assert admin.events[1]["broadcast"]["contains_sensitive_data"] is True
    assert "contains_sanitized_data" not in user.events[2]["broadcast"]


async def test_members_of_a_direct_channel_are_reached_as_users(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada, bob, eve = world.user(), world.user(), world.user()
    clients = [await stage.hello(node, user) for user in (ada, bob, eve)]
    await node.bus.publish(
        [Told(text="psst", to=Audience(channel_id="dm", user_ids=(ada, bob))), Told(text="end", to=Audience())]
    )
    await until(lambda: all("end" in client.texts for client in clients))
    assert [client.texts for client in clients] == [["psst", "end"], ["psst", "end"], ["end"]]
    assert clients[0].events[1]["broadcast"]["channel_id"] == "dm"
    assert clients[0].events[1]["broadcast"]["user_id"] == ""


async def test_a_mention_is_seen_only_by_who_is_mentioned(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    mentioned, other, binary = [
        await stage.hello(node, ada),
        await stage.hello(node, bob),
        await stage.hello(node, ada, "?format=msgpack"),
    ]

    await node.bus.publish([Told(text="@ada", to=Audience(channel_id="c"), mentions=(ada,), post={"id": "p"})])

    await until(lambda: len(mentioned.events) == len(other.events) == len(binary.raw) == 2)
    assert mentioned.events[1]["data"] == {"text": "@ada", "mentions": f'["{ada}"]', "post": '{"id":"p"}'}
    assert other.events[1]["data"] == {"text": "@ada", "post": '{"id":"p"}'}


async def test_joining_and_leaving_act_from_their_place_in_the_order(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada, bob = world.user(), world.user("channel:c")
    client, other = await stage.hello(two, ada), await stage.hello(one, bob)

    await one.bus.publish([in_channel(1), Joined(user_id=ada, rooms=("channel:c",)), in_channel(2), in_channel(3)])
    await one.bus.publish([in_channel(4), Left(user_id=ada, rooms=("channel:c",)), in_channel(5)])
    await one.bus.publish([for_user("end", ada), for_user("end", bob)])

    await until(lambda: "end" in client.texts and "end" in other.texts)
    assert client.texts == ["2", "3", "4", "end"]
    assert other.texts == ["1", "2", "3", "4", "5", "end"]
    assert client.seqs == list(range(5))


async def test_nothing_is_lost_between_query_and_hello(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user()

    async def join_meanwhile() -> None:
        await two.bus.publish([Joined(user_id=ada, rooms=("channel:c",))])
        await asyncio.sleep(0.02)

    world.before_rooms = join_meanwhile
    client = await stage.hello(one, ada)
    await two.bus.publish([in_channel("after hello")])
    await until(lambda: client.texts == ["after hello"])


async def test_users_are_forgotten_some_time_after_the_last_connection(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    client = await stage.hello(node, ada)
    assert node.gateway.connections_of(ada) == 1
    await client.drop()
    await until(lambda: node.gateway.connections_of(ada) == 0)
    assert node.gateway.hub.rooms  # still there for a client that resumes
    for connection in list(node.gateway._registry.connections.values()):
        node.gateway._registry.discard(connection)
    node.gateway.hub.users[ada].leaves_at = 0
    node.gateway.hub.sweep()
    assert not node.gateway.hub.rooms
    assert not node.gateway.hub.users
    again = await stage.hello(node, ada)
    await node.bus.publish([in_channel("back")])
    await until(lambda: again.texts == ["back"])


async def test_listeners_hear_of_coming_going_and_doing(stage: Stage, world: World) -> None:
    node = await stage.node()
    heard: list[object] = []
    node.gateway.on_connected.append(lambda user: heard.append(("on", user)))
    node.gateway.on_disconnected.append(lambda user, last: heard.append(("off", user, last)))
    node.gateway.on_activity.append(lambda user: heard.append(("active", user)))
    ada = world.user()
    first, second = await stage.hello(node, ada), await stage.hello(node, ada)
    await first.ask("ping")
    await first.ask("echo", {"text": "x"})
    await first.drop()
    await until(lambda: len(heard) == 4)
    await second.close()
    await until(lambda: len(heard) == 5)
    assert heard == [("on", ada), ("on", ada), ("active", ada), ("off", ada, False), ("off", ada, True)]
