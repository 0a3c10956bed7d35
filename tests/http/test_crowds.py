"""Many connections, and those on which nothing comes: some files are always left, and silence has an end."""

import asyncio
import time

import pytest

from server.http.protocol import HEAD_SECONDS
from tests.nodes import TestNode

PING = b"GET /api/v4/system/ping HTTP/1.1\r\nhost: test\r\n\r\n"


async def test_the_last_files_are_not_for_clients(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(PING)
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    monkeypatch.setattr("server.http.protocol.most_files", lambda: 0)
    refused, over = await asyncio.open_connection("127.0.0.1", node.port)
    answer = await asyncio.wait_for(refused.read(), 30)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b'"id":"api.context.server_busy.app_error"' in answer

    writer.write(PING)  # who is there already goes on
    assert b"HTTP/1.1 200 " in await reader.readuntil(b"HTTP/1.1 200 ")
    for each in (writer, over):
        each.close()


async def test_of_a_crowd_the_silent_have_to_go(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.http.protocol.CHECK_SECONDS", 0.2)
    monkeypatch.setattr("server.http.protocol.HURRIED_SECONDS", 0.5)
    monkeypatch.setattr("server.http.protocol.CROWD", 0)
    begun = time.monotonic()
    half, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(PING[:20])
    assert await asyncio.wait_for(half.read(), 30) == b""
    assert time.monotonic() - begun < HEAD_SECONDS / 2
    writer.close()

    monkeypatch.setattr("server.http.protocol.CROWD", 1_000)
    patient, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(PING[:20])
    await asyncio.sleep(1)
    writer.write(PING[20:])
    assert (await patient.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()
