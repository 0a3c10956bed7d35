"""Connections of a node that stops: what is on its way is answered, and then they end."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from server.engines.redis import Redis
from tests.processes import NodeProcess

PING = b"GET /api/v4/system/ping HTTP/1.1\r\nhost: test\r\n\r\n"


async def test_a_request_that_comes_when_the_node_no_longer_listens_is_answered(
    fresh_database: str, redis_server: Redis, tmp_path: Path
) -> None:
    node = NodeProcess(fresh_database, redis_server.url, tmp_path / "node.log")
    try:
        await asyncio.to_thread(node.wait_until_up)
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(PING)
        first = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" not in first
        os.kill(node.pid, signal.SIGTERM)
        async with asyncio.timeout(15):
            while True:
                try:
                    _, other = await asyncio.open_connection("127.0.0.1", node.port)
                except ConnectionRefusedError:
                    break
                other.close()
                await asyncio.sleep(0.005)
        writer.write(PING)
        rest = await asyncio.wait_for(reader.read(), 5)
        writer.close()

        assert rest.count(b"HTTP/1.1 200 OK\r\n") == 1
        assert b"connection: close\r\n" in rest
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", node.port)
    finally:
        await asyncio.to_thread(node.stop)
