"""What fan-out costs: events published at a steady rate to many sockets, in CPU time of the serving process.

    python -m benchmarks.gateway [--sockets 1000] [--rates 20,120,180] [--seconds 5] [--size 914] [--redis URL]

The server is a process of its own with bus and gateway only; posts arrive at random times, as from independent
people. The client checks that every socket got every event. Without --redis an embedded one is started.
"""

import argparse
import asyncio
import gc
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
import uvloop

from server.bus.bus import Bus
from server.bus.event import Audience, Event
from server.context import Context, Session
from server.engines.directory import DataDirectory
from server.engines.redis import FORGETFUL, Redis
from server.gateway.actions import Actions
from server.gateway.gateway import Gateway

ROOM = "channel:benchmark"


class Posted(Event, frozen=True, kw_only=True):
    """Something of the size of a post."""

    name: ClassVar[str] = "posted_in_benchmark"
    text: str

    def audience(self) -> Audience:
        return Audience(channel_id="benchmark")


async def _no_http(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError("the benchmark serves no HTTP")


def user_of(token: str) -> str:
    return token.rjust(26, "u")


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
        return Session(token.rjust(26, "s"), user_of(token), 0, 0, 0, "", False, {}, "", False)

    async def _is_admin(self, session: Session) -> bool:
        return False

    async def _topics_of(self, user_id: str) -> list[str]:
        return [ROOM]

    def _context(self, session: Session, connection_id: str) -> Context:
        raise NotImplementedError("the benchmark has no actions")

    async def run(self) -> None:
        config = uvicorn.Config(_no_http, port=0, lifespan="off", log_level="error", ws=self.gateway.protocol_class)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await self.bus.start()
        await self.gateway.start()
        await server.startup()
        gc.collect()
        gc.freeze()
        answer(port=server.servers[0].sockets[0].getsockname()[1])
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            command = json.loads(line)
            if "rate" in command:
                await self._load(**command)
            else:
                usage = resource.getrusage(resource.RUSAGE_SELF)
                answer(memory=rss_kib(), cpu=usage.ru_utime + usage.ru_stime)

    async def _load(self, rate: float, seconds: float, size: int) -> None:
        chance = random.Random(1)  # noqa: S311
        stats = self.gateway.stats
        before, flushes = stats.deliveries, stats.flushes
        lags = list(stats.lag_buckets)
        empty = len(Posted(text="").data()) + 160
        event = Posted(text="x" * max(size - empty, 1))
        running: set[asyncio.Task[bool]] = set()
        loop = asyncio.get_running_loop()
        usage, started = resource.getrusage(resource.RUSAGE_SELF), loop.time()
        next_at, posts = started, 0
        while next_at < started + seconds:
            next_at += chance.expovariate(rate)
            await asyncio.sleep(max(next_at - loop.time(), 0))
            task = asyncio.ensure_future(self.bus.publish([event]))
            running.add(task)
            task.add_done_callback(running.discard)
            posts += 1
        await asyncio.gather(*running)
        await asyncio.sleep(0.3)
        after = resource.getrusage(resource.RUSAGE_SELF)
        answer(
            posts=posts,
            deliveries=stats.deliveries - before,
            writes=stats.flushes - flushes,
            user=after.ru_utime - usage.ru_utime,
            system=after.ru_stime - usage.ru_stime,
            lags=[now - then for now, then in zip(stats.lag_buckets, lags, strict=True)],
        )


class Receiver(asyncio.Protocol):
    """A socket that counts events."""

    __slots__ = ("_request", "events", "ready", "transport")

    def __init__(self, number: int, port: int) -> None:
        self.events = 0
        self.ready = asyncio.get_running_loop().create_future()
        self._request = (
            f"GET /api/v4/websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            f"Authorization: Bearer {number}\r\n\r\n"
        ).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.events += data.count(b'"seq":')
        if not self.ready.done() and b'"hello"' in data:
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before hello"))


def answer(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def rss_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


async def measure(options: argparse.Namespace, redis: str) -> None:
    """Open the sockets, run each rate, print a table."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.gateway", "--serve", "--redis", redis,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    tell, hear = server.stdin, server.stdout
    if tell is None or hear is None:
        raise RuntimeError("the server has no pipes")

    async def ask(**command: object) -> dict[str, Any]:
        tell.write(json.dumps(command).encode() + b"\n")
        found: dict[str, Any] = json.loads(await hear.readline())
        return found

    port = json.loads(await hear.readline())["port"]
    before = await ask()
    receivers: list[Receiver] = []
    turn = asyncio.Semaphore(32)

    async def connect(number: int) -> None:
        async with turn:
            loop = asyncio.get_running_loop()
            _, receiver = await loop.create_connection(lambda: Receiver(number, port), "127.0.0.1", port)
            await receiver.ready
            receivers.append(receiver)

    await asyncio.gather(*(connect(number) for number in range(options.sockets)))
    after = await ask()
    count = options.sockets
    print(
        f"{count} sockets: {(after['memory'] - before['memory']) / count:.1f} KiB and "
        f"{(after['cpu'] - before['cpu']) / count * 1e6:.0f} µs of CPU per connect"
    )
    print("posts/s  µs/delivery  (user + system)  events/write  lag p50/p99 ≤ ms  lost")
    for rate in options.rates.split(","):
        seen = sum(receiver.events for receiver in receivers)
        run = await ask(rate=float(rate), seconds=options.seconds, size=options.size)
        await asyncio.sleep(0.5)
        got = sum(receiver.events for receiver in receivers) - seen
        each = 1e6 / max(run["deliveries"], 1)
        print(
            f"{run['posts'] / options.seconds:7.1f} {(run['user'] + run['system']) * each:12.2f}"
            f"  ({run['user'] * each:.2f} + {run['system'] * each:.2f})"
            f" {run['posts'] / max(run['writes'], 1):12.2f}"
            f"  {quantile(run['lags'], 0.5):8.1f} {quantile(run['lags'], 0.99):8.1f}"
            f" {run['posts'] * count - got:8d}",
            flush=True,
        )
    tell.close()
    server.terminate()
    await server.wait()


def quantile(buckets: list[int], share: float) -> float:
    """The upper bound of the bucket that holds a quantile, in milliseconds."""
    from_bounds = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000, float("inf"))
    wanted, seen = sum(buckets) * share, 0
    for bound, number in zip(from_bounds, buckets, strict=True):
        seen += number
        if seen >= wanted:
            return bound
    return 0.0


def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    """Run on the loop that the server uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rates", default="20,120,180")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=914)
    parser.add_argument("--redis", default="")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        on_uvloop(Server(options.redis).run())
    elif options.redis:
        on_uvloop(measure(options, options.redis))
    else:
        directory = Path(tempfile.mkdtemp(prefix="hubbub-benchmark-"))
        with DataDirectory(directory) as data, Redis(data, settings=FORGETFUL) as redis:
            started = time.monotonic()
            on_uvloop(measure(options, redis.url))
            print(f"took {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
