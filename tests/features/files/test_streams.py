"""Large files and clients that leave: nothing is held in memory, nothing is left behind."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from structlog.testing import capture_logs

from server.db import SQL
from server.engines.redis import Redis
from server.http import streams
from server.http.standby import standbys_of
from tests.clients_of import Client
from tests.engines import Databases
from tests.features.files.uploading import Uploads, World, stored
from tests.make import PASSWORD
from tests.nodes import TestNode
from tests.processes import NodeProcess
from tests.waiting import until, until_gone

Clients = Callable[..., Client]

MIB = 1024 * 1024
LARGE = 96 * MIB
GROWTH = 64 * MIB
"""How much memory a node may take for files of any size: parts on their way to the store."""

FILES_OF = SQL("SELECT count(*) FROM files WHERE user_id = $1")


@pytest.fixture
def process(databases: Databases, redis_server: Redis, tmp_path: Path) -> Iterator[NodeProcess]:
    """A node whose memory is its own."""
    node = NodeProcess(databases.fresh(), f"{redis_server.url}?db=6", tmp_path / "node.log")
    try:
        node.wait_until_up()
        yield node
    finally:
        node.stop()


def sign_in(api: httpx.Client) -> str:
    """A new user, and a channel for its files."""
    account = {"username": "loader", "email": "loader@example.org", "password": PASSWORD}
    api.post("/users", json=account).raise_for_status()
    login = api.post("/users/login", json={"login_id": "loader", "password": PASSWORD})
    api.headers["Authorization"] = f"Bearer {login.headers['token']}"
    team = api.post("/teams", json={"name": "loaders", "display_name": "Loaders", "type": "O"}).json()
    channel = {"team_id": team["id"], "name": "room", "display_name": "Room", "type": "O"}
    return str(api.post("/channels", json=channel).json()["id"])


def test_large_files_pass_through_without_filling_memory(process: NodeProcess) -> None:
    chunk = bytes(range(256)) * 1024
    resident = psutil.Process(process.pid).memory_info

    def body() -> Iterator[bytes]:
        for _ in range(LARGE // len(chunk)):
            yield chunk

    expected = hashlib.sha256()
    for part in body():
        expected.update(part)
    with httpx.Client(base_url=f"{process.url}/api/v4", timeout=60) as api:
        channel_id = sign_in(api)
        path = f"/files?channel_id={channel_id}&filename=large.bin"
        api.post(path, content=b"warm").raise_for_status()
        before = resident().rss
        most = before
        for _ in range(2):
            reply = api.post(path, content=body())
            assert reply.status_code == 201, reply.text
            (info,) = reply.json()["file_infos"]
            assert info["size"] == LARGE
            most = max(most, resident().rss)
            digest = hashlib.sha256()
            with api.stream("GET", f"/files/{info['id']}") as answer:
                for part in answer.iter_raw():
                    digest.update(part)
            assert digest.digest() == expected.digest()
            most = max(most, resident().rss)

    assert most - before < GROWTH, f"{(most - before) // MIB} MiB more"


async def _open(node: TestNode) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", node.port)


async def test_nothing_is_left_of_an_upload_that_breaks_off(
    client: Clients, world: World, node: TestNode, store: Path
) -> None:
    _, writer = await _open(node)
    head = (
        f"POST /api/v4/files?channel_id={world.room.id}&filename=half.bin HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {world.ada.token}\r\nContent-Length: {20 * MIB}\r\n\r\n"
    )
    writer.write(head.encode() + b"x" * 12 * MIB)
    await writer.drain()
    await until(lambda: asyncio.to_thread(stored, store))
    writer.close()
    await until_gone(lambda: asyncio.to_thread(stored, store))

    assert await node.services.db.value(FILES_OF, world.ada.id) == 0
    assert (await client(world.ada).get("/users/me")).status == 200


def busy() -> int:
    """How many tasks there are but for those that stand by: what has been under way at once leaves more of them."""
    return len(asyncio.all_tasks()) - len(standbys_of(asyncio.get_running_loop())._free)


async def test_a_download_ends_when_its_reader_leaves(
    client: Clients, upload: Uploads, world: World, node: TestNode
) -> None:
    (info,) = await upload(world.ada, world.room, ("large.bin", b"x" * 40 * MIB))
    before = busy()
    for _ in range(5):
        reader, writer = await _open(node)
        head = f"GET /api/v4/files/{info['id']} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.ada.token}\r\n\r\n"
        writer.write(head.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.transport.abort()

    async def all_ended() -> bool:
        return busy() <= before + 1

    await until(all_ended)
    assert len((await client(world.ada).get(f"/files/{info['id']}")).content) == 40 * MIB


async def test_an_upload_may_come_in_pieces_without_a_length(client: Clients, world: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(10):
            yield bytes([number]) * 1000

    path = f"/files?channel_id={world.room.id}&filename=pieces.bin"
    reply = await client(world.ada).request("POST", path, content=pieces())

    (info,) = reply.ok(201)["file_infos"]
    assert info["size"] == 10_000


async def test_a_reader_that_takes_nothing_is_let_go(
    upload: Uploads, world: World, node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHUNK_SECONDS", 0.5)
    (info,) = await upload(world.ada, world.room, ("large.bin", b"x" * 40 * MIB))
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port, limit=1024)
    head = f"GET /api/v4/files/{info['id']} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.ada.token}\r\n\r\n"

    async def was_not_taken() -> bool:
        return any(each["event"] == "an answer was not taken in time" for each in logs)

    with capture_logs() as logs:
        writer.write(head.encode())
        await until(was_not_taken)
    with contextlib.suppress(ConnectionError):
        taken = 0
        while part := await reader.read(MIB):
            taken += len(part)
        assert taken < 40 * MIB
    writer.close()
