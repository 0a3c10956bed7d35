"""Handshake, signing in, requests and bad clients, from the outside."""

import asyncio
import json
import time
import tracemalloc
import zlib

import msgpack
import pytest
from websockets.exceptions import InvalidStatus

from server.bus.event import Audience
from server.bus.signals import SessionsChanged, SessionsEnded
from server.gateway.pace import PER_SECOND
from server.gateway.parser import MAX_MESSAGE
from tests.gateway.conftest import GatewayNode, Stage, World, until
from tests.gateway.events import Told, for_user, in_channel
from tests.gateway.test_parser import masked
from tests.waiting import PATIENCE


async def raw_request(node: GatewayNode, head: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    top, _, body = answer.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body


UPGRADE = "Host: chat.example\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13"
KEY = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="


async def test_other_paths_and_broken_upgrades_are_refused_in_json(stage: Stage) -> None:
    node = await stage.node()
    for path, extra, status, error_id in (
        ("/api/v4/elsewhere", KEY, 404, "api.context.404.app_error"),
        ("/api/v4/websocket", "X: y", 400, "api.web_socket.connect.upgrade.app_error"),
        ("/api/v4/websocket", "Sec-WebSocket-Key: short", 400, "api.web_socket.connect.upgrade.app_error"),
        (
            "/api/v4/websocket",
            f"{KEY}\nOrigin: https://evil.example",
            403,
            "api.web_socket.connect.check_origin.app_error",
        ),
    ):
        got, headers, body = await raw_request(node, f"GET {path} HTTP/1.1\n{UPGRADE}\n{extra}")
        error = json.loads(body)
        assert (got, error["id"], error["status_code"]) == (status, error_id, status)
        assert headers["content-type"] == "application/json"
        assert headers["x-request-id"] == error["request_id"]
        assert int(headers["content-length"]) == len(body)
    too_old, _, _ = await raw_request(node, f"GET /api/v4/websocket HTTP/1.0\n{UPGRADE}\n{KEY}")
    assert too_old == 400


@pytest.mark.parametrize(
    ("origin", "allowed", "passes"),
    [
        ("http://127.0.0.1:{port}", "", True),
        ("https://evil.example", "", False),
        ("https://good.example", "https://good.example http://x", True),
        ("https://good.example:444", "https://good.example", False),
        ("null", "", False),
        ("https://[broken", "", False),
        ("https://any.example", "*", True),
    ],
)
async def test_origins(stage: Stage, origin: str, allowed: str, passes: bool) -> None:
    node = await stage.node()
    stage.origins.append(allowed)
    opening = stage.open(node, additional_headers={"Origin": origin.format(port=node.port)})
    if passes:
        await opening
    else:
        with pytest.raises(InvalidStatus) as caught:
            await opening
        assert caught.value.response.status_code == 403


async def test_three_ways_to_sign_in(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user()
    by_header = await stage.open(node, world.token(ada))
    by_cookie = await stage.open(node, additional_headers={"Cookie": f"a=b; MMAUTHTOKEN={world.token(ada)}; c=d"})
    by_challenge = await stage.open(node, "", "/")
    answer = await by_challenge.ask("authentication_challenge", {"token": world.token(ada)})
    assert answer == {"status": "OK", "seq_reply": 1}
    for client in (by_header, by_cookie, by_challenge):
        await client.wait(1)
        assert client.events[0]["event"] == "hello"
    assert by_challenge.frames[0]["event"] == "hello"

    await by_challenge.socket.send(json.dumps({"seq": 2, "action": "authentication_challenge", "data": {"token": "x"}}))
    assert (await by_challenge.ask("ping", seq=3))["seq_reply"] == 3
    assert len(by_challenge.replies) == 2


async def test_a_wrong_challenge_closes_the_socket(stage: Stage) -> None:
    node = await stage.node()
    for data in ({"token": "wrong"}, {}, None, {"token": 5}):
        client = await stage.open(node)
        await client.socket.send(json.dumps({"seq": 1, "action": "authentication_challenge", "data": data}))
        await client.wait_closed()
        assert client.frames == []


async def test_without_signing_in_there_is_nothing_but_refusals_and_then_the_end(stage: Stage, world: World) -> None:
    node = await stage.node()
    started = time.monotonic()
    client = await stage.open(node, "wrong-token")
    answer = await client.ask("ping")
    assert (answer["status"], answer["error"]["status_code"]) == ("FAIL", 401)
    assert answer["error"]["id"] == "api.web_socket_router.not_authenticated.app_error"
    await node.bus.publish([Told(text="for all", to=Audience())])
    await client.wait_closed()
    assert time.monotonic() - started > 4.9
    assert (client.events, client.close_code) == ([], 1008)


async def test_requests_and_their_refusals(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user()
    client = await stage.hello(node, ada)

    pong = await client.ask("ping", seq=7)
    assert pong["status"] == "OK"
    assert pong["seq_reply"] == 7
    assert {key: pong["data"][key] for key in ("text", "version", "node_id")} == {
        "text": "pong",
        "version": "1.2.3",
        "node_id": "",
    }
    assert abs(pong["data"]["server_time"] - time.time() * 1000) < 60_000
    data = {"text": "ab", "times": 2, "unknown": 1}
    assert (await client.ask("echo", data))["data"] == {"text": "abab", "user": ada, "connection": client.id}
    assert (await client.ask("echo", {"text": "x", "times": None}))["data"]["text"] == "x"
    assert await client.ask("slow", seq=9) == {"status": "OK", "seq_reply": 9}
    for action in ("presence", "posted_notify_ack"):
        assert (await client.ask(action, {"channel_id": "x"}))["status"] == "OK"
    router, handler = "api.web_socket_router.", "api.websocket_handler."
    for action, body, seq, error_id, status in (
        ("", None, 1, f"{router}no_action.app_error", 400),
        ("ping", None, 0, f"{router}bad_seq.app_error", 400),
        ("ping", None, -5, f"{router}bad_seq.app_error", 400),
        ("dance", None, 1, f"{router}bad_action.app_error", 500),
        ("echo", {"text": 5}, 1, f"{handler}invalid_param.app_error", 400),
        ("echo", None, 1, f"{handler}invalid_param.app_error", 400),
        ("echo", [], 1, f"{handler}invalid_param.app_error", 400),
        ("forbidden", None, 1, "api.context.permissions.app_error", 403),
        ("broken", None, 1, "api.context.internal.app_error", 500),
    ):
        answer = await client.ask(action, body, seq)
        assert (answer["status"], answer["seq_reply"]) == ("FAIL", seq)
        assert (answer["error"]["id"], answer["error"]["status_code"]) == (error_id, status)
        assert len(answer["error"]["request_id"]) == 26
    assert "text" in (await client.ask("echo", {"text": 5}))["error"]["message"]
    assert client.close_code is None


async def test_requests_may_be_msgpack(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.hello(node, world.user())
    await client.socket.send(msgpack.packb({"seq": 3, "action": "echo", "data": {"text": "hi"}}))
    await until(lambda: client.replies)
    assert client.replies[0]["data"]["text"] == "hi"


async def test_the_msgpack_form_has_the_same_fields(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    client = await stage.hello(node, ada, "?format=msgpack")
    post: dict[str, object] = {"id": "p", "message": "grüß\x00"}
    told = Told(text="x", to=in_channel("").to, mentions=(ada,), post=post)
    await node.bus.publish([told, in_channel("end")])
    await client.socket.send(msgpack.packb({"seq": 1, "action": "ping", "data": None}))
    await client.socket.send(json.dumps({"seq": 2, "action": "ping"}))
    await until(lambda: len(client.raw) == 5)
    assert client.frames == []
    got = [msgpack.unpackb(frame) for frame in client.raw if isinstance(frame, bytes)]
    events = [frame for frame in got if "event" in frame]
    assert [event["seq"] for event in events] == [0, 1, 2]
    assert events[1]["data"] == {"text": "x", "mentions": [ada], "post": post}
    assert list(events[1]) == ["event", "data", "broadcast", "seq"]
    assert [frame["seq_reply"] for frame in got if "status" in frame] == [1, 2]


async def test_compressed_events_are_the_same_events(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    plain = await stage.hello(node, ada)
    packed = await stage.hello(node, ada, compression="deflate")
    assert packed.socket.protocol.extensions
    for size in (1, 100, 300, 5000, 70_000):
        mention = Told(text="m", to=in_channel("").to, mentions=(ada,))
        await node.bus.publish([in_channel("lorem ipsum " * size), mention])
    await until(lambda: len(plain.events) == len(packed.events) == 11)
    assert [frame["data"] for frame in packed.events[1:]] == [frame["data"] for frame in plain.events[1:]]
    assert packed.seqs == list(range(11))
    text = "x" * 3000
    await packed.socket.send(json.dumps({"seq": 1, "action": "echo", "data": {"text": text}}))
    await until(lambda: packed.replies)
    assert packed.replies[0]["data"]["text"] == text


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(1, b"not json"), 1007),
        (masked(1, b'{"seq":"1","action":"ping"}'), 1007),
        (masked(1, b"[" * 8000), 1007),
        (masked(1, b'{"seq":1,"action":"ping","data":' + b"[" * 4000 + b"]" * 4000 + b"}"), 1007),
        (masked(1, b'{"seq":1,"action":"\\ud800"}'), None),
        (masked(2, b"\xc1\xff"), 1007),
        (masked(2, b"\x93\x01\x02\x03"), 1007),
        (masked(1, b"\xff"), 1007),
        (masked(1, b"x" * 9000), 1009),
        (masked(1, b"x" * 5000, fin=False) + masked(0, b"x" * 5000), 1009),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        (b"\x00" * 100, 1002),
    ],
)
async def test_garbage_closes_the_socket_and_nothing_else(
    stage: Stage, world: World, data: bytes, code: int | None
) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    good, bad = await stage.hello(node, ada), await stage.hello(node, ada)
    bad.socket.transport.write(data)
    if code is not None:
        await bad.wait_closed()
        assert bad.close_code == code
    await node.bus.publish([in_channel("still here")])
    await until(lambda: good.texts == ["still here"])


async def test_what_unfolds_to_too_much_is_not_unfolded(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    good, bad = await stage.hello(node, ada), await stage.hello(node, ada, compression="deflate")
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = pack.compress(bytes(7_000_000)) + pack.flush(zlib.Z_SYNC_FLUSH)
    frame = bytearray(masked(1, bomb[:-4]))
    frame[0] |= 0x40  # says that it is compressed

    tracemalloc.start()
    bad.socket.transport.write(bytes(frame))
    await bad.wait_closed()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await node.bus.publish([in_channel("still here")])
    await until(lambda: good.texts == ["still here"])

    assert len(bomb) < MAX_MESSAGE
    assert bad.close_code == 1009
    assert (bad.texts, bad.replies) == ([], [])
    assert most < 1_000_000


async def test_fragmented_requests_and_pings(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.hello(node, world.user())
    request = b'{"seq":4,"action":"ping"}'
    data = masked(1, request[:5], fin=False) + masked(9, b"are you there") + masked(0, request[5:])
    for byte in data:
        client.socket.transport.write(bytes((byte,)))
        await asyncio.sleep(0)
    await until(lambda: client.replies)
    assert client.replies[0]["seq_reply"] == 4
    await asyncio.wait_for(await client.socket.ping(), 30)


async def test_a_flood_is_slowed_down(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    flooder, other = await stage.hello(node, ada), await stage.hello(node, ada)
    before, begun = node.gateway.stats.requests, time.monotonic()
    frame = masked(1, b'{"seq":1,"action":"ping"}') + masked(9, b"")
    for _ in range(100):
        flooder.socket.transport.write(frame * 1000)
    assert (await other.ask("ping"))["status"] == "OK"  # it does not wait for the end of that, which is hours away
    await asyncio.sleep(2)
    handled, took = node.gateway.stats.requests - before, time.monotonic() - begun
    assert handled < 80 + took * PER_SECOND / 2  # each request comes along with a ping
    await until(lambda: len(flooder.replies) > 70)
    assert all(reply["status"] == "OK" for reply in flooder.replies)
    await node.bus.publish([in_channel("still heard")])
    await flooder.wait(2)


async def test_whoever_was_slowed_down_is_heard_again(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.hello(node, world.user())
    for seq in range(1, 121):
        await client.socket.send(json.dumps({"seq": seq, "action": "ping"}))
    await until(lambda: len(client.replies) == 120)
    assert [reply["seq_reply"] for reply in client.replies] == list(range(1, 121))
    await asyncio.sleep(0.3)
    assert (await client.ask("ping", seq=121))["seq_reply"] == 121


async def test_requests_in_waiting_are_bounded(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.hello(node, world.user())
    at_once = [masked(1, json.dumps({"seq": seq, "action": "slow"}).encode()) for seq in range(1, 61)]
    client.socket.transport.write(b"".join(at_once))
    await until(lambda: len(client.replies) == 60)
    done = [reply["seq_reply"] for reply in client.replies if reply["status"] == "OK"]
    assert done == sorted(done)
    assert 33 <= len(done) < 60
    assert all(reply["error"]["status_code"] == 503 for reply in client.replies if reply["status"] == "FAIL")


async def test_an_ended_session_gets_nothing_more_and_is_closed(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gateway.registry.ENDED_SECONDS", PATIENCE)
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    gone, stays, away = [await stage.hello(two, ada) for _ in range(3)]
    sessions = list(world.sessions.values())
    await away.drop()
    for token in [token for token, session in world.sessions.items() if session.id != sessions[1].id]:
        del world.sessions[token]

    ended = SessionsEnded(user_id=ada, session_ids=(sessions[0].id, sessions[2].id))
    await one.bus.publish([in_channel("before"), ended, in_channel("after"), for_user("after", ada)])

    await until(lambda: stays.texts == ["before", "after", "after"])
    answer = await gone.ask("ping")
    assert answer["error"]["status_code"] == 401
    two.gateway._registry.ending = dict.fromkeys(two.gateway._registry.ending, 0.0)  # its time is over
    await gone.wait_closed()
    assert gone.texts in ([], ["before"])
    back = await stage.resume(two, ada, away)
    await until(lambda: back.events)
    assert back.events[0]["event"] == "hello"
    assert back.id != away.id


async def test_a_session_that_ends_while_it_signs_in_gets_nothing(stage: Stage, world: World) -> None:
    one, two = await stage.node(), await stage.node()
    ada = world.user("channel:c")
    token = world.token(ada)

    async def revoke() -> None:
        world.sessions.pop(token, None)
        await two.bus.publish([SessionsEnded(user_id=ada)])

    world.before_rooms = revoke
    client = await stage.open(one, token)
    await client.wait_closed()
    assert client.events == []


async def test_an_expired_session_is_closed(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    token = world.token(ada, expires_at=int(time.time() * 1000) + 300)
    client = await stage.open(node, token)
    await until(lambda: client.events)
    await asyncio.sleep(0.3)
    del world.sessions[token]  # the real one no longer gives it out
    await client.wait_closed()
    await node.bus.publish([in_channel("after")])
    assert client.texts == []


async def test_a_changed_role_changes_what_is_seen(stage: Stage, world: World) -> None:
    node = await stage.node()
    ada = world.user("channel:c")
    client = await stage.hello(node, ada)
    world.admins.add(ada)
    await node.bus.publish([in_channel("1", sensitive=True), SessionsChanged(user_id=ada)])
    await until(lambda: node.gateway.hub.users[ada].connections[0].is_admin)
    await node.bus.publish([in_channel("2", sensitive=True), in_channel("3", sanitized=True)])
    await until(lambda: client.texts == ["2"])


async def test_a_node_that_drains_takes_nobody(stage: Stage, world: World) -> None:
    node = await stage.node()
    client = await stage.hello(node, world.user())
    draining = asyncio.ensure_future(node.gateway.drain(0.5))
    await asyncio.sleep(0.01)
    with pytest.raises(InvalidStatus) as caught:
        await stage.open(node)
    assert caught.value.response.status_code == 503
    assert caught.value.response.headers["Retry-After"] == "1"
    await client.wait_closed()
    assert client.close_code == 1001
    await draining
