"""Requests that a client sends before those in front of them are answered: in order, and not without an end."""

import asyncio
import contextlib
import re

import pytest

from server.http.protocol import MOST_IN_LINE, BoundedHttp
from tests.nodes import TestNode

PING = b"GET /api/v4/system/ping HTTP/1.1\r\nHost: a\r\n\r\n"
UNKNOWN = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = (
    b"GET /api/v4/websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def answers(node: TestNode, data: bytes) -> list[int]:
    """The status of each answer to some bytes, until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        writer.write(data)
        return statuses(await asyncio.wait_for(reader.read(), 30))
    finally:
        writer.close()


def statuses(told: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", told)]


async def test_answers_come_in_the_order_of_the_requests(node: TestNode) -> None:
    last = PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert await answers(node, PING + UNKNOWN + PING + last) == [200, 404, 200, 200]


@pytest.mark.parametrize(
    "after",
    [b"\0 garbage\r\n\r\n", UPGRADE, UPGRADE.replace(b"13", b"12")],
    ids=["garbage", "an upgrade", "an upgrade that makes no sense"],
)
async def test_nothing_is_written_before_answers_that_are_owed(node: TestNode, after: bytes) -> None:
    assert await answers(node, PING + UNKNOWN + after) == [200, 404]


async def test_a_body_that_breaks_off_in_line_takes_no_answer_with_it(node: TestNode) -> None:
    broken = b"POST /api/v4/users/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert await answers(node, broken) == [400]
    assert await answers(node, UNKNOWN + PING + broken) == [404, 200]


async def test_of_too_many_requests_the_first_are_answered(node: TestNode) -> None:
    assert await answers(node, UNKNOWN * (MOST_IN_LINE + 50)) == [404] * (MOST_IN_LINE + 1)


async def test_whoever_sends_faster_than_it_is_answered_is_not_read_without_end(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0
    begin = BoundedHttp.on_message_begin

    def counted(connection: BoundedHttp) -> None:
        nonlocal begun
        begun += 1
        begin(connection)

    monkeypatch.setattr(BoundedHttp, "on_message_begin", counted)
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)

    async def flood() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"GET /x HTTP/1.1\r\n\r\n" * 1000)
                await writer.drain()

    flooding = asyncio.create_task(flood())
    try:
        told = b""
        with contextlib.suppress(ConnectionError):
            while chunk := await asyncio.wait_for(reader.read(1 << 16), 30):
                told += chunk
    finally:
        flooding.cancel()
        writer.close()
    assert statuses(told) == [404] * (MOST_IN_LINE + 1)
    assert begun == MOST_IN_LINE + 2
