"""What fan-out costs the gateway alone: events published at a steady rate to many sockets, beside the C baseline.

    python -m benchmarks.gateway [--sockets 1000] [--rates 20,120,180] [--seconds 5] [--size 914]

The server is a process with bus and gateway only, without HTTP and database, and publishes by itself; events come at
random times, as from independent people. Every delivery is counted. The C program of `floor.py` then writes the same
bytes, as many events in a write; "times" is how much more the gateway needs.
"""

import argparse
import asyncio
import gc
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import msgspec
import uvicorn
import uvloop

from benchmarks.command import command
from benchmarks.figures import short, table
from benchmarks.floor import FloorError, baseline
from benchmarks.marks import message
from benchmarks.processes import allow_many_files, pin
from benchmarks.receiving import answer
from benchmarks.sockets import Sockets
from server.bus.bus import Bus
from server.bus.event import Audience, Event
from server.context import Context, Session
from server.engines.directory import DataDirectory
from server.engines.redis import FORGETFUL, Redis
from server.gateway.actions import Actions
from server.gateway.gateway import Gateway
from server.http.exchange import Exchange
from server.http.protocol import BoundedHttp

ROOM = "channel:benchmark"
ENVELOPE = 120
"""Bytes of an event besides its text."""


class Posted(Event, frozen=True, kw_only=True):
    """Something of the size of a post."""

    name: ClassVar[str] = "posted_in_benchmark"
    text: str

    def audience(self) -> Audience:
        return Audience(channel_id="benchmark")


async def _no_http(exchange: Exchange) -> None:
    raise NotImplementedError("the benchmark serves no HTTP")


class Server:
    """The serving process: answers commands on its standard input, one JSON object a line."""

    def __init__(self, redis: str) -> None:
        self.bus = Bus(redis, "benchmark", name=f"benchmark{random.getrandbits(32)}-")
        self.gateway = Gateway(
            self.bus,
            Actions(),
            authenticate=self._authenticate,
            is_admin=self._is_admin,
            topics_of=self._topics_of,
            make_context=self._context,
            server_version=lambda: "benchmark",
            allowed_origins=lambda: "",
        )

    async def _authenticate(self, token: str) -> Session | None:
        return Session(token.rjust(26, "s"), token.rjust(26, "u"), 0, 0, 0, "", False, {}, "", False)

    async def _is_admin(self, session: Session) -> bool:
        return False

    async def _topics_of(self, user_id: str) -> list[str]:
        return [ROOM]

    def _context(self, session: Session, connection_id: str) -> Context:
        raise NotImplementedError("the benchmark has no actions")

    async def run(self) -> None:
        """Serve until the input ends."""
        gateway = self.gateway.protocol_class
        config = uvicorn.Config(_no_http, port=0, lifespan="off", log_level="error", http=BoundedHttp, ws=gateway)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await self.bus.start()
        await self.gateway.start()
        await server.startup()
        gc.collect()
        gc.freeze()
        answer({"port": server.servers[0].sockets[0].getsockname()[1]})
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            answer(await self._load(**msgspec.json.decode(line)))

    async def _load(self, run: str, rate: float, seconds: float, size: int) -> dict[str, float]:
        chance = random.Random(1)  # noqa: S311
        stats = self.gateway.stats
        before, writes = stats.deliveries, stats.writes
        running: set[asyncio.Task[bool]] = set()
        loop = asyncio.get_running_loop()
        usage, started = resource.getrusage(resource.RUSAGE_SELF), loop.time()
        next_at, posts = started, 0
        while next_at < started + seconds:
            next_at += chance.expovariate(rate)
            await asyncio.sleep(max(next_at - loop.time(), 0))
            text = message(run, posts, time.monotonic_ns(), max(size - ENVELOPE, 1))
            task = asyncio.ensure_future(self.bus.publish([Posted(text=text)]))
            running.add(task)
            task.add_done_callback(running.discard)
            posts += 1
        await asyncio.gather(*running)
        took = loop.time() - started
        await asyncio.sleep(0.3)
        after = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "posts": posts,
            "deliveries": stats.deliveries - before,
            "writes": stats.writes - writes,
            "user": after.ru_utime - usage.ru_utime,
            "system": after.ru_stime - usage.ru_stime,
            "seconds": took,
        }


async def measure(options: argparse.Namespace, redis: str) -> bool:
    """Open the sockets, run each rate, print a table; whether nothing was lost."""
    cores = sorted(os.sched_getaffinity(0))
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "benchmarks.gateway", "--serve", redis)
    server = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    tell, hear = server.stdin, server.stdout
    if tell is None or hear is None:
        raise RuntimeError("the server has no pipes")
    if len(cores) > 1:
        pin([os.getpid()], {cores[1]})
        pin([server.pid], {cores[0]})
    rows, exact = [], True
    port = msgspec.json.decode(await hear.readline())["port"]
    async with Sockets.start() as sockets:
        await sockets.open(f"http://127.0.0.1:{port}", map(str, range(options.sockets)))
        for rate in map(float, options.rates.split(",")):
            wanted = {"run": await sockets.begin(), "rate": rate, "seconds": options.seconds, "size": options.size}
            tell.write(msgspec.json.encode(wanted) + b"\n")
            run = msgspec.json.decode(await hear.readline())
            await sockets.until(run["posts"] * options.sockets)
            came = await sockets.end([range(run["posts"])], [[0]] * options.sockets)
            exact = exact and came.exact
            each = (run["user"] + run["system"]) * 1e6 / run["deliveries"]
            together = run["deliveries"] / run["writes"]
            cells = [f"{rate:.0f}", short(each), short(run["user"] * 1e6 / run["deliveries"]), short(together)]
            cells += [short(came.latency_ms(0.5)), short(came.latency_ms(0.99)), str(came.lost + came.doubled)]
            try:
                least = await baseline(
                    sockets=options.sockets,
                    event_bytes=came.bytes // max(came.received + came.others, 1),
                    events_per_write=together,
                    writes_per_s=run["posts"] / run["seconds"] / together,
                    seconds=options.seconds,
                    cores=set(cores[:1]),
                )
            except FloorError as error:
                rows.append([*cells, str(error), ""])
            else:
                floor = (least.user + least.system) / least.deliveries
                rows.append([*cells, short(floor), short(each / floor)])
    tell.close()
    await server.wait()
    heads = ["posts/s", "µs/delivery", "user", "events/write", "p50 ms", "p99 ms", "lost or doubled", "C, µs", "times"]
    print(table(heads, rows))
    return exact


def main() -> int:
    """Parse the command line and measure; the exit code."""
    parser = command(__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rates", default="20,120,180")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=914)
    parser.add_argument("--serve", default="", metavar="REDIS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    allow_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.serve:
            runner.run(Server(options.serve).run())
            return 0
        with (
            tempfile.TemporaryDirectory(prefix="hubbub-benchmark-") as folder,
            DataDirectory(Path(folder)) as data,
            Redis(data, settings=FORGETFUL) as redis,
        ):
            return 0 if runner.run(measure(options, redis.url)) else 1


if __name__ == "__main__":
    sys.exit(main())
