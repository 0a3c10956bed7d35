"""Clients that send too much, don't read, or don't sign in: what they cost is bounded, and nobody else is held up."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from server.gateway.pace import BURST, UNKNOWN_BURST, USER_BURST, USER_PER_SECOND, Pace, Paces
from server.gateway.protocol import HIGH_WATER, RECEIVE_BUFFER, SEND_BUFFER, Socket
from tests.gateway.conftest import Client, GatewayNode, Stage, World, until
from tests.gateway.events import in_channel
from tests.gateway.test_losses import SlowReader, readers, slow_reader
from tests.gateway.test_parser import masked
from tests.gateway.test_resume import saved

__all__ = ["readers"]

PING = masked(1, b'{"seq":1,"action":"ping"}')


def sockets_of(node: GatewayNode, user_id: str) -> list[Socket]:
    """The sockets of a user as the node has them."""
    return [one.socket for one in node.gateway.hub.users[user_id].connections if isinstance(one.socket, Socket)]


def test_an_allowance_comes_back_with_time_and_may_be_overdrawn() -> None:
    pace = Pace(10, 2)
    assert pace.left(100.0) == 10
    pace.spend(14)
    assert pace.left(101.0) == 0
    assert pace.left(102.5) == 1
    assert pace.left(200.0) == 10
    pace.spend(3)
    assert pace.widen(30) == 3
    assert pace.left(200.0) == 27
    assert pace.left(210.0) == 30
    paces = Paces()
    mine = paces.of("ada")
    assert paces.of("ada") is mine
    assert paces.of("bob") is not mine


async def test_all_sockets_of_a_user_share_an_allowance(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    flooders = [await stage.hello(node, ada) for _ in range(20)]
    quiet, other = await stage.hello(node, ada), await stage.hello(node, bob)
    before, begun = node.gateway.stats.requests, time.monotonic()
    for flooder in flooders:
        flooder.socket.transport.write(PING * 2000)
    await until(lambda: node.gateway.stats.requests - before >= USER_BURST)
    assert (await other.ask("ping"))["status"] == "OK"
    assert (await quiet.ask("ping"))["status"] == "OK"  # its turn comes, between the others
    await asyncio.sleep(1)
    handled, took = node.gateway.stats.requests - before, time.monotonic() - begun
    assert handled <= USER_BURST + took * USER_PER_SECOND + 2

    await node.bus.publish([in_channel("still heard")])
    await until(lambda: all("still heard" in client.texts for client in (*flooders, quiet, other)))
    await until(lambda: all(len(flooder.replies) > 1 for flooder in flooders))  # each of them has its turn
    assert len(node.gateway._slowed) <= len(flooders) + 1


async def test_who_sends_single_bytes_is_read_more_slowly(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user()
    client = await stage.hello(node, ada)
    (served,) = sockets_of(node, ada)
    request = masked(1, b'{"seq":7,"action":"ping","data":"' + b"x" * 150 + b'"}')
    sent = 0
    while served.transport.is_reading():
        served.data_received(request[sent : sent + 1])  # the network might well put several together
        sent += 1
    assert BURST <= sent < len(request)
    client.socket.transport.write(request[sent:])
    await until(lambda: client.replies)
    assert client.replies[0]["seq_reply"] == 7


async def test_large_replies_cost_more_than_small_ones(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.hello(node, world.user())
    large = {"seq": 1, "action": "echo", "data": {"text": "x" * 4000, "times": 25}}
    begun = time.monotonic()
    for _ in range(5):  # 24 each, and one for asking
        await client.socket.send(json.dumps(large))
    await until(lambda: len(client.replies) == 5)
    await client.ask("ping")
    assert time.monotonic() - begun > 1  # five times 25 is 25 more than the burst, at 20 a second
    assert {reply["status"] for reply in client.replies} == {"OK"}


async def test_who_asks_and_does_not_read_is_not_answered_without_end(
    stage: Stage, world: World, readers: list[SlowReader]
) -> None:
    node = await stage.node()
    ada = world.user()
    reader = await slow_reader(node, world, ada, readers)
    (served,) = sockets_of(node, ada)
    answer = 30_000
    request = {"seq": 1, "action": "echo", "data": {"text": "x" * 100, "times": answer // 100}}
    frames = b"".join(masked(1, json.dumps({**request, "seq": seq}).encode()) for seq in range(1, 91))
    await asyncio.get_running_loop().sock_sendall(reader._socket, frames)
    await until(lambda: served.full)
    assert not served.transport.is_reading()
    for _ in range(10):  # so many times it would be read on
        await asyncio.sleep(0.1)
        assert served.transport.get_write_buffer_size() < HIGH_WATER + 2 * answer
    assert len(node.gateway._slowed) <= 1

    replies: list[dict[str, object]] = []
    while await reader.read() and len(replies) < 90:
        replies = [event for event in reader.events() if "seq_reply" in event]
    answered = [reply["seq_reply"] for reply in replies if reply["status"] == "OK"]
    assert len(answered) >= 33  # those that may wait; the rest was refused
    assert answered == sorted(answered)  # type: ignore[type-var]


async def test_the_system_keeps_little_for_a_client(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user()
    await stage.hello(node, ada)
    (served,) = sockets_of(node, ada)
    kernel = served.transport.get_extra_info("socket")
    assert kernel.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER
    assert kernel.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * RECEIVE_BUFFER


async def test_a_user_has_so_many_sockets_on_a_node_and_coming_back_is_no_way_around_it(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.admission.PER_USER", 3)
    one, two = await stage.node(), await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:c")
    firsts = [await stage.hello(one, ada) for _ in range(3)]
    over = await stage.open(one, world.token(ada))
    await over.wait_closed()
    assert over.close_code == 1008
    assert over.events == []
    await saved(one)
    there = [await stage.hello(two, ada) for _ in range(2)]
    await stage.hello(two, bob)
    for first in firsts:
        await first.drop()
    moved = await stage.resume(two, ada, firsts[0])
    await two.bus.publish([in_channel("three are here")])
    await until(lambda: moved.texts == ["three are here"])
    refused = await stage.resume(two, ada, firsts[1])
    await refused.wait_closed()
    assert refused.close_code == 1008
    assert refused.events == []
    again = await stage.resume(two, ada, firsts[0], moved.seqs[-1] + 1)  # the same connection takes nobody else's place
    await two.bus.publish([in_channel("still three")])
    await until(lambda: again.texts == ["still three"] and there[1].texts == ["three are here", "still three"])


# those who do not sign in


@pytest.fixture
def time_is_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Few may wait, and one of the limits of time is over when `time_is_up("HURRIED_SECONDS")` says so."""
    monkeypatch.setattr("server.gateway.arrivals.PER_ADDRESS", 3)
    monkeypatch.setattr("server.gateway.arrivals.PER_NODE", 6)
    for limit in ("HURRIED_SECONDS", "SIGN_IN_SECONDS"):
        monkeypatch.setattr(f"server.gateway.arrivals.{limit}", 60.0)
    return lambda limit: monkeypatch.setattr(f"server.gateway.arrivals.{limit}", 0.0)


