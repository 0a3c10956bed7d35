"""Clients that ask for large answers and don't read them: they are let go, and hold little of the node's memory."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from server.http import protocol
from server.http.protocol import BoundedHttp
from tests.nodes import TestNode

LARGE = b"GET /api/v4/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
START = b"HTTP/1.1 200 OK"
IN_LINE = 20
"""All of them together are more than the systems of both sides keep."""


@contextlib.asynccontextmanager
async def asking(node: TestNode) -> AsyncIterator[socket.socket]:
    """A connection that has asked for far more than it can take before it reads."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", node.port))
        await loop.sock_sendall(client, LARGE * IN_LINE)
        yield client


async def read(client: socket.socket, size: int = 1 << 20) -> bytes:
    """Some bytes, none when the server has ended the connection, one way or the other."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, size), 10)
    return b""


async def slow_ones(number: int) -> None:
    """Wait until so many connections hold answers for clients that don't take them."""
    for _ in range(1000):
        if len(BoundedHttp._slow) == number:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(BoundedHttp._slow)} connections are slow")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are looked at often."""
    monkeypatch.setattr(protocol, "CHECK_SECONDS", 0.05)


async def test_a_client_that_takes_nothing_is_cut_off(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.5)
    async with asking(node) as client:
        await slow_ones(1)
        await slow_ones(0)
        taken = 0
        while chunk := await read(client):
            taken += len(chunk)
        assert taken < IN_LINE * 300_000


async def test_a_client_that_keeps_reading_gets_everything(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 2.0)
    async with asking(node) as client:
        await slow_ones(1)
        answered, tail, began = 0, b"", asyncio.get_running_loop().time()
        while answered < IN_LINE or tail[-1:] != b"}":
            chunk = await read(client, 300_000)
            assert chunk, answered
            answered += (tail + chunk).count(START)
            tail = (tail + chunk)[1 - len(START) :]
            await asyncio.sleep(0.03)
        assert asyncio.get_running_loop().time() - began > 2.0


async def test_of_too_many_bytes_those_go_first_that_have_waited_longest(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_UNREAD", 500_000)
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for _ in range(6):
            clients.append(await stack.enter_async_context(asking(node)))
            await asyncio.sleep(0.5)
        held = sum(each.transport.get_write_buffer_size() for each in BoundedHttp._slow)
        assert 0 < held <= 500_000
        assert 1 <= len(BoundedHttp._slow) < 6
        first = 0
        while chunk := await read(clients[0]):
            first += len(chunk)
        assert first < IN_LINE * 300_000
