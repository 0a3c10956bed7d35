"""Requests as bytes on a connection: each bound of size and form, and the exact answer beyond it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from server.http.params import MAX_QUERY_FIELDS
from server.http.protocol import MAX_HEAD, MAX_HEADERS
from tests.make import Make
from tests.nodes import TestNode

SENTENCES = {
    "api.context.invalid_body_param.app_error": "Invalid or missing {} in the request body.",
    "api.context.invalid_url_param.app_error": "Invalid or missing {} in the request URL.",
    "api.context.url_too_long.app_error": "The URL is too long.",
    "api.context.headers_too_large.app_error": "The headers are too large.",
    "api.context.request_body_too_large.app_error": "The request body is too large.",
    "api.context.invalid_request.app_error": "This is not a valid HTTP request.",
}


async def send(node: TestNode, data: bytes) -> tuple[int, dict[str, Any]]:
    """Status and error of the answer to some bytes; it is the whole of what comes, and the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    assert headers["content-length"] == str(len(body))
    assert headers["content-type"] == "application/json"
    error = json.loads(body)
    assert error.pop("request_id", None) == headers["x-request-id"], error
    return int(lines[0].split()[1]), error


def request(path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> bytes:
    """A request whose connection ends with its answer; with a body it is a POST."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def refusal(status: int, id: str, name: str = "") -> tuple[int, dict[str, Any]]:
    """What is answered: every field of it but the request's id."""
    message = SENTENCES[id].format(name)
    return status, {"id": id, "message": message, "detailed_error": "", "status_code": status}


def bad_body(name: str = "body") -> tuple[int, dict[str, Any]]:
    return refusal(400, "api.context.invalid_body_param.app_error", name)


LOGIN = b'{"login_id":"%b","password":"x"}'
BODIES = {
    "10,000 lists": (b"[" * 10_000 + b"]" * 10_000, "body"),
    "10,000 objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "body"),
    "10,000 lists in a field that nobody knows": (
        b'{"login_id":"a","password":"x","z":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "body",
    ),
    "10,000 lists without an end": (b"[" * 10_000, "body"),
    "a NUL byte in a text": (LOGIN % b"a\0b", "body"),
    "a NUL as an escape": (LOGIN % b"a\\u0000b", "login_id"),
    "a NUL in a name": (b'{"login\\u0000_id":"a"}', "body"),
    "half of a pair of surrogates": (LOGIN % b"\\ud800", "body"),
    "the other half": (LOGIN % b"\\udc00", "body"),
    "surrogates the wrong way round": (LOGIN % b"\\udc00\\ud800", "body"),
    "surrogates as bytes": (LOGIN % b"\xed\xa0\x80", "body"),
    "overlong UTF-8": (LOGIN % b"\xc0\x80", "body"),
    "Latin-1": (LOGIN % b"\xe4", "body"),
    "UTF-16": ('{"login_id":"a"}'.encode("utf-16"), "body"),
    "nothing": (b"", "body"),
    "blanks": (b"  ", "body"),
    "no JSON": (b"login_id=a", "body"),
    "two values": (b"{} {}", "body"),
    "NaN": (b'{"login_id":NaN}', "body"),
    "a list": (b"[]", "body"),
    "a number": (b"1", "body"),
    "a number for a text": (b'{"login_id":1}', "login_id"),
}


@pytest.mark.parametrize("case", BODIES)
async def test_bodies_that_make_no_sense(node: TestNode, case: str) -> None:
    body, name = BODIES[case]

    assert await send(node, request("/api/v4/users/login", body)) == bad_body(name)


NUMBERS = (b"1" * 400, b"-" + b"1" * 400, b"1e400", b"-1e400", b"9223372036854775808", b"1e19", b"1.5", b"1e-9999")


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.decode()[:24])
async def test_numbers_that_no_field_can_hold(node: TestNode, make: Make, number: bytes) -> None:
    headers = {"Authorization": f"Bearer {make.admin.token}"}
    channel = await make.channel(await make.team(), members=[])
    body = b'{"channel_id":"%b","message":"x","scheduled_at":%b}' % (channel.id.encode(), number)
    status, error = await send(node, request("/api/v4/posts/schedule", body, headers))

    assert status == 400
    assert error["id"] in (
        "api.context.invalid_body_param.app_error",
        "model.scheduled_post.is_valid.scheduled_at.app_error",
    )


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "1e5", "1.5", "9223372036854775808", "%d9%a1", "0x10"])
async def test_numbers_in_urls_that_no_field_can_hold(node: TestNode, make: Make, number: str) -> None:
    headers = {"Authorization": f"Bearer {make.admin.token}"}
    team = await make.team()
    channel = await make.channel(team)
    path = f"/api/v4/channels/{channel.id}/posts?since={number}"

    assert await send(node, request(path, headers=headers)) == bad_body("since")