def says_where(stage_node: GatewayNode) -> None:
    """Let clients say where they are, as a trusted proxy would."""
    stage_node.gateway._address_of = lambda peer, header: header("x-real-ip") or peer


def hold_up_sign_ins(node: GatewayNode, world: World) -> asyncio.Event:
    """Let nobody sign in before this is set."""
    gate = asyncio.Event()

    async def slow(token: str) -> object:
        await gate.wait()
        return await world.authenticate(token)

    node.gateway._admission._authenticate = slow  # type: ignore[assignment]
    return gate


async def challenge(client: Client, token: str) -> None:
    """Ask to be signed in, and don't wait for it."""
    await client.socket.send(json.dumps({"seq": 1, "action": "authentication_challenge", "data": {"token": token}}))


async def test_of_too_many_from_one_address_the_oldest_make_room(
    stage: Stage, world: World, time_is_up: Callable[[str], None]
) -> None:
    node = await stage.node()
    says_where(node)
    other = await stage.open(node, additional_headers={"X-Real-Ip": "10.0.0.2"})
    silent = [await stage.open(node, additional_headers={"X-Real-Ip": "10.0.0.1"}) for _ in range(5)]
    signing_in = await stage.open(node, additional_headers={"X-Real-Ip": "10.0.0.1"})
    token = world.token(world.user())
    assert (await signing_in.ask("authentication_challenge", {"token": token}))["status"] == "OK"
    time_is_up("HURRIED_SECONDS")
    await until(lambda: sum(client.close_code is not None for client in silent) == 2)

    assert [client.close_code for client in silent] == [1013, 1013, None, None, None]
    assert other.close_code is None
    assert signing_in.close_code is None
    time_is_up("SIGN_IN_SECONDS")
    await until(lambda: other.close_code is not None and all(client.close_code for client in silent))
    assert [client.close_code for client in (other, *silent[2:])] == [1008] * 4
    assert signing_in.close_code is None
    assert not len(node.gateway._arrivals)
    assert not node.gateway._arrivals._from


