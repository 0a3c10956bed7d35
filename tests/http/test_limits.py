"""Limits of the way in: sizes, methods, garbage, and what every answer carries."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from server.http import protocol
from server.http.protocol import MAX_HEADERS
from server.http.router import LARGE_BODY
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode


async def raw(node: TestNode, *chunks: bytes, wait: float = 30) -> bytes:
    """What the node answers to bytes on a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), wait)
    except (ConnectionResetError, BrokenPipeError):
        return b""
    finally:
        writer.close()


def refusal_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    error = json.loads(body)
    assert b"content-type: application/json\r\n" in head + b"\r\n"
    assert error["status_code"] == int(head.split()[1])
    return error["status_code"], error["id"]


async def test_unknown_paths_and_methods_get_the_usual_error_body(client: Callable[..., Client]) -> None:
    unknown = await client().get("/no/such/thing")
    method = await client().request("PATCH", "/users/login")
    outside = await client().get("//nowhere")

    assert (unknown.status, unknown.error_id) == (404, "api.context.404.app_error")
    assert (method.status, method.error_id) == (405, "api.context.method_not_allowed.app_error")
    assert method.headers["allow"] == "POST"
    assert (outside.status, outside.error_id) == (404, "api.context.404.app_error")
    assert outside.headers["content-type"] == "application/json"


async def test_every_answer_tells_its_request_and_version(client: Callable[..., Client]) -> None:
    replies = [await client().get(path) for path in ("/system/ping", "/users/me", "/nothing")]

    assert len({reply.headers["x-request-id"] for reply in replies}) == 3
    assert all(reply.headers["x-version-id"].count(".") == 5 for reply in replies)
    assert all(reply.headers["content-type"] == "application/json" for reply in replies)


async def test_a_long_url_is_refused(client: Callable[..., Client], settings: Callable[..., None]) -> None:
    path = "/users/usernames?x="
    long = path + "a" * (2048 - len("/api/v4/users/usernames") - len("x="))
    fits, over = await client().get(long), await client().get(long + "a")
    settings(ServiceSettings={"MaximumURLLength": 3000})
    allowed = await client().get(long + "a")

    assert (fits.status, allowed.status) == (405, 405)
    assert (over.status, over.error_id) == (414, "api.context.url_too_long.app_error")


async def test_large_headers_are_refused(client: Callable[..., Client], node: TestNode) -> None:
    reply = await client().get("/system/ping", headers={"x-large": "a" * MAX_HEADERS})
    endless = await raw(node, b"GET / HTTP/1.1\r\n", *[b"x-more: " + b"a" * 1000 + b"\r\n"] * 200)

    assert (reply.status, reply.error_id) == (431, "api.context.headers_too_large.app_error")
    assert endless == b"" or refusal_of(endless) == (431, "api.context.headers_too_large.app_error")


