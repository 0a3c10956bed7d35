"""What requests cost as data grows: python -m benchmarks.growth [--posts 10000,1000000] [--channels 1,10,100,1000]

For each number of posts a database is filled by `hubbub seed`, a node started on it, and each kind of request asked
many times by several users. Then, on the last of the databases, by users who are in 1, 10, 100 and 1,000 channels, who
also connect and listen. Prints CPU time for each request and how long it took; flat is what depends on neither number.

10,000 posts take half a minute with all requests, a million some five minutes, five million twenty and 10 GB of disk.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.command import command, keep, run, with_repeat
from benchmarks.figures import median_of, quantile, short, table
from benchmarks.growth_calls import BY_CHANNELS, BY_POSTS, Maker
from benchmarks.growth_world import Reader, members_of_many, readers, settle, threads_followed
from benchmarks.lab import MS, US, Figures
from benchmarks.meter import Meter
from benchmarks.people import Person
from benchmarks.posting import Posting
from benchmarks.rest import Connection
from benchmarks.service import Service
from benchmarks.sockets import Sockets
from benchmarks.world import Channel, World

AT_ONCE = 4
PATIENCE = 10.0
"""Seconds for a kind of request; when they are over, fewer requests have to do."""
BUFFERS = "2GB"
"""Of PostgreSQL, as who has millions of posts would give it: what is measured is not how large a cache is."""
ROUNDS = 10
"""Times that users with many channels connect."""
LISTENING = 50
"""Sockets of each of them while posts are delivered."""
POSTS_PER_SECOND, SECONDS = 30.0, 5.0
CONNECT, DELIVERY = "connect, until hello", "delivery of a post (µs)"

Found = dict[str, Figures]
"""Figures by kind of request."""


async def ask(service: Service, people: Sequence[Reader], make: Maker, requests: int) -> Figures:
    """A kind of request, asked by all users in turn, after a quarter as many that don't count."""
    chance = random.Random(7)  # noqa: S311
    connections = [Connection(service.url) for _ in range(AT_ONCE)]
    calls: list[tuple[Person, Any]] = []
    for number in range(requests + requests // 4):
        reader = people[number % len(people)]
        calls.append((reader.person, make(chance, reader)))
    seconds: list[float] = []
    sizes: list[int] = []

    async def work(connection: Connection, waiting: Any) -> None:
        for person, (method, path, body) in waiting:
            if time.perf_counter() > end:
                return
            started = time.perf_counter()
            answer = await connection.call(method, path, person.token, body)
            seconds.append(time.perf_counter() - started)
            sizes.append(len(answer.body))

    async def all_of(some: Sequence[Any]) -> None:
        waiting = iter(some)
        await asyncio.gather(*(work(connection, waiting) for connection in connections))

    end = time.perf_counter() + PATIENCE / 4
    await all_of(calls[requests:])
    seconds.clear()
    sizes.clear()
    end = time.perf_counter() + PATIENCE
    meter = Meter(service)
    await all_of(calls[:requests])
    used = meter.read()
    for connection in connections:
        connection.close()
    return {
        **used.each(len(seconds), MS),
        "p50": quantile(seconds, 0.5) * 1e3,
        "p99": quantile(seconds, 0.99) * 1e3,
        "kb": sum(sizes) / len(sizes) / 1e3,
    }


async def by_posts(service: Service, kinds: Mapping[str, Maker], requests: int) -> Found:
    """All kinds of requests at one size of the database."""
    people = await readers(service.url, service.dsn)
    threads = await threads_followed(service.dsn, [reader.person for reader in people])
    print(f"those who ask follow {threads:,.0f} threads each", flush=True)
    return {name: await ask(service, people, make, requests) for name, make in kinds.items()}


async def by_channels(service: Service, sockets: Sockets, count: int, requests: int) -> Found:
    """What users in so many channels ask for, and what it costs to connect them and to deliver to them."""
    people, team_id, town = await members_of_many(service.url, service.dsn, count)
    threads = await threads_followed(service.dsn, people)
    print(f"\nusers in {count:,} channels, who follow {threads:,.0f} threads", flush=True)
    asking = [
        Reader(
            person=person,
            team_id=team_id,
            town=town,
            channels=[town],
            unread=[],
            anchors=[],
            pages=0,
            since=0,
            threads=[],
        )
        for person in people
    ]
    found = {name: await ask(service, asking, make, requests) for name, make in BY_CHANNELS.items()}
    found[CONNECT] = await _connects(service, sockets, people)
    found[DELIVERY] = await _deliveries(service, sockets, people, team_id, town)
    return found


async def _connects(service: Service, sockets: Sockets, people: Sequence[Person]) -> Figures:
    """Each user connects, alone and one after the other, and leaves."""
    tokens, taken = [person.token for person in people], 0.0
    meter = Meter(service)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await sockets.open(service.url, tokens, at_once=1)
        taken += time.perf_counter() - started
        await sockets.close_all()
        await asyncio.sleep(0.05)
    used = meter.read()
    count = ROUNDS * len(tokens)
    return {**used.each(count, MS), "p50": taken / count * 1e3}


async def _deliveries(service: Service, sockets: Sockets, people: Sequence[Person], team_id: str, town: str) -> Figures:
    """Posts into the channel that all are in; what the posts cost without listeners is taken off."""
    members = range(len(people))
    world = World(people, team_id, Channel(town, members), ())

    async def run() -> tuple[Figures, int]:
        posting = Posting(service.url, world, [world.big], sockets)
        await posting.begin()
        meter = Meter(service)
        await posting.go(SECONDS, rate=POSTS_PER_SECOND)
        await posting.arrived()
        used = meter.read()
        came = await posting.end()
        if posting.failed or not came.exact:
            raise SystemExit(f"{posting.failed} posts failed, {came.lost} deliveries were lost: {came.faults}")
        return {
            **used.each(posting.posts, US),
            "p50": came.latency_ms(0.5),
            "p99": came.latency_ms(0.99),
        }, posting.posts

    alone, _ = await run()
    await sockets.open(service.url, [person.token for person in people for _ in range(LISTENING)])
    listened, _ = await run()
    await sockets.close_all()
    each = LISTENING * len(people)
    cost = {part: max(listened[part] - alone[part], 0.0) / each for part in ("server", "postgres", "redis")}
    return {**cost, "total": sum(cost.values()), "p50": listened["p50"], "p99": listened["p99"]}


def shown(found: Found) -> str:
    """The figures at one size."""
    heads = ["", "server ms", "postgres ms", "in all", "p50 ms", "p99 ms", "kB"]
    names = ("server", "postgres", "total", "p50", "p99", "kb")
    return table(
        heads, [[kind, *(short(each[name]) if name in each else "" for name in names)] for kind, each in found.items()]
    )


def compared(sizes: Mapping[int, Found], what: str) -> str:
    """CPU in all at each size, and how much more the last needs than the first."""
    kinds = dict.fromkeys(kind for found in sizes.values() for kind in found)
    heads = [f"CPU ms by {what}", *(f"{size:,}" for size in sizes), "growth"]
    rows = []
    for kind in kinds:
        costs = [found[kind]["total"] for found in sizes.values()]
        rows.append([kind, *map(short, costs), f"{costs[-1] / costs[0]:.1f}x" if costs[0] else ""])
    return table(heads, rows)


async def repeated(measure: Any, times: int) -> Found:
    """The medians of some runs."""
    runs = [await measure() for _ in range(times)]
    return {kind: median_of([run[kind] for run in runs]) for kind in runs[0]}


async def measure(options: argparse.Namespace) -> dict[str, dict[int, Found]]:
    """Fill, ask, print."""
    posts: dict[int, Found] = {}
    channels: dict[int, Found] = {}
    kinds = {name: make for name, make in BY_POSTS.items() if options.only in name}
    for size in options.posts:
        users = options.users or (200 if size < 100_000 else 2000)
        seed = ["--posts", str(size), "--users", str(users), "--channels", str(2 * users)]
        if size == options.posts[-1] and options.channels:
            seed += ["--with-channels", ",".join(map(str, options.channels))]
        started = time.monotonic()
        buffers = {"shared_buffers": options.buffers}
        async with Service.start(prepare=[["seed", *seed]], postgres=buffers) as service, Sockets.start() as sockets:
            await settle(service.dsn)
            service.pin()
            print(f"\n{size:,} posts of {users:,} users, ready after {time.monotonic() - started:.0f} s", flush=True)
            posts[size] = await repeated(partial(by_posts, service, kinds, options.requests), options.repeat)
            print(shown(posts[size]), flush=True)
            for count in options.channels if size == options.posts[-1] else ():
                found = await repeated(partial(by_channels, service, sockets, count, options.requests), options.repeat)
                channels[count] = found
                print(shown(found), flush=True)
    print("\n" + compared(posts, "posts"))
    if channels:
        print("\n" + compared(channels, "channels of a user"))
    return {"posts": posts, "channels": channels}


def numbers(text: str) -> list[int]:
    """Numbers with commas between them."""
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    """Parse the command line and measure."""
    parser = command(__doc__)
    parser.add_argument("--posts", type=numbers, default=[10_000, 1_000_000], help="sizes, as 10000,1000000,5000000")
    parser.add_argument("--channels", type=numbers, default=[1, 10, 100, 1000], help="of a user; none with ''")
    parser.add_argument("--users", type=int, default=0, help="of each size; 200 for small ones, else 2,000")
    parser.add_argument("--requests", type=int, default=400, help="of each kind")
    with_repeat(parser)
    parser.add_argument("--buffers", default=BUFFERS, help="of PostgreSQL, as 256MB")
    parser.add_argument("--only", default="", help="kinds that have this in their name")
    parser.add_argument("--save", type=Path, help="a file for the figures, as JSON")
    options = parser.parse_args()
    keep(options.save, figures=run(measure(options)))


if __name__ == "__main__":
    main()
