"""Clients that ask for large answers and don't read them: they are let go, and hold little of the node's memory."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.http import protocol
from server.http.protocol import BoundedHttp
from tests.nodes import TestNode

LARGE = b"GET /api/v4/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
START = b"HTTP/1.1 200 OK"
IN_LINE = 20
"""All of them together are more than the systems of both sides keep."""
LOOK = 0.05


@contextlib.asynccontextmanager
async def asking(node: TestNode, in_line: int = IN_LINE) -> AsyncIterator[socket.socket]:
    """A connection that has asked for far more than it can take before it reads."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", node.port))
        await loop.sock_sendall(client, LARGE * in_line)
        yield client


async def read(client: socket.socket, size: int = 1 << 20) -> bytes:
    """Some bytes, none when the server has ended the connection, one way or the other."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, size), 30)
    return b""


async def slow_ones(number: int) -> None:
    """Wait until so many connections hold answers for clients that don't take them."""
    async with asyncio.timeout(30):
        while len(BoundedHttp._slow) != number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(autouse=True)
async def often(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are looked at often; there is none left of an earlier test that counts as slow."""
    await slow_ones(0)
    monkeypatch.setattr(protocol, "CHECK_SECONDS", LOOK)


@pytest.fixture
def little_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system keeps little of what is sent: it is seen soon that a client reads."""
    made = BoundedHttp.connection_made

    def connected(connection: BoundedHttp, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
        made(connection, transport)

    monkeypatch.setattr(BoundedHttp, "connection_made", connected)


async def test_a_client_that_takes_nothing_is_cut_off(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(node) as client:
        await slow_ones(1)
        monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.5)
        await slow_ones(0)
        taken = 0
        while chunk := await read(client):
            taken += len(chunk)
        assert taken < IN_LINE * 300_000


async def test_a_client_that_keeps_reading_gets_everything(
    node: TestNode, little_kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, is_unread = 0, BoundedHttp._is_unread

    def looked_at(connection: BoundedHttp, left: int, now: float) -> bool:
        nonlocal looks
        looks += 1
        return is_unread(connection, left, looks * LOOK)  # also where looks are late: then so is the client

    monkeypatch.setattr(BoundedHttp, "_is_unread", looked_at)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 1.0)
    async with asking(node, in_line=10) as client:
        await slow_ones(1)
        answered, tail = 0, b""
        while answered < 10 or tail[-1:] != b"}":
            chunk = await read(client, 300_000)
            assert chunk, answered
            answered += (tail + chunk).count(START)
            tail = (tail + chunk)[1 - len(START) :]
            await asyncio.sleep(0.03)
        assert looks * LOOK > 1.0


async def test_of_too_many_bytes_those_go_first_that_have_waited_longest(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_UNREAD", 500_000)
    async with contextlib.AsyncExitStack() as stack:
        clients, seen = [], set[BoundedHttp]()
        for number in range(1, 7):
            clients.append(await stack.enter_async_context(asking(node)))
            async with asyncio.timeout(30):
                while len(seen) < number:
                    await asyncio.sleep(0.02)
                    seen |= BoundedHttp._slow.keys()
        held = sum(each.transport.get_write_buffer_size() for each in BoundedHttp._slow)
        assert 0 < held <= 500_000
        assert 1 <= len(BoundedHttp._slow) < 6
        first = 0
        while chunk := await read(clients[0]):
            first += len(chunk)
        assert first < IN_LINE * 300_000