async def test_a_large_body_is_refused_before_and_while_it_is_read(
    client: Callable[..., Client], settings: Callable[..., None]
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(300_000 // 65_536 + 2):
            yield b" " * 65_536

    body = b'{"login_id":"nobody","password":"x"}'
    fits = await client().post("/users/login", body + b" " * (300_000 - len(body)))
    announced = await client().post("/users/login", body + b" " * (300_001 - len(body)))
    streamed = await client().request("POST", "/users/login", content=endless())
    settings(ServiceSettings={"MaximumPayloadSizeBytes": 300_001})
    allowed = await client().post("/users/login", body + b" " * (300_001 - len(body)))

    assert (fits.status, allowed.status) == (401, 401)
    assert (announced.status, announced.error_id) == (413, "api.context.request_body_too_large.app_error")
    assert (streamed.status, streamed.error_id) == (413, "api.context.request_body_too_large.app_error")


async def test_posts_may_be_larger_than_most(client: Callable[..., Client], make: Make) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    made = await client(ada).post("/posts", {"channel_id": channel.id, "props": {"a": "x" * 790_000}})
    over = await client(ada).post("/posts", b" " * (LARGE_BODY + 1))

    assert made.status == 201
    assert (over.status, over.error_id) == (413, "api.context.request_body_too_large.app_error")


async def test_garbage_is_refused_in_the_usual_words(node: TestNode) -> None:
    answer = await raw(node, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS or something\r\n\r\n")

    assert refusal_of(answer) == (400, "api.context.invalid_request.app_error")


async def test_a_client_that_dribbles_its_head_is_let_go(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)

    assert await raw(node, b"GET /api/v4/system/ping HT") == b""


async def test_a_body_may_take_long_as_long_as_it_keeps_coming(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 1.2)
    monkeypatch.setattr(protocol, "LEAST_RATE", 1000)  # each piece gives as much time as a busy machine may take
    head = b"POST /api/v4/users/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    body = b'{"login_id": "nobody", "password": "' + b"x" * 64_000 + b'"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(head % len(body))
    for start in range(0, len(body), 8000):
        writer.write(body[start : start + 8000])
        await writer.drain()
        await asyncio.sleep(0.2)

    assert (await reader.readline()).startswith(b"HTTP/1.1 4")
    writer.close()
    assert await raw(node, head % 1000, b"{") == b""


@pytest.mark.parametrize("path", ["/users/%ff%fe/image", "/users/a%00b", "/teams/name/%c0%80"])
async def test_paths_that_are_no_text_are_refused(client: Callable[..., Client], path: str) -> None:
    reply = await client().get(path)

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_url_param.app_error")


async def test_large_answers_are_packed_for_those_who_ask(node: TestNode, make: Make) -> None:
    headers = {"authorization": f"Bearer {make.admin.token}", "accept-encoding": "gzip"}
    async with httpx.AsyncClient(base_url=node.url) as http:
        request = http.build_request("GET", "/api/v4/config", headers=headers)
        answer = await http.send(request, stream=True)
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
        await answer.aclose()

    assert answer.headers["content-encoding"] == "gzip"
    assert "ServiceSettings" in json.loads(gzip.decompress(packed))


@pytest.mark.parametrize(
    ("accepted", "large", "small"),
    [
        ("gzip", True, False),
        ("deflate, gzip;q=1.0, *;q=0.5", True, False),
        ("br, gzip ; q=0.2", True, False),
        ("gzip;q=0", False, False),
        ("gzip;q=0.000, deflate", False, False),
        ("deflate, *;q=0", False, False),
        ("*, gzip;q=0", False, False),
        ("gzip;q=0.5, identity", False, False),
        ("br", False, False),
        ("gzip;q=no, ;,;q=1", False, False),
        ("identity;q=0, gzip", True, True),
        ("gzip, *;q=0", True, True),
        ("gzip, *;q=0, identity;q=0.1", True, False),
    ],
)
async def test_answers_are_packed_for_those_who_want_them_so(
    accepted: str, large: bool, small: bool, client: Callable[..., Client], admin: Person
) -> None:
    headers = {"accept-encoding": accepted}
    config = await client(admin).get("/config", headers=headers)
    ping = await client().get("/system/ping", headers=headers)

    assert ["content-encoding" in answer.headers for answer in (config, ping)] == [large, small]
    assert "ServiceSettings" in config.ok()
    assert ping.ok()["status"] == "OK"


async def test_a_head_request_gets_the_headers_alone(client: Callable[..., Client], admin: Person) -> None:
    reply = await client(admin).request("HEAD", "/users/me")

    assert reply.status == 200
    assert int(reply.headers["content-length"]) > 100
    assert reply.content == b""


async def test_a_token_in_the_url_is_refused_and_not_repeated(client: Callable[..., Client], admin: Person) -> None:
    reply = await client().get(f"/users/me?access_token={admin.token}")

    assert (reply.status, reply.error_id) == (401, "api.context.token_provided.app_error")
    assert admin.token not in reply.text


@pytest.mark.parametrize("token", ["-", "x" * 26, "a" * 300, "\u00e4\u00f6", "Bearer", "' OR 1=1"])
async def test_a_bad_token_is_no_session(client: Callable[..., Client], token: str) -> None:
    headers = {"authorization": b"Bearer " + token.encode()}
    private = await client().get("/users/me", headers=headers)
    public = await client().get("/system/ping", headers=headers)

    assert (private.status, private.error_id) == (401, "api.context.session_expired.app_error")
    assert public.status == 200
