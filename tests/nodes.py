"""Nodes that run inside the test process: the whole server on a free port of 127.0.0.1."""

import asyncio
import contextlib
import math
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import httpx
import uvicorn

from server import app
from server.app import Node
from server.bus.doubts import Doubts
from server.bus.event import Audience, Event
from server.config import Config, load_config, merge
from server.context import Services
from server.db import SQL
from server.db.pool import DbStats
from server.features.system.store import ConfigStore
from server.ids import new_id
from server.serve import uvicorn_config
from tests.clients_of import Client
from tests.lines import Lines
from tests.waiting import until_gone

# Nodes believe for as long as the tests run what they have cached: else some statement is run again every five minutes,
# now and then right where statements are counted.
app.TRUSTED_SECONDS = math.inf

AT_REST_KEY = "tests-tests-tests-tests-tests-tests-tests"
"""With which all nodes of the tests seal what their databases hold of secrets."""

ENDING_GUESTS = SQL("SELECT count(*) FROM jobs WHERE name = 'deactivate_guests' AND failed_at = 0")


class Marker(Event, frozen=True):
    """Ends what a test waits for: everything published before it has arrived when it arrives."""

    name: ClassVar[str] = "custom_tests_marker"
    user: str
    id: str
    """By which it is told from others, since all sockets of the user get it."""

    def audience(self) -> Audience:
        """The user of the socket."""
        return Audience(user_id=self.user)


BACKGROUND: ContextVar[bool] = ContextVar("background", default=False)


class RequestStats(DbStats):
    """Counts apart the statements that somebody asked for, without those of jobs, sweeps and writers of the node."""

    __slots__ = ("asked", "last")

    def __init__(self) -> None:
        self.asked = 0
        self.last = deque[str](maxlen=100)
        """Their texts, of so many of them."""
        super().__init__()
        self.asked = 0
        self.last.clear()

    def __setattr__(self, name: str, value: object) -> None:
        if name == "statements" and not BACKGROUND.get():
            self.asked += 1
            self.last.append(_text_of(sys._getframe(1)))
        super().__setattr__(name, value)


def _text_of(frame: FrameType) -> str:
    """The statement that is being run there, in one line."""
    sql = frame.f_locals.get("sql")
    return " ".join(sql.text.split())[:200] if isinstance(sql, SQL) else "?"


class TestNode:
    """A running node."""

    __test__ = False

    def __init__(self, node: Node, port: int) -> None:
        self.node = node
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=30,
            transport=Lines(),
            headers={"accept-encoding": ""},
        )
        self._changes: list[dict[str, dict[str, Any]]] = []
        self._read = self.services.config
        store = node.services.extras[ConfigStore]
        assert isinstance(store, ConfigStore)
        self._store = store
        store.on_changed.insert(0, self._change_again)

    @property
    def services(self) -> Services:
        """What the node is made of."""
        return self.node.services

    @property
    def statements(self) -> int:
        """SQL statements run so far for requests and sockets."""
        return self._stats.asked

    def last_statements(self, count: int) -> list[str]:
        """The last of them."""
        return list(self._stats.last)[-count:] if count else []

    @property
    def _stats(self) -> RequestStats:
        stats = self.services.db.stats
        assert isinstance(stats, RequestStats)
        return stats

    def client(self, token: str = "") -> Client:
        """A REST client of this node."""
        return Client(self._http, token)

    @property
    def is_in_doubt(self) -> bool:
        """Whether something was cut off, or could not be told, for which all nodes will forget what they remember."""
        doubts = self.services.extras[Doubts]
        assert isinstance(doubts, Doubts)
        return bool(doubts._open or self.services.bus.publisher._missed != {})

    async def mark(self, user_id: str) -> str:
        """Send a marker to the sockets of a user; its id."""
        marker = Marker(user=user_id, id=new_id())
        await self.services.bus.publish([marker])
        return marker.id

    def change_settings(self, sections: dict[str, dict[str, Any]]) -> None:
        """Put other settings in force on this node only; they stay when it reads the same from the database again."""
        self._changes.append(sections)
        self.services.config = merge(self.services.config, sections)

    @property
    def settings(self) -> tuple[Config, int]:
        """The settings in force, and how many changes were made on this node only; for `take_back_settings`."""
        return self.services.config, len(self._changes)

    def take_back_settings(self, before: tuple[Config, int]) -> None:
        """Put in force what was before."""
        self.services.config, changes = before
        del self._changes[changes:]

    async def has_read_settings(self) -> None:
        """Wait until the node has in force what was stored of settings before, also by another node."""
        await self.services.bus.fence()
        while (reloading := self._store._reloading) is not None and not reloading.done():
            await asyncio.wait([reloading])

    def _change_again(self) -> None:
        """The settings have been read from the database: where they are as before, the changes stay."""
        read, self._read = self._read, self.services.config
        if read == self._read:
            for sections in self._changes:
                self.services.config = merge(self.services.config, sections)

    async def close(self) -> None:
        """Close the clients' connections."""
        await self._http.aclose()


async def forget_stored_settings(nodes: Sequence[TestNode], admin: Client) -> None:
    """Put the settings back that a test has stored, and wait until nothing comes of that any more: not in the next test
    either are those in force, and no guests are ended who were let in by them."""
    (await admin.put("/config", {})).ok()
    for node in nodes:
        await node.has_read_settings()
    await until_gone(lambda: nodes[0].services.db.value(ENDING_GUESTS))


@contextlib.asynccontextmanager
async def start_node(dsn: str, redis_url: str, files: Path, **environ: str) -> AsyncIterator[TestNode]:
    """A node with its own port, its files in a folder; ended with the block."""
    config = load_config(
        {
            "MM_SQLSETTINGS_DATASOURCE": dsn,
            "MM_CACHESETTINGS_REDISADDRESS": redis_url,
            "MM_SERVICESETTINGS_LISTENADDRESS": "127.0.0.1:0",
            "MM_HUBBUBSETTINGS_DRAINSECONDS": "1",
            "MM_FILESETTINGS_DIRECTORY": str(files),
            "MM_SQLSETTINGS_ATRESTENCRYPTKEY": AT_REST_KEY,
            **environ,
        }
    )
    # Only where the protocol is named does asyncio send small packets at once; without, every answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        node = Node(config)
        node.services.db.stats = RequestStats()
        # What the parts of the node begin now goes on in this context.
        background = BACKGROUND.set(True)
        await node.start()
        BACKGROUND.reset(background)
        server = uvicorn.Server(uvicorn_config(node))
        serving = asyncio.create_task(server._serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        test_node = TestNode(node, listening.getsockname()[1])
        try:
            yield test_node
        finally:
            await test_node.close()
            await node.drain()
            server.should_exit = True
            await serving
            await node.stop()
