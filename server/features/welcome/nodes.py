"""The nodes of the service: each says every few seconds that it lives."""

import asyncio
import contextlib

import structlog
from msgspec import Struct

from server import __version__, ticks
from server.context import Services
from server.db import SQL, Db, columns
from server.errors import ApiError
from server.ids import now_ms

BEAT_SECONDS = 10.0
FORGOTTEN_SECONDS = 60.0

log = structlog.get_logger()


class LivingNode(Struct, frozen=True):
    """One node. Times in milliseconds."""

    id: str
    address: str
    version: str
    started_at: int
    seen_at: int


BEAT = SQL("""
    WITH gone AS (DELETE FROM nodes WHERE seen_at < $5 AND id <> $1)
    INSERT INTO nodes (id, address, version, started_at, seen_at)
    VALUES ($1, $2, $3, $4, $6)
        ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
""")

LEAVE = SQL("DELETE FROM nodes WHERE id = $1")

LIVING = SQL(f"SELECT {columns(LivingNode)} FROM nodes WHERE seen_at >= $1 ORDER BY started_at, id LIMIT 1000")


async def living_nodes(db: Db) -> list[LivingNode]:
    """The nodes that were there within the last half minute, the oldest first. A table of a few rows."""
    return await db.many(LivingNode, LIVING, living_since())


def living_since() -> int:
    """Nodes that were seen after this time live."""
    return now_ms() - int(BEAT_SECONDS * 3000)


class NodeBeat:
    """Keeps this node's row fresh while it runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._started_at = now_ms()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write the row once, then every few seconds."""
        await self._beat()
        self._task = asyncio.create_task(self._keep_beating())

    async def stop(self) -> None:
        """Take the row away; another node's sweep does it if the database is gone already."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(ApiError):
            await self._services.db.run(LEAVE, self._services.node_id)

    async def _keep_beating(self) -> None:
        while True:
            await ticks.pause(BEAT_SECONDS)
            try:
                await self._beat()
            except ApiError as error:
                log.warning("node could not say that it lives", error=error.id)

    async def _beat(self) -> None:
        now = now_ms()
        address = self._services.config.ServiceSettings.ListenAddress
        forgotten = now - int(FORGOTTEN_SECONDS * 1000)
        node_id = self._services.node_id
        await self._services.db.run(BEAT, node_id, address, __version__, self._started_at, forgotten, now)
