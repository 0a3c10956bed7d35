"""Clients that ask and are gone before the answer comes."""

import asyncio
from pathlib import Path

import httpx

from server.engines.redis import Redis
from server.ids import new_id
from tests.make import Person
from tests.processes import NodeProcess

REQUEST = "GET /api/v4/users/me/preferences HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n"
HALF = 'POST /hooks/commands/{} HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n{{"text":'


async def test_requests_that_wait_in_line_for_nobody_are_no_errors(
    database: str, redis_server: Redis, tmp_path: Path, admin: Person
) -> None:
    """On the loop that serves in production: it takes writing to a connection that has gone for a mistake."""
    node = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    try:
        await asyncio.to_thread(node.wait_until_up)
        for in_line in (1, 2, 5) * 4:
            _, writer = await asyncio.open_connection("127.0.0.1", node.port)
            writer.write(REQUEST.format(admin.token).encode() * in_line)
            await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(0.2)

        async with httpx.AsyncClient(base_url=node.url) as http:
            assert (await http.get("/api/v4/system/ping")).status_code == 200
    finally:
        node.stop()
    assert "an answer could not be given" not in node.log.read_text()


async def test_a_body_of_which_half_has_come_is_no_error(
    database: str, redis_server: Redis, tmp_path: Path, admin: Person
) -> None:
    node = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    try:
        await asyncio.to_thread(node.wait_until_up)
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", node.port)
            writer.write(HALF.format(new_id()).encode())
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        await asyncio.sleep(0.2)
    finally:
        node.stop()
    assert "request failed" not in node.log.read_text()