async def test_of_too_many_from_everywhere_the_oldest_make_room(
    stage: Stage, world: World, time_is_up: Callable[[str], None]
) -> None:
    node = await stage.node()
    says_where(node)
    silent = [await stage.open(node, additional_headers={"X-Real-Ip": f"10.0.0.{number}"}) for number in range(8)]
    time_is_up("HURRIED_SECONDS")
    await until(lambda: sum(client.close_code is not None for client in silent) == 2)
    assert [client.close_code for client in silent[:3]] == [1013, 1013, None]


async def test_whoever_waits_for_the_server_is_told_to_come_again(
    stage: Stage, world: World, time_is_up: Callable[[str], None]
) -> None:
    node = await stage.node()
    gate = hold_up_sign_ins(node, world)
    ada = world.user()
    by_upgrade = [await stage.open(node, world.token(ada)) for _ in range(4)]
    by_challenge = await stage.open(node)
    await challenge(by_challenge, world.token(ada))
    time_is_up("HURRIED_SECONDS")
    await asyncio.sleep(0.5)  # more than may be silent for so long
    assert {client.close_code for client in (*by_upgrade, by_challenge)} == {None}
    time_is_up("SIGN_IN_SECONDS")
    await by_challenge.wait_closed()
    await until(lambda: all(client.close_code for client in by_upgrade))
    assert {client.close_code for client in (*by_upgrade, by_challenge)} == {1013}
    gate.set()


async def test_what_is_sent_before_signing_in_is_charged_to_the_user(stage: Stage, world: World) -> None:
    node = await stage.node()
    gate = hold_up_sign_ins(node, world)
    ada = world.user()
    begun = time.monotonic()
    by_upgrade = [await stage.open(node, world.token(ada)) for _ in range(15)]
    by_challenge = [await stage.open(node) for _ in range(15)]
    for client in by_challenge:
        await challenge(client, world.token(ada))
    for client in (*by_upgrade, *by_challenge):
        client.socket.transport.write(PING * 2000)
    await until(lambda: sum(socket._pace._left < 1 for socket in node.gateway._sockets) == 30)
    waiting = [len(socket.held or socket.requests or ()) for socket in node.gateway._sockets]
    assert min(waiting) > 0
    assert sum(waiting) <= 30 * UNKNOWN_BURST + 20 * 30 * (time.monotonic() - begun)
    gate.set()
    await until(lambda: all(client.replies for client in (*by_upgrade, *by_challenge)))
    await asyncio.sleep(1)
    took = time.monotonic() - begun
    assert node.gateway.stats.requests <= max(sum(waiting), USER_BURST) + 30 + (took + 1) * USER_PER_SECOND


async def test_half_a_handshake_opens_nothing(stage: Stage) -> None:
    node = await stage.node()
    with closing(socket.create_connection(("127.0.0.1", node.port))) as half:
        half.send(b"GET /api/v4/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnec")
        await asyncio.sleep(0.1)
        assert node.gateway.stats.sockets == 0
        assert not len(node.gateway._arrivals)


@pytest.mark.parametrize(("garbage", "code"), [(b"\xff" * 1000, 1002), (masked(1, b"no request") * 60, 1007)])
async def test_garbage_after_the_close_is_not_at_the_expense_of_others(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch, readers: list[SlowReader], garbage: bytes, code: int
) -> None:
    monkeypatch.setattr("server.gateway.gateway.CLOSE_SECONDS", 60.0)
    node = await stage.node()
    ada = world.user()
    bad = await slow_reader(node, world, ada, readers)
    good = await stage.hello(node, ada)
    served, _ = sockets_of(node, ada)
    pace = served.shared_pace
    assert pace is not None
    loop = asyncio.get_running_loop()
    for _ in range(50):
        await loop.sock_sendall(bad._socket, garbage)
        await asyncio.sleep(0.002)
    assert not served.transport.is_reading()
    assert pace.left(loop.time()) > USER_BURST - 70  # what came with what closed it
    assert (await good.ask("ping"))["status"] == "OK"
    node.gateway._closing[served] = 0.0  # its time is over
    await until(lambda: served not in node.gateway._sockets)
    await bad.read()
    assert [(opcode, payload[:2]) for opcode, payload in bad.frames() if opcode == 8] == [(8, code.to_bytes(2))]
