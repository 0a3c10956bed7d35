"""What can't be made good is said aloud; who is slow loses nothing in silence and holds nobody up."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from server.bus.event import Audience, Event
from server.bus.signals import SessionsChanged
from server.engines.redis import Redis
from server.gateway.connection import HALF_OUTBOX, OUTBOX_BYTES, PAUSED, Connection
from server.gateway.frames import JSON
from server.gateway.protocol import HIGH_WATER
from server.gateway.runs import PART_BYTES
from tests.bus.conftest import mortal_redis
from tests.gateway.conftest import GatewayNode, Stage, World, clear, until
from tests.gateway.events import Typing, for_user, in_channel

__all__ = ["mortal_redis"]


class SlowReader:
    """A WebSocket client that reads only when told to."""

    def __init__(self, node: GatewayNode, token: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", node.port))
        self._socket.setblocking(False)
        head = (
            "GET /api/v4/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        self._socket.send(head.encode())
        self._data = b""

    async def read(self) -> bool:
        """Read what is there; False at the end."""
        try:
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 1 << 20), 0.5)
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False
        self._data += data
        return bool(data)

    def frames(self) -> list[tuple[int, bytes]]:
        """The frames that have arrived whole."""
        data = self._data.partition(b"\r\n\r\n")[2]
        found = []
        at = 0
        while at + 2 <= len(data):
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2]), start + 2
            elif size == 127:
                size, start = int.from_bytes(data[start : start + 8]), start + 8
            if start + size > len(data):
                break
            found.append((data[at] & 15, data[start : start + size]))
            at = start + size
        return found

    def events(self) -> list[dict[str, object]]:
        return [json.loads(payload) for opcode, payload in self.frames() if opcode == 1]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def readers() -> Iterator[list[SlowReader]]:
    opened: list[SlowReader] = []
    yield opened
    for reader in opened:
        reader.close()


async def slow_reader(node: GatewayNode, world: World, user: str, readers: list[SlowReader]) -> SlowReader:
    readers.append(SlowReader(node, world.token(user)))
    await until(lambda: node.gateway.connections_of(user))
    return readers[-1]


async def tell(node: GatewayNode, *events: Event) -> None:
    """Publish, and wait until each connection has been written what it takes: else there would be more and more on
    the way, which comes all at once.
    """
    assert await node.bus.publish(events)
    await node.bus.fence()
    await until(lambda: node.gateway.hub._round is None)


async def test_a_slow_reader_loses_transient_events_first_and_is_closed_in_the_end(
    stage: Stage, world: World, readers: list[SlowReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.gateway.CLOSE_SECONDS", 30.0)
    node = await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    reader = await slow_reader(node, world, ada, readers)
    fast = await stage.hello(node, bob)
    connection = node.gateway.hub.users[ada].connections[0]
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1
        await tell(node, in_channel("x" * 30_000))

    typing = Typing(text="typing", to=Audience(channel_id="c"))
    await tell(node, typing)
    while connection.size <= HALF_OUTBOX:
        await send()
    assert connection.blocked
    await node.bus.publish([typing])
    await until(lambda: node.gateway.stats.dropped == 1)
    await send()
    await until(lambda: len(fast.events) == sent + 3)

    while await reader.read() and len(reader.events()) < sent + 2:
        pass
    events = reader.events()
    assert [event["seq"] for event in events] == list(range(sent + 2))
    assert sum(event["event"] == "typing_in_test" for event in events) == 1
    await until(lambda: not connection.blocked and not connection.size)

    while connection.socket is not None:
        await send()
        assert connection.size < OUTBOX_BYTES + 100_000
    assert node.gateway.stats.overflows == 1
    while reader.frames()[-1][0] != 8:
        assert await reader.read()
    assert int.from_bytes(reader.frames()[-1][1][:2]) == 1013
    await until(lambda: len(fast.events) == sent + 3)
    assert fast.close_code is None


async def test_a_slow_reader_can_resume(
    stage: Stage, world: World, readers: list[SlowReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.gateway.CLOSE_SECONDS", 30.0)
    node = await stage.node()
    ada = world.user("channel:c")
    reader = await slow_reader(node, world, ada, readers)
    connection = node.gateway.hub.users[ada].connections[0]
    sent = 0
    await until(lambda: connection.saved_at)  # what it can go back to
    while connection.socket is not None:
        await tell(node, in_channel("x" * 30_000))
        sent += 1
    while not any(opcode == 8 for opcode, _ in reader.frames()):
        assert await reader.read()
    events = reader.events()
    seen = len(events)
    assert 1 < seen <= sent

    query = f"?connection_id={connection.id}&sequence_number={seen}"
    back = await stage.open(node, world.token(ada), query)
    await back.wait(sent + 1 - seen)
    assert [event["seq"] for event in events] + back.seqs == list(range(sent + 1))


async def test_what_a_slow_reader_has_missed_is_written_in_parts(
    stage: Stage, world: World, readers: list[SlowReader]
) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    reader = await slow_reader(node, world, ada, readers)
    connection = node.gateway.hub.users[ada].connections[0]
    sent = 0
    while connection.size <= HALF_OUTBOX:
        await tell(node, *(in_channel("x" * 3_000) for _ in range(10)))
        sent += 10
    transport = connection.transport
    assert transport is not None
    most = 0
    while len(reader.events()) < sent + 1:
        assert await reader.read()
        most = max(most, transport.get_write_buffer_size())
    assert [event["seq"] for event in reader.events()] == list(range(sent + 1))
    assert most < HIGH_WATER + PART_BYTES + 4_000
    assert (connection.size, connection.blocked) == (0, 0)


async def test_a_slow_reader_does_not_hold_up_its_own_replies_for_ever(
    stage: Stage, world: World, readers: list[SlowReader]
) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    reader = await slow_reader(node, world, ada, readers)
    connection = node.gateway.hub.users[ada].connections[0]
    while not connection.blocked:
        await tell(node, in_channel("x" * 30_000))
    transport = connection.transport
    assert transport is not None
    assert not transport.is_reading()
    while connection.blocked:
        await reader.read()
    assert transport.is_reading()


async def test_a_dead_client_is_cut(
    stage: Stage, world: World, readers: list[SlowReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.gateway.PING_SECONDS", 0.4)
    node = await stage.node()
    ada, bob = world.user(), world.user()
    alive, _ = await stage.hello(node, ada), await slow_reader(node, world, bob, readers)
    heard: list[str] = []
    node.gateway.on_pong.append(heard.append)
    long_ago = asyncio.get_running_loop().time() - 50
    for served in node.gateway._sockets:
        served.heard_at = long_ago
        served.pinged_at = long_ago
    await until(lambda: all(served.pinged_at > long_ago for served in node.gateway._sockets) and heard)
    assert {served.heard_at > long_ago for served in node.gateway._sockets} == {True, False}

    monkeypatch.setattr("server.gateway.gateway.SILENCE_SECONDS", 40.0)
    await until(lambda: node.gateway.stats.sockets == 1)
    assert set(heard) == {ada}
    assert (await alive.ask("ping"))["status"] == "OK"


async def test_trimmed_streams_make_connections_start_anew(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada, bob = world.user("channel:c", "channel:d"), world.user("channel:d")
    hit, spared = await stage.hello(two, ada), await stage.hello(two, bob)
    old_id = hit.id
    await one.bus.publish([in_channel(1)])
    await hit.wait(2)
    subscription = two.bus.subscriber._subscriptions[two.bus.names.channel("channel:c")]
    subscription.last -= 1  # as if the message had not come
    await two.bus.command("DEL", two.bus.names.log("channel:c"))

    await one.bus.publish([in_channel(2), in_channel(3, "d")])
    await until(lambda: hit.id != old_id)  # now its client fetches everything
    await one.bus.publish([in_channel(4, "d")])

    await until(lambda: "4" in hit.texts and "4" in spared.texts)
    hello = [event["event"] for event in hit.events].index("hello", 1)
    assert [event["seq"] for event in hit.events[hello:]] == list(range(len(hit.events) - hello))
    assert spared.texts == ["3", "4"]
    assert spared.seqs == [0, 1, 2]
    assert two.gateway.stats.anew == 1
    assert two.gateway.connections_of(ada) == 1


async def test_a_restarted_redis_makes_everybody_start_anew(mortal_redis: Redis) -> None:
    stage = Stage(mortal_redis.url)
    world = stage.world
    try:
        nodes = [await stage.node(), await stage.node()]
        ada, bob = world.user("channel:c"), world.user()
        clients = [await stage.hello(node, user) for node in nodes for user in (ada, bob)]
        away = await stage.hello(nodes[0], ada)
        await away.drop()
        ids = [client.id for client in clients]
        await nodes[0].bus.publish([in_channel(1)])
        await clients[0].wait(2)

        mortal_redis.stop()
        await until(lambda: not any(node.bus.connected for node in nodes))
        world.rooms[bob].append("channel:c")  # told to nobody: the signal is lost
        assert not await nodes[0].bus.publish([in_channel("lost")])
        assert (await clients[0].ask("ping"))["status"] == "OK"
        late = await stage.open(nodes[0], world.token(world.user("channel:c")))
        assert (await late.ask("ping"))["status"] == "OK"
        assert late.events == []
        mortal_redis.start()
        await until(lambda: all(node.bus.connected for node in nodes))

        for client, old_id in zip(clients, ids, strict=True):
            await until(lambda client=client, old_id=old_id: client.id != old_id)  # type: ignore[misc]
        await late.wait(1)
        await until(lambda: nodes[0].bus.publisher._missed == {})
        await nodes[0].bus.command("PING")  # what it tells has left it before
        for node in nodes:  # what was missed has been told, and who was to start anew has done so
            await node.bus.fence()
            await until(lambda node=node: all(each.connection for each in node.gateway._sockets))  # type: ignore[misc]
        assert await nodes[1].bus.publish([in_channel(2)])
        for client in [*clients, late]:
            await until(lambda client=client: client.texts[-1:] == ["2"])  # type: ignore[misc]
            hello = max(index for index, event in enumerate(client.events) if event["event"] == "hello")
            assert [event["seq"] for event in client.events[hello:]] == [0, 1]
            assert client.close_code is None
        back = await stage.resume(nodes[0], ada, away, seq=1)
        await back.wait(1)
        assert back.events[0]["event"] == "hello"
    finally:
        await clear(stage)


async def test_a_cut_connection_to_redis_loses_nothing(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c", "channel:d")
    client = await stage.hello(two, ada)
    for number in range(0, 60, 3):
        two.bus.subscriber._connection.close()  # type: ignore[union-attr]
        await one.bus.publish([in_channel(number), in_channel(number + 1, "d")])
        await one.bus.publish([for_user(number + 2, ada)])
        await until(lambda: two.bus.connected)
    await client.wait(61)
    assert client.texts == [str(number) for number in range(60)]
    assert client.seqs == list(range(61))
    assert two.gateway.stats.anew == 0


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database could not answer is asked again soon, and for as long as that may take."""
    monkeypatch.setattr("server.gateway.admission.IDENTIFY_SECONDS", 30.0)
    monkeypatch.setattr("server.gateway.arrivals.SIGN_IN_SECONDS", 30.0)
    monkeypatch.setattr("server.gateway.admission.AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("server.gateway.gateway.AGAIN_SECONDS", 0.05)


async def test_who_comes_while_the_database_is_away_is_let_in_when_it_is_back(
    stage: Stage, world: World, soon: None
) -> None:
    node = await stage.node()
    token = world.token(world.user("channel:c"))
    world.away = True
    by_upgrade, by_challenge = await stage.open(node, token), await stage.open(node)
    await by_challenge.socket.send(
        json.dumps({"seq": 1, "action": "authentication_challenge", "data": {"token": token}})
    )
    await asyncio.sleep(0.3)
    assert (by_upgrade.raw, by_challenge.raw) == ([], [])
    world.away = False

    await by_upgrade.wait(1)
    await by_challenge.wait(1)
    await until(lambda: by_challenge.replies)
    assert by_challenge.replies[0]["status"] == "OK"
    await node.bus.publish([in_channel(1)])
    for client in (by_upgrade, by_challenge):
        await client.wait(2)
        assert (client.texts, client.seqs, client.close_code) == (["1"], [0, 1], None)


async def test_nobody_is_signed_out_because_the_database_is_away(
    stage: Stage, world: World, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.admission.IDENTIFY_SECONDS", 0.2)
    node = await stage.node()
    token = world.token(world.user())
    world.away = True
    by_upgrade, by_challenge = await stage.open(node, token), await stage.open(node)
    await by_challenge.socket.send(
        json.dumps({"seq": 1, "action": "authentication_challenge", "data": {"token": token}})
    )

    for client in (by_upgrade, by_challenge):
        await client.wait_closed()
        assert (client.close_code, client.raw) == (1013, [])


async def test_who_must_start_anew_while_the_database_is_away_keeps_the_socket(
    stage: Stage, world: World, soon: None
) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    client = await stage.hello(node, ada)
    old_id = client.id
    world.away = True
    node.bus.missed(["channel:c", f"user:{ada}"])
    await until(lambda: node.gateway.stats.anew)
    await asyncio.sleep(0.3)
    assert (client.close_code, len(client.events)) == (None, 1)
    world.away = False

    await until(lambda: client.id != old_id)
    await node.bus.publish([in_channel(1)])
    await client.wait(3)
    assert (client.texts, client.seqs, client.close_code) == (["1"], [0, 0, 1], None)


async def test_a_session_that_changed_while_the_database_was_away_is_looked_up_when_it_is_back(
    stage: Stage, world: World, soon: None
) -> None:
    node = await stage.node()
    ada = world.user()
    client = await stage.hello(node, ada)
    world.away = True
    await node.bus.publish([SessionsChanged(user_id=ada)])
    await asyncio.sleep(0.2)
    assert client.close_code is None
    world.sessions.clear()
    world.away = False

    await client.wait_closed()
    assert client.close_code == 1008


class FullAtOnce:
    """A transport that is full after each write."""

    def __init__(self, connection: Connection) -> None:
        self.written: list[bytes] = []
        self._connection = connection

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self._connection.block(PAUSED)


def test_what_is_not_written_yet_is_never_forgotten() -> None:
    connection = Connection("id", "user", "session", False, JSON)
    transport = FullAtOnce(connection)
    connection.attach(object(), cast(asyncio.Transport, transport))
    head = b"\x81\x7e\x04\x0c" + b"x" * 1024
    for _ in range(900):
        connection.put(head)
    connection.flush()
    rounds = 1
    while connection.unblock(PAUSED) and connection.unsent:
        connection.flush()
        rounds += 1

    seqs = [int(part[:10]) for data in transport.written for part in data.split(b"x" * 1024)[1:]]
    assert seqs == list(range(900))
    assert rounds == len(transport.written) > 6
    assert max(map(len, transport.written)) < PART_BYTES + 40 * 129
    assert (connection.size, connection.next_seq) == (0, 900)
    assert connection.rewind(899)
    assert not connection.rewind(0)  # as few are kept as of anybody else
