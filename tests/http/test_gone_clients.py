"""Clients that ask and are gone before the answer comes."""

import asyncio
import contextlib
import socket
from pathlib import Path

import httpx
import pytest

from server.engines.redis import Redis
from server.ids import new_id
from tests.make import Make, Person
from tests.processes import NodeProcess, open_files

REQUEST = "GET /api/v4/users/me/preferences HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n"
LARGE = b"GET /api/v4/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
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


@pytest.mark.parametrize("path", ["/nothing", "/api/v4/users/me/preferences"])
async def test_a_body_that_turns_out_to_be_none_is_answered_once_and_is_no_error(
    database: str, redis_server: Redis, tmp_path: Path, admin: Person, path: str
) -> None:
    node = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    head = REQUEST.replace("/api/v4/users/me/preferences", path).format(admin.token)
    head = head.replace("Host: a", "Host: a\r\nTransfer-Encoding: chunked")
    try:
        await asyncio.to_thread(node.wait_until_up)
        for broken in ("zz\r\n", "\0" * 70_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
            writer.write((head + broken).encode())
            answer = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 400 ") == 1
    finally:
        node.stop()
    told = node.log.read_text()
    assert "an answer could not be given" not in told
    assert "request failed" not in told


async def test_clients_that_go_without_having_taken_their_answers_are_no_errors(
    database: str, redis_server: Redis, tmp_path: Path
) -> None:
    node = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    try:
        await asyncio.to_thread(node.wait_until_up)
        for _ in range(3):
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(("127.0.0.1", node.port))
                client.sendall(LARGE * 90)
                await asyncio.sleep(0.5)
        await asyncio.sleep(0.2)
    finally:
        node.stop()
    assert "an answer could not be given" not in node.log.read_text()


async def test_answers_that_end_in_their_midst_hold_no_file_open(
    database: str, redis_server: Redis, tmp_path: Path, make: Make
) -> None:
    """And nothing else is written into them, when it turns out that the rest of the request is nonsense."""
    ada = await make.user()
    channel = await make.channel(await make.team(members=[ada]), [ada])
    node = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    try:
        await asyncio.to_thread(node.wait_until_up)
        async with httpx.AsyncClient(base_url=node.url, headers={"authorization": f"Bearer {ada.token}"}) as http:
            path = f"/api/v4/files?channel_id={channel.id}&filename=a.bin"
            created = await http.post(path, content=b"x" * 8_000_000)
        path = f"/api/v4/files/{created.json()['file_infos'][0]['id']}"
        request = REQUEST.replace("/api/v4/users/me/preferences", path).format(ada.token)
        head = request.replace("Host: a", "Host: a\r\nTransfer-Encoding: chunked").encode()

        async def break_off(patience: float) -> None:
            loop = asyncio.get_running_loop()
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.setblocking(False)
                await loop.sock_connect(client, ("127.0.0.1", node.port))
                await loop.sock_sendall(client, head)
                await asyncio.sleep(0.005)
                await loop.sock_sendall(client, b"zz\r\n")
                await asyncio.sleep(0.02)
                answer = b""
                with contextlib.suppress(ConnectionError, TimeoutError):
                    async with asyncio.timeout(patience):
                        while chunk := await loop.sock_recv(client, 1 << 16):
                            answer += chunk
                assert answer.count(b"HTTP/1.1 ") <= 1

        for _ in range(20):
            await asyncio.gather(*(break_off(patience) for patience in (2, *[0] * 9)))
        async with asyncio.timeout(30):
            while open_files(node.pid, "original"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        node.stop()
