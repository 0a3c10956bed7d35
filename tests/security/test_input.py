"""Bad input at the edges: deep, huge, repetitive and foreign, over REST and the socket: no failure, and in time."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.app import ACTIONS
from server.ids import new_id
from tests.clients_of import Client, Reply
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.waiting import PATIENCE

Clients = Callable[..., Client]
Sockets = Callable[..., Any]

MOST_SECONDS = 1.0
"""Of CPU that any one request may take."""


class Watch:
    """Measures the CPU time of this process, in which the nodes run, around requests."""

    async def __call__(self, request: Any) -> Reply:
        before = time.process_time()
        reply: Reply = await request
        spent = time.process_time() - before
        assert spent < MOST_SECONDS, f"{spent:.2f} s of CPU: {reply}"
        assert reply.status < 500, reply
        return reply


watch = Watch()


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """JSON that is so deep."""
    return (opening * depth + closing * depth).encode()


@pytest.mark.parametrize(("depth", "status"), [(90, 201), (101, 400), (939, 400), (10_000, 400), (1_000_000, 400)])
async def test_deep_props_are_refused(make: Make, client: Clients, depth: int, status: int) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    body = b'{"channel_id":"%s","message":"x","props":{"a":%s}}' % (channel.id.encode(), nested(depth))

    made = await watch(client(ada).post("/posts", body))
    page = await watch(client(ada).get(f"/channels/{channel.id}/posts"))

    assert made.status == status, made
    assert page.status == 200


SPAM = {
    "stars": "*" * 16_383,
    "ticks": "`" * 16_383,
    "ticks and words": "`a" * 8_191,
    "growing ticks": " ".join("`" * count for count in range(1, 180)),
    "fences": "```\n" * 4_000,
    "tildes": "~~~\n" * 4_000,
    "at": "@" * 16_383,
    "names": " ".join(f"@a{number}" for number in range(2_000)),
    "names and marks": " ".join(f"@a{number}{'.' * 50}" for number in range(260)),
    "marks": "@a" + "." * 16_000,
    "parts": "a." * 8_191,
    "hashes": "#" * 16_383,
    "tags": " ".join(f"#tag{number}" for number in range(1_800)),
    "tag of dots": "#a" + ".a" * 8_000,
    "brackets": "[" * 16_383,
    "links": "[a](" * 4_000,
    "references": "[a]: " * 3_000,
    "images": "![](" * 4_000 + ")",
    "colons": ":" * 16_383,
    "addresses": "http://" * 2_300,
    "angles": "<http:" * 2_700,
    "indents": "    \n" * 3_200,
    "cjk": "\u5b57" * 16_383,
    "cjk words": " ".join(chr(0x4E00 + number) for number in range(8_000)),
    "emoji": "\U0001f600" * 16_383,
    "marks on letters": "a" + "\u0301" * 16_000,
    "right to left": "\u202e" * 16_383,
    "blanks": " " * 16_383,
    "lines": "\n" * 16_383,
}


@pytest.mark.parametrize("name", SPAM)
async def test_repetitive_messages_cost_little(make: Make, client: Clients, name: str) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, members=[ada, bob])
    keys = ",".join([*(chr(0x4E00 + number) for number in range(300)), "a", "tag", "*" * 200])
    patch = {"notify_props": {"mention_keys": keys, "first_name": "true"}, "first_name": "\u5b57"}
    (await client(bob).put("/users/me/patch", patch)).ok()
    attachments = {"attachments": [{"text": SPAM[name], "pretext": SPAM[name]}]}

    made = await watch(client(ada).post("/posts", {"channel_id": channel.id, "message": SPAM[name]}))
    with_props = {"channel_id": channel.id, "message": "x", "props": attachments}
    attached = await watch(client(ada).post("/posts", with_props))
    header = await watch(client(ada).put(f"/channels/{channel.id}/patch", {"header": SPAM[name][:1024]}))
    changed = await watch(client(ada).put(f"/posts/{made.json['id']}/patch", {"message": SPAM[name][::-1]}))

    assert (made.status, attached.status, header.status, changed.status) == (201, 201, 200, 200)


async def test_much_text_in_attachments_costs_little(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    words = " ".join(f"@w{number}" for number in range(8_000))
    props = {"attachments": [{"text": words, "fallback": "x"} for _ in range(10)]}

    made = await watch(client(ada).post("/posts", {"channel_id": channel.id, "message": "x", "props": props}))
    larger = await watch(client(ada).post("/posts", {"channel_id": channel.id, "props": {"a": "x" * 1_000_000}}))

    assert made.status == 201
    assert larger.status == 400


LISTS = (
    "/users/ids",
    "/users/usernames",
    "/users/status/ids",
    "/users/group_channels",
    "/channels/stats/member_count",
    "/posts/ids",
    "/posts/ids/reactions",
    "/channels/members/me/mark_read",
    "/roles/names",
    "/emoji/names",
    "/channels/group",
    "/channels/direct",
)


@pytest.mark.parametrize("path", LISTS)
async def test_long_lists_are_refused_and_the_longest_cost_little(
    make: Make, client: Clients, admin: Person, path: str
) -> None:
    ids = [new_id() for _ in range(12_000)]

    larger = await watch(client(admin).post(path, ids))
    refused = await watch(client(admin).post(path, ids[:10_100]))
    longest = await watch(client(admin).post(path, ids[:1_000]))

    assert larger.status == 413
    assert refused.status == 400
    assert longest.status < 500


PAGING = ("-1", "0", "1.5", "abc", "9" * 30, "9223372036854775807", "10000000", "%00", "\u0661", "")


@pytest.mark.parametrize("path", ["/users?", "/channels/{channel}/posts?", "/teams/{team}/channels?", "/channels?"])
async def test_absurd_paging_is_no_failure(make: Make, client: Clients, admin: Person, path: str) -> None:
    team = await make.team()
    channel = await make.channel(team)
    path = path.format(team=team.id, channel=channel.id)

    for value in PAGING:
        for name in ("page", "per_page", "since", "before", "after", "include_deleted", "sort"):
            await watch(client(admin).get(f"{path}{name}={value}"))


TEXTS = (
    "\0",
    "a\0b",
    "\ufffe",
    "\U0010ffff",
    "\r\nSet-Cookie: a=b",
    "%",
    "_",
    "\\",
    "'; DROP TABLE users; --",
    "{0}",
    "$1",
)


@pytest.mark.parametrize("text", TEXTS)
async def test_odd_texts_are_no_failure(make: Make, client: Clients, text: str) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    asked = [
        ("POST", "/users/search", {"term": text}),
        ("POST", "/users/usernames", [text]),
        ("POST", "/users/login", {"login_id": text, "password": text}),
        ("POST", "/users/password/reset", {"token": text, "new_password": text}),
        ("POST", "/users/password/reset/send", {"email": text}),
        ("POST", "/teams/search", {"term": text}),
        ("POST", f"/teams/{team.id}/channels/search", {"term": text}),
        ("POST", "/channels/group/search", {"term": text}),
        ("POST", "/posts", {"channel_id": channel.id, "message": text, "props": {text: text}}),
        ("POST", "/posts", {"channel_id": text, "root_id": text, "message": "x", "pending_post_id": text}),
        ("POST", "/reactions", {"user_id": ada.id, "post_id": text, "emoji_name": text}),
        ("PUT", "/users/me/patch", {"nickname": text[:60], "props": {text: text}, "timezone": {text: text}}),
        ("PUT", "/users/me/preferences", [{"user_id": ada.id, "category": text, "name": text, "value": text}]),
        ("PUT", "/users/me/status/custom", {"emoji": text, "text": text, "expires_at": text}),
        ("PUT", "/users/sessions/device", {"device_id": text}),
        ("POST", f"/users/me/teams/{team.id}/channels/categories", {"display_name": text}),
        ("POST", f"/teams/{team.id}/channels/ids", [text]),
        ("PUT", f"/channels/{channel.id}/patch", {"header": text, "display_name": text}),
        ("PUT", f"/channels/{channel.id}/members/{ada.id}/notify_props", {text: text}),
        ("POST", "/teams", {"name": text, "display_name": text, "type": "O", "allowed_domains": text}),
    ]
    for method, path, body in asked:
        await watch(client(ada).request(method, path, body))
        # A lone surrogate can only be written as an escape.
        broken = json.dumps(body).replace(json.dumps(text)[1:-1], "\\ud800")
        assert (await watch(client(ada).request(method, path, broken.encode()))).status in (400, 401, 403, 404)
    quoted = quote(text, safe="")
    for path in (
        f"/users/username/{quoted}",
        f"/users/email/{quoted}",
        f"/teams/name/{quoted}",
        f"/teams/name/{quoted}/exists",
        f"/teams/{team.id}/channels/name/{quoted}",
        f"/teams/invite/{quoted}",
        f"/users/me/preferences/{quoted}",
        f"/roles/name/{quoted}",
        f"/users/autocomplete?name={quoted}",
        f"/teams/{team.id}/channels/autocomplete?name={quoted}",
        f"/teams/{team.id}/channels/search_autocomplete?name={quoted}",
        f"/users?in_team={team.id}&sort={quoted}&role={quoted}",
        "/users/me?%ff=%fe&a=%ed%a0%80",
    ):
        reply = await watch(client(ada).get(path))
        assert "set-cookie" not in reply.headers


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        *(name for actions in ACTIONS for name in actions.handlers),
        "ping",
        "presence",
        "authentication_challenge",
        "nothing",
        "",
    ]
)
REQUESTS = ANYTHING | st.fixed_dictionaries(
    {"seq": st.integers(-5, 2**31) | ANYTHING, "action": NAMES | ANYTHING},
    optional={
        "data": ANYTHING
        | st.dictionaries(
            st.sampled_from(["channel_id", "parent_id", "user_ids", "user_is_active", "manual", "token"]), ANYTHING
        )
    },
)


@pytest.mark.parametrize("packed", [False, True])
async def test_any_socket_message_is_answered_or_closes_the_socket(
    make: Make, node: TestNode, client: Clients, packed: bool
) -> None:
    ada = await make.user()
    query = "?format=msgpack" if packed else ""
    url = f"ws://127.0.0.1:{node.port}/api/v4/websocket{query}"
    generated: list[Any] = []

    @settings(max_examples=150, database=None, derandomize=True, deadline=None)
    @given(REQUESTS)
    def gather(message: Any) -> None:
        generated.append(message)

    gather()
    codes = set()
    for start in range(0, len(generated), 15):
        async with connect(url, additional_headers={"Authorization": f"Bearer {ada.token}"}) as connection:
            try:
                for message in generated[start : start + 15]:
                    try:
                        payload = msgspec.msgpack.encode(message) if packed else json.dumps(message)
                    except (OverflowError, msgspec.MsgspecError):
                        continue
                    await connection.send(payload)
                await connection.send(b"\x83\xa3seq\x01\xa6action" if packed else "{")
                while True:
                    await asyncio.wait_for(connection.recv(), 30)
            except ConnectionClosed as closed:
                codes.add(closed.rcvd.code if closed.rcvd else 0)

    assert codes <= {1007, 1008}
    assert (await client(ada).get("/users/me")).status == 200


async def _answer(connection: ClientConnection) -> Any:
    """The next frame that is no event, or the code with which the connection was closed."""
    try:
        while "event" in (frame := json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))):
            pass
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0
    return frame


async def test_deep_and_foreign_socket_messages(make: Make, node: TestNode, socket: Sockets) -> None:
    ada, eve = await make.users(2)
    team = await make.team(members=[ada, eve])
    private = await make.channel(team, owner=ada, type="P")
    async with socket(ada) as hers, socket(eve) as events:
        typing = await events.action("user_typing", {"channel_id": private.id})
        nowhere = await events.action("user_typing", {"channel_id": new_id()})
        many = await events.action("get_statuses_by_ids", {"user_ids": [ada.id] * 250})
        heard = await hers.names()
    url = f"ws://127.0.0.1:{node.port}/api/v4/websocket"
    for payload in (b"\x91" * 8000, "[" * 8000, '{"seq":1,"action":"ping","data":' + "[" * 3000 + "]" * 3000 + "}"):
        async with connect(url, additional_headers={"Authorization": f"Bearer {eve.token}"}) as connection:
            await connection.recv()
            await connection.send(payload)
            reply = await _answer(connection)
        assert reply == 1007 or reply["status"] == "OK"

    assert typing["error"]["status_code"] == nowhere["error"]["status_code"] == 403
    assert set(many["data"]) == {ada.id}
    assert "typing" not in heard
