"""The bus between two nodes over a real Redis: order, gaps, losses."""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import uvloop

from server.bus.bus import Bus
from server.bus.envelope import Envelope
from server.bus.event import Audience, Event
from server.bus.redis import ANSWER_SECONDS, Address, RedisConnection
from server.bus.scripts import PUBLISH
from server.bus.signals import ConfigChanged, EventsLost, Invalidate, Joined, SessionsEnded
from server.engines.redis import Redis
from tests.bus.conftest import NewNode, Node, until


class Said(Event, frozen=True, kw_only=True):
    """Somebody said something in a channel."""

    name: ClassVar[str] = "said_in_test"
    channel_id: str
    text: str
    once: str = ""

    def audience(self) -> Audience:
        return Audience(channel_id=self.channel_id)

    def envelope_id(self) -> str:
        return self.once


class Whispered(Event, frozen=True, kw_only=True):
    """Somebody said something to a few users."""

    name: ClassVar[str] = "whispered_in_test"
    to: tuple[str, ...]
    text: str

    def audience(self) -> Audience:
        return Audience(user_ids=self.to)


def said(text: object, channel_id: str = "c") -> Said:
    return Said(channel_id=channel_id, text=str(text))


async def raw(url: str, script: str, *words: Any) -> Any:
    """Run a script beside the bus."""
    connection = await RedisConnection.open(Address.parse(url))
    answer = await connection.command("EVAL", script, 0, *words)
    connection.close()
    return answer