async def test_urls(node: TestNode, make: Make) -> None:
    headers = {"Authorization": f"Bearer {make.admin.token}"}
    long = refusal(414, "api.context.url_too_long.app_error")
    url = refusal(400, "api.context.invalid_url_param.app_error", "path")
    fields = "&".join(f"a{number}=1" for number in range(MAX_QUERY_FIELDS + 1))

    assert await send(node, request("/api/v4/users/" + "a" * 2048)) == long
    assert await send(node, request("/api/v4/users?page=" + "1" * 2048)) == long
    assert await send(node, request("/" * 2100)) == long
    assert await send(node, request("/api/v4/users/%00")) == url
    assert await send(node, request("/api/v4/users/%ff")) == url
    assert await send(node, request("/api/v4/users/%ed%a0%80")) == url
    assert await send(node, request("/api/v4/users/me%")) == refusal(
        400, "api.context.invalid_url_param.app_error", "user_id"
    )
    assert await send(node, request(f"/api/v4/users?{fields}", headers=headers)) == bad_body("query")
    assert await send(node, request("/api/v4/users?sort=%ed%a0%80", headers=headers)) == bad_body("query")
    assert await send(node, request("/api/v4/users?sort=%00", headers=headers)) == bad_body("sort")


async def test_heads(node: TestNode) -> None:
    large = refusal(431, "api.context.headers_too_large.app_error")
    no_http = refusal(400, "api.context.invalid_request.app_error")
    path = "/api/v4/system/ping"
    login = "/api/v4/users/login"

    assert await send(node, request(path, headers={"X-A": "a" * MAX_HEADERS})) == large
    assert await send(node, request(path, headers={f"X-{number}": "a" for number in range(6_000)})) == large
    assert await send(node, b"GET /" + b"a" * (MAX_HEAD + 1)) == large
    assert await send(node, b"GET " + path.encode() + b" HTTP/1.1\r\nX-A: a\0b\r\n\r\n") == no_http
    assert await send(node, request(login, b"{}", {"Content-Length": "2"})) == no_http
    assert await send(node, request(login, b"{}", {"Transfer-Encoding": "chunked"})) == no_http
    assert await send(node, request(login, headers={"Content-Length": "-1"})) == no_http
    assert await send(node, request(login, headers={"Content-Length": "9" * 30})) == no_http
    assert await send(node, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n") == no_http
    assert await send(node, b"\0\0\0\0\r\n\r\n") == no_http
    assert await send(node, b"\0" * (MAX_HEAD + 1)) == no_http
    assert await send(node, b"CONNECT /api/v4/users HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n") == no_http


@pytest.mark.parametrize("trailers", [b"X-A: b\r\n" * 100_000, b"X-A: " + b"a" * 800_000], ids=["many", "a long one"])
async def test_what_follows_a_body_has_a_bound(node: TestNode, trailers: bytes) -> None:
    large = refusal(431, "api.context.headers_too_large.app_error")
    head = b"POST /api/v4/users/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert await send(node, head + b"2\r\n{}\r\n0\r\n" + trailers) == large


async def test_trailers_mean_nothing(node: TestNode) -> None:
    head = b"POST /api/v4/users/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert await send(node, head + b"2\r\n[]\r\n0\r\nContent-Type: text/plain\r\n\r\n") == bad_body()


async def test_sizes(node: TestNode) -> None:
    large = refusal(413, "api.context.request_body_too_large.app_error")
    path = "/api/v4/users/login"
    chunks = b"493e1\r\n" + b" " * 300_001 + b"\r\n0\r\n\r\n"
    chunked = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    assert await send(node, request(path, b" " * 300_001)) == large
    assert await send(node, chunked + chunks) == large
    # Refused by its announcement: nothing of it was sent.
    assert await send(node, request(path, b"").replace(b"Length: 0", b"Length: 999999999999")) == large
