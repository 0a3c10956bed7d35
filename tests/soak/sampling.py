"""What the nodes and the engines hold, read from outside every few seconds."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import psutil
from redis.asyncio import Redis

from tests.chaos.installation import ChaosNode, Installation
from tests.soak.flatness import Point

GAUGES = {
    "sockets": "hubbub_websocket_sockets",
    "away": "hubbub_websocket_away",
    "tasks": "hubbub_tasks",
    "cache": "hubbub_cache_entries",
}
"""What nodes say about themselves."""

TABLES = (
    "sessions",
    "jobs",
    "pending_posts",
    "upload_sessions",
    "mail_tokens",
    "command_responses",
    "batched_mails",
    "nodes",
    "drafts",
    "preferences",
)
"""Tables that what people do and undo must leave as they were."""

COUNTS = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in TABLES)
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
STALLED = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"

SETTINGS = {"MM_METRICSSETTINGS_ENABLE": "true", "MM_METRICSSETTINGS_LISTENADDRESS": "127.0.0.1:0"}
"""Of nodes that can be sampled."""

TOTAL = "all nodes' "

Sample = dict[str, float]
"""By name: "node 1 memory", "Redis keys" …"""


class Sampler:
    """Samples of one installation. Memory is in KiB that the process has for itself alone."""

    def __init__(self, installation: Installation) -> None:
        self.samples: list[tuple[float, Sample]] = []
        self._installation = installation
        self._processes = {node: psutil.Process(node.pid) for node in installation.nodes}
        self._ports = {node: _metrics_port(node) for node in installation.nodes}
        self._database: Any = None
        self._redis: Any = None
        self._http: Any = None

    @staticmethod
    @contextlib.asynccontextmanager
    async def open(installation: Installation) -> AsyncIterator["Sampler"]:
        """A sampler with connections of its own, which it leaves out."""
        sampler = Sampler(installation)
        async with httpx.AsyncClient(timeout=30) as http, Redis.from_url(installation.redis.url) as redis:
            sampler._http, sampler._redis = http, redis
            sampler._database = await asyncpg.connect(installation.dsn)
            try:
                yield sampler
            finally:
                await sampler._database.close()

    async def run(self, every: float) -> None:
        """Take samples until cancelled."""
        while True:
            await self.take()
            await asyncio.sleep(every)

    async def take(self) -> Sample:
        """A sample of now; it is kept."""
        found = await self.look()
        self.samples.append((time.monotonic(), found))
        return found

    async def look(self) -> Sample:
        """A sample of now."""
        found: Sample = {}
        for node in self._installation.nodes:
            of_process = await asyncio.to_thread(_process_sample, self._processes[node])
            for name, value in (of_process | await self._gauges(node)).items():
                found[f"node {node.number} {name}"] = value
        return found | await self._of_postgres() | await self._of_redis()

    async def _gauges(self, node: ChaosNode) -> Sample:
        text = (await self._http.get(f"http://127.0.0.1:{self._ports[node]}/metrics")).text
        values = dict(re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE))
        return {name: float(values[metric]) for name, metric in GAUGES.items()}

    async def _of_postgres(self) -> Sample:
        counts = await self._database.fetchrow(COUNTS)
        return {
            "PostgreSQL connections": float(await self._database.fetchval(BACKENDS)),
            "PostgreSQL idle in transaction": float(await self._database.fetchval(STALLED)),
            **{f"rows of {table}": float(counts[table]) for table in TABLES},
        }

    async def _of_redis(self) -> Sample:
        info = await self._redis.info()
        keys = info.get("db0", {"keys": 0, "expires": 0})
        return {
            "Redis connections": float(info["connected_clients"] - 1),
            "Redis memory": info["used_memory"] / 1024,
            "Redis keys": float(keys["keys"]),
            "Redis keys for ever": float(keys["keys"] - keys["expires"]),
        }

    def series(self, name: str, since: float, until: float) -> list[Point]:
        """One quantity over a time; with TOTAL before its name that of all nodes together."""
        samples = [(at, sample) for at, sample in self.samples if since <= at <= until]
        if name.startswith(TOTAL):
            parts = [f"node {node.number} {name.removeprefix(TOTAL)}" for node in self._installation.nodes]
            return [(at, sum(sample[part] for part in parts)) for at, sample in samples]
        return [(at, sample[name]) for at, sample in samples if name in sample]

    async def leftovers(self) -> list[str]:
        """Files in the store that no row of the database knows, by their names."""
        rows = await self._database.fetch("SELECT id FROM files UNION SELECT unnest(parts) FROM upload_sessions")
        known = {row[0] for row in rows}
        store = self._installation.directory.folder("files")
        paths = await asyncio.to_thread(lambda: [path for path in store.rglob("*") if path.is_file()])
        return [str(path.relative_to(store)) for path in paths if not known.intersection(path.parts)]


def _process_sample(process: psutil.Process) -> Sample:
    with process.oneshot():
        return {
            "memory": process.memory_full_info().uss / 1024,
            "descriptors": float(process.num_fds()),
            "threads": float(process.num_threads()),
            "children": float(len(process.children(recursive=True))),
            "clients": float(sum(one.status == psutil.CONN_ESTABLISHED for one in process.net_connections("tcp"))),
        }


def _metrics_port(node: ChaosNode) -> int:
    listening = {
        int(one.laddr.port)
        for one in psutil.Process(node.pid).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr
    }
    (port,) = listening - {node.port}
    return port