async def publish_unheard(node: Node, url: str, *events: Said) -> None:
    """Publish so that no subscriber gets the message: it is in the stream only."""
    silent = PUBLISH.replace("call('PUBLISH', prefix .. topic, message)", "")
    assert silent != PUBLISH
    publisher = node.bus.publisher
    script, publisher._script = publisher._script, await publisher._connection.command("SCRIPT", "LOAD", silent)  # type: ignore[union-attr]
    assert await node.bus.publish(events)
    publisher._script = script


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks by himself whether something was lost in silence."""
    monkeypatch.setattr("server.bus.subscriber.CHECK_SECONDS", 60.0)


async def test_events_of_many_publishers_arrive_everywhere_in_one_order(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    for node in (one, two):
        await node.bus.subscribe(["channel:c", "channel:d"])

    async def publish(node: Node, who: str) -> None:
        for number in range(50):
            assert await node.bus.publish([said(f"{who}{number}", "cd"[number % 2])])

    await asyncio.gather(*(publish(node, f"{index}-{k}-") for k in range(3) for index, node in enumerate((one, two))))

    await until(lambda: len(one.heard.events) == len(two.heard.events) == 300)
    assert one.heard.texts == two.heard.texts
    positions = [envelope.position for _, envelope in one.heard.events]
    assert positions == sorted(positions)
    for index in range(2):
        for k in range(3):
            mine = [text for text in one.heard.texts if text.startswith(f"{index}-{k}-")]
            assert mine == [f"{index}-{k}-{number}" for number in range(50)]


async def test_only_subscribed_topics_arrive(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    await one.bus.subscribe(["user:ada"])
    await two.bus.subscribe(["user:bob"])

    await one.bus.publish([Whispered(to=("ada", "eve"), text="1"), Whispered(to=("bob", "ada"), text="2"), said(3)])
    await one.bus.publish([Whispered(to=("bob",), text="4")])

    await until(lambda: two.heard.texts == ["2", "4"])
    await one.bus.fence()
    assert one.heard.texts == ["1", "2"]


async def test_after_unsubscribing_nothing_arrives(new_node: NewNode) -> None:
    node = await new_node()
    await node.bus.subscribe(["channel:c"])
    await node.bus.publish([said(1)])
    await until(lambda: node.heard.texts == ["1"])
    node.bus.unsubscribe(["channel:c"])
    await node.bus.publish([said(2)])
    await node.bus.subscribe(["channel:c"])
    await node.bus.publish([said(3)])
    await until(lambda: len(node.heard.events) == 2)
    assert node.heard.texts == ["1", "3"]


@pytest.mark.usefixtures("unchecked")
async def test_lost_messages_are_filled_in_before_the_next_one(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c", "channel:d"])
    await one.bus.publish([said(1)])

    await publish_unheard(one, redis_server.url, said(2), said(3))
    await one.bus.publish([said(4), said(5, "d"), said(6)])

    await until(lambda: len(two.heard.events) == 6)
    assert two.heard.texts == ["1", "2", "3", "4", "5", "6"]
    assert not any(envelope.late for _, envelope in two.heard.events)
    assert two.heard.lost == []
    assert two.bus.subscriber.gaps == 1
    assert two.bus.subscriber.filled == 2


@pytest.mark.usefixtures("unchecked")
async def test_a_silent_loss_is_found_by_the_check(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c", "channel:d"])
    await publish_unheard(one, redis_server.url, said(1))
    await one.bus.publish([said(2, "d")])
    await until(lambda: two.heard.texts == ["2"])

    await two.bus.subscriber.check()

    assert two.heard.texts == ["2", "1"]
    assert [envelope.late for _, envelope in two.heard.events] == [False, True]


async def test_the_check_takes_nothing_for_lost_that_is_on_its_way(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])

    async def publish() -> None:
        for number in range(300):
            await one.bus.publish([said(number)])

    async def check() -> None:
        for _ in range(300):
            await two.bus.subscriber.check()

    await asyncio.gather(publish(), check())
    await until(lambda: len(two.heard.events) == 300)
    assert two.bus.subscriber.gaps == 0


@pytest.mark.usefixtures("unchecked")
async def test_what_the_stream_no_longer_has_is_reported(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    await one.bus.publish([said(1)])
    await publish_unheard(one, redis_server.url, said(2))
    await raw(redis_server.url, "return redis.call('DEL', ARGV[1])", one.bus.names.log("channel:c"))

    await one.bus.publish([said(3)])

    await until(lambda: two.heard.lost)
    assert two.heard.lost == [["channel:c"]]
    assert two.heard.texts == ["1", "3"]


async def test_streams_are_bounded(new_node: NewNode, redis_server: Redis) -> None:
    node = await new_node()
    for start in range(0, 3000, 100):
        await node.bus.publish([said(number) for number in range(start, start + 100)])
    log = node.bus.names.log("channel:c")
    assert await raw(redis_server.url, "return redis.call('XLEN', ARGV[1])", log) < 1300
    assert 0 < await raw(redis_server.url, "return redis.call('TTL', ARGV[1])", log) <= 900


async def test_events_that_can_not_be_delivered_are_lost_to_their_topic_alone(
    new_node: NewNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await new_node()
    await one.bus.subscribe(["channel:c", "channel:d"])
    deliver = one.heard.deliver

    def stumble(topic: str, envelopes: Sequence[Envelope]) -> None:
        if topic == "channel:c":
            raise RuntimeError("a fault")
        deliver(topic, envelopes)

    monkeypatch.setattr(one.heard, "deliver", stumble)
    await one.bus.publish([said(1, "d"), said(2), said(3), said(4, "d")])
    await until(lambda: one.heard.texts == ["1", "4"])
    assert one.heard.lost == [["channel:c"]]


async def test_signals_keep_their_place_among_events(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    order: list[str] = []
    two.bus.on(SessionsEnded, lambda signal: order.append(f"ended {signal.session_ids}"))
    two.bus.on(Joined, lambda signal: order.append(f"joined {signal.rooms}"))
    two.heard.deliver = lambda topic, envelopes: order.extend(envelope.name for envelope in envelopes)  # type: ignore[method-assign]
    await two.bus.subscribe(["user:ada"])

    await one.bus.publish(
        [
            Joined(user_id="ada", rooms=("channel:c",)),
            Whispered(to=("ada",), text="hello"),
            SessionsEnded(user_id="ada"),
            SessionsEnded(user_id="bob"),
        ]
    )

    await until(lambda: len(order) == 3)
    assert order == ["joined ('channel:c',)", "whispered_in_test", "ended None"]


async def test_joining_from_a_position_misses_nothing(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["user:ada"])
    two.bus.on_placed(Joined, lambda signal, position: two.bus.follow(signal.rooms, position))
    order: list[str] = []
    two.heard.deliver = lambda topic, envelopes: order.extend([topic] * len(envelopes))  # type: ignore[method-assign]

    joined = Joined(user_id="ada", rooms=("channel:c", "channel:d"))
    whispered = Whispered(to=("ada",), text="psst")
    await one.bus.publish([said("before"), joined, said(1), said(2, "d"), whispered, said(3)])
    await one.bus.publish([said(4), whispered])

    await until(lambda: len(order) == 6)
    assert order == ["channel:c", "channel:d", "user:ada", "channel:c", "channel:c", "user:ada"]
    assert two.bus.subscriber.settled


async def test_an_envelope_id_goes_out_once(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    for node in (one, two, one):
        assert await node.bus.publish([Said(channel_id="c", text="once", once="post-1"), said("again")])
    await until(lambda: len(two.heard.events) == 4)
    assert two.heard.texts == ["once", "again", "again", "again"]


async def test_the_fence_comes_after_all_that_was_published(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])
    for round_ in range(1, 30):
        await one.bus.publish([said(number) for number in range(20)])
        position = await two.bus.subscriber.fence()
        assert len(two.heard.events) == round_ * 20
        assert position == two.heard.events[-1][1].position


async def test_history_says_when_it_is_not_complete(new_node: NewNode, redis_server: Redis) -> None:
    node = await new_node()
    await node.bus.publish([said(number) for number in range(5)])
    first = 1
    found = await node.bus.history("channel:c", first)
    assert found is not None
    assert [position for position, _ in found] == [2, 3, 4, 5]
    assert await node.bus.history("channel:quiet", first) == []
    log = node.bus.names.log("channel:c")
    await raw(redis_server.url, "return redis.call('XTRIM', ARGV[1], 'MAXLEN', 2)", log)
    assert await node.bus.history("channel:c", first) is None
    assert len(await node.bus.history("channel:c", 3) or ()) == 2
    assert await node.bus.history("channel:c", 5) == []


async def test_a_flushed_redis_starts_everything_anew(new_node: NewNode, redis_server: Redis) -> None:
    one, two = await new_node(), await new_node()
    lost: list[str] = []
    two.bus.on_lost.append(lambda: lost.append("lost"))
    await two.bus.subscribe(["channel:c"])
    await one.bus.publish([said(1), said(2)])
    flush = "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', key) end"
    await raw(redis_server.url, flush, one.bus.names.prefix)

    assert await one.bus.publish([said(3)])

    await until(lambda: two.heard.texts == ["1", "2", "3"])
    assert two.heard.lost == [None]
    assert lost == ["lost"]


async def test_a_subscriber_that_lost_its_connection_is_told_what_it_missed(
    new_node: NewNode, redis_server: Redis
) -> None:
    one, two = await new_node(), await new_node()
    caches_dropped: list[int] = []
    settings: list[ConfigChanged] = []
    two.bus.on_lost.append(lambda: caches_dropped.append(1))
    two.bus.on(ConfigChanged, settings.append)
    await two.bus.subscribe(["channel:c", "channel:d"])
    await one.bus.publish([said(0)])
    await until(lambda: two.heard.texts == ["0"])

    two.bus.subscriber._connection.close()  # type: ignore[union-attr]
    assert caches_dropped == []
    await one.bus.publish([said(1), said(2, "d"), ConfigChanged(), said(3)])
    await until(lambda: two.bus.connected)
    await one.bus.publish([said(4, "d")])

    await until(lambda: len(two.heard.events) == 5)
    assert two.heard.texts == ["0", "1", "2", "3", "4"]
    assert len(settings) == 1
    assert len(caches_dropped) == 2
    assert two.heard.lost == []


async def test_a_restarted_redis_starts_everything_anew(mortal_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.bus.redis.ANSWER_SECONDS", 60.0)
    node = Node(Bus(mortal_redis.url, "n1"))
    await node.bus.start()
    try:
        await node.bus.subscribe(["channel:c"])
        assert await node.bus.publish([said(1)])
        mortal_redis.stop()
        await until(lambda: not node.bus.connected)

        async with asyncio.timeout(30):  # no answer is waited for
            assert not await node.bus.publish([said(2)])
        mortal_redis.start()
        await until(lambda: node.bus.connected)

        assert None in node.heard.lost  # which topics missed something may have been told before it listened again
        await until(lambda: not node.bus.publisher._missed)
        assert await node.bus.publish([said(3)])
        await until(lambda: node.heard.texts == ["1", "3"])
    finally:
        await node.bus.stop()


async def test_a_publish_that_failed_is_confessed_to_all_nodes(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    dropped: list[int] = []
    two.bus.on_lost.append(lambda: dropped.append(1))
    publisher = one.bus.publisher
    publisher._address, address = Address(path="/nowhere"), publisher._address
    publisher._connection.close()  # type: ignore[union-attr]
    assert not await one.bus.publish([said(1), Invalidate(tags=("user:ada",))])
    publisher._address = address

    await until(lambda: two.heard.lost)
    assert two.heard.lost == [("channel:c", "nodes")]
    assert dropped == [1]


async def test_a_redis_that_hangs_does_not_hold_a_publish_for_long(mortal_redis: Redis) -> None:
    node = Node(Bus(mortal_redis.url, "n1"))
    await node.bus.start()
    await node.bus.subscribe(["channel:c"])
    os.kill(mortal_redis.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(5 * ANSWER_SECONDS):
            assert not await node.bus.publish([said(1)])
    finally:
        os.kill(mortal_redis.pid, signal.SIGCONT)
    async with asyncio.timeout(30):
        while not await node.bus.publish([said(2)]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await until(lambda: node.heard.lost and "2" in node.heard.texts)
    assert node.heard.texts in (["2"], ["1", "2"])
    await node.bus.stop()


async def test_a_redis_that_hangs_is_noticed_though_nothing_is_published(
    mortal_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.bus.redis.ANSWER_SECONDS", 1.2)
    node = Node(Bus(mortal_redis.url, "n1"))
    await node.bus.start()
    os.kill(mortal_redis.pid, signal.SIGSTOP)
    try:
        await until(lambda: not node.bus.connected)
        await until(lambda: not node.bus.publisher._ready.is_set())
        monkeypatch.setattr("server.bus.redis.ANSWER_SECONDS", 60.0)
        async with asyncio.timeout(30):  # no answer is waited for any more
            assert not await node.bus.publish([said(1)])
    finally:
        os.kill(mortal_redis.pid, signal.SIGCONT)
    await until(lambda: node.bus.connected)
    await until(node.bus.publisher._ready.is_set)
    assert await node.bus.publish([said(2)])
    await node.bus.stop()


async def test_a_flushed_redis_is_noticed_though_nothing_is_published(mortal_redis: Redis) -> None:
    node = Node(Bus(mortal_redis.url, "n1"))
    await node.bus.start()
    await node.bus.subscribe(["channel:c"])
    assert await node.bus.publish([said(1)])
    await until(lambda: node.heard.texts == ["1"])
    await raw(mortal_redis.url, "redis.call('FLUSHALL')")

    await until(lambda: node.heard.lost == [None])
    assert await node.bus.publish([said(2)])
    await until(lambda: node.heard.texts == ["1", "2"])
    assert node.bus.settled
    await asyncio.sleep(1.2)
    assert node.heard.lost == [None]
    await node.bus.stop()


async def test_what_goes_to_a_connection_that_has_just_ended_fails_in_order(mortal_redis: Redis) -> None:
    async def ask_until_it_ends() -> list[dict[str, Any]]:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        connections = [await RedisConnection.open(Address.parse(mortal_redis.url)) for _ in range(20)]
        os.kill(mortal_redis.pid, signal.SIGKILL)
        while open_ones := [one for one in connections if not one.closed]:
            for connection in open_ones:
                connection.command("PING")
            await asyncio.sleep(0)
        return complaints

    # The loop of production, for asyncio's own is more lenient.
    assert await asyncio.to_thread(uvloop.run, ask_until_it_ends()) == []


async def test_what_was_missed_is_told_when_the_node_stops(new_node: NewNode) -> None:
    one, two = await new_node(), await new_node()
    one.bus.missed(["channel:c"])
    await one.bus.stop()

    await until(lambda: two.heard.lost == [("channel:c",)])


async def test_start_without_a_redis_returns_and_goes_on_trying(mortal_redis: Redis) -> None:
    mortal_redis.stop()
    node = Node(Bus(mortal_redis.url, "n1"))
    await asyncio.wait_for(node.bus.start(), 10)
    assert not node.bus.connected
    mortal_redis.start()
    await until(lambda: node.bus.connected)
    await node.bus.subscribe(["channel:c"])
    await until(node.bus.publisher._ready.is_set)
    assert await node.bus.publish([said(1), EventsLost(missed=("channel:x",))])
    await until(lambda: node.heard.texts == ["1"])
    await until(lambda: ("channel:x",) in node.heard.lost)
    await node.bus.stop()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:secret@r.example:6380/3", Address(host="r.example", port=6380, password="secret", db=3)),
        ("rediss://u:p%40ss@h", Address(host="h", user="u", password="p@ss", tls=True)),
        ("unix:///run/r.sock?db=2", Address(path="/run/r.sock", db=2)),
        ("/run/r.sock", Address(path="/run/r.sock")),
        ("cache:7000", Address(host="cache", port=7000)),
    ],
)
def test_addresses(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected


def test_other_addresses_are_refused() -> None:
    with pytest.raises(ValueError, match="http"):
        Address.parse("http://example")


async def test_a_redis_that_takes_no_writes_is_away_and_then_starts_everything_anew(mortal_redis: Redis) -> None:
    """Nodes can't tell each other of removals then, though everything can be read."""
    node = Node(Bus(mortal_redis.url, "node"))
    await node.bus.start()
    try:
        redis = await RedisConnection.open(Address.parse(mortal_redis.url))
        await redis.command("REPLICAOF", "127.0.0.1", "1")
        await until(lambda: not node.bus.connected)
        assert node.heard.lost == []
        await redis.command("REPLICAOF", "NO", "ONE")
        await until(lambda: node.bus.connected)
        redis.close()
        assert None in node.heard.lost
    finally:
        await node.bus.stop()


async def test_a_redis_that_drops_keys_starts_everything_anew(mortal_redis: Redis) -> None:
    """Else a client that resumes could be told that nothing has happened in a topic whose messages are gone."""
    one, two = Node(Bus(mortal_redis.url, "one")), Node(Bus(mortal_redis.url, "two"))
    await one.bus.start()
    await two.bus.start()
    redis = await RedisConnection.open(Address.parse(mortal_redis.url))
    try:
        epoch = one.bus.epoch
        assert epoch == two.bus.epoch
        await redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        for number in range(50):
            await redis.command("SET", f"ballast:{number}", "." * 100_000)
        await redis.command("CONFIG", "SET", "maxmemory", "3000000")
        await redis.command("SET", "one more", ".")
        await redis.command("CONFIG", "SET", "maxmemory", "0")
        await until(lambda: None in one.heard.lost and None in two.heard.lost)
        await until(lambda: one.bus.epoch == two.bus.epoch != epoch)
    finally:
        redis.close()
        await one.bus.stop()
        await two.bus.stop()
