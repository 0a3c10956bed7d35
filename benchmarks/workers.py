"""What a second worker brings: throughput, CPU and balance of `hubbub serve --workers 1` and `--workers 2`.

    python -m benchmarks.workers [--workers 1,2] [--repeat 1] [--out workers.json]

Everything runs on all cores. The clients need a share of them too, and PostgreSQL and Redis theirs: on two cores the
second worker has what these leave, so look at CPU by unit, which says what a worker more costs, beside the throughput.
Posts into one channel don't gain: each worker commits them in groups of its own, and those of a channel follow each
other, so they are smaller and more. The balance says how many of 1,000 WebSockets and of 200 connections for REST each
worker has. Takes about a minute and a half.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import psutil

from benchmarks import requesting
from benchmarks.command import command, keep, run, say, with_out, with_repeat
from benchmarks.delivering import fan_out, small_channels
from benchmarks.figures import median_of, short, table
from benchmarks.lab import MS, US, Figures, Lab
from benchmarks.processes import tree
from benchmarks.requesting import requests
from benchmarks.rest import Connection
from benchmarks.service import Service
from benchmarks.sockets import Sockets
from benchmarks.world import make_world

SOCKETS = 1000
CALLERS = 200
POSTERS = 16
SETTLE_SECONDS = 0.5


def shares(service: Service) -> Counter[int]:
    """How many connections each worker has, by process id."""
    port, mine = urlsplit(service.url).port, Counter[int]()
    for root in service.pids()["server"]:
        for pid in tree(root)[1:] or [root]:
            found = psutil.Process(pid).net_connections("tcp")
            mine[pid] = sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in found)
    return mine


async def of_callers(lab: Lab) -> list[int]:
    """How many of the connections of many callers each worker has."""
    connections = [Connection(lab.service.url) for _ in range(CALLERS)]
    await asyncio.sleep(SETTLE_SECONDS)  # those over which people were made are closed then
    before = shares(lab.service)
    people = zip(connections, lab.world.users, strict=False)
    await asyncio.gather(*(one.call("GET", "/users/me", person.token) for one, person in people))
    after = shares(lab.service)
    for one in connections:
        one.close()
    return [after[pid] - before[pid] for pid in after]


async def measure(workers: int, repeat: int) -> tuple[dict[str, Figures], dict[str, list[int]], Lab]:
    """The figures of so many workers, and how connections were spread."""
    async with Service.start(workers=workers) as service, Sockets.start() as sockets:
        say(f"making people for {workers} workers")
        lab = Lab(service, await make_world(service), sockets)
        figures: dict[str, Figures] = {}
        spread = {"REST": await of_callers(lab)}

        async def note(name: str, runs: Sequence[Figures]) -> None:
            figures[name] = median_of(runs)
            say(f"{name}, {workers} workers: {short(figures[name]['per_s'])} a second")

        times = range(repeat)
        await note("GET users/me", [await requests(lab, "me", call=requesting.me, scale=US) for _ in times])
        await note("POST posts", [await requests(lab, "post", call=requesting.post, scale=MS) for _ in times])
        await sockets.open(service.url, lab.world.tokens(SOCKETS // 2))
        await note("small", [await small_channels(lab, "small", posters=POSTERS, scale=MS) for _ in times])
        await sockets.open(service.url, lab.world.tokens(SOCKETS)[SOCKETS // 2 :])
        spread["WebSocket"] = list(shares(service).values())
        await note("fan-out", [await fan_out(lab, "fan-out", posters=POSTERS) for _ in times])
        return figures, spread, lab


TITLES = {
    "GET users/me": ("GET users/me, 16 at once; µs", 1),
    "POST posts": ("POST posts into a channel of 200, 16 at once; ms", 1),
    "small": ("50 channels of 20, 500 sockets, 16 posters; ms a post", 1),
    "fan-out": ("fan-out to 1,000 sockets, 16 posters; µs a delivery", SOCKETS),
}


def report(found: Mapping[int, Mapping[str, Figures]], spread: Mapping[int, Mapping[str, Sequence[int]]]) -> str:
    """The table, and the balance."""
    heads = ("", "workers", "a second", "server", "postgres", "redis", "in all", "p99 ms", "clients %")
    names = ("per_s", "server", "postgres", "redis", "total", "p99", "clients_pct")
    rows = [
        [title, str(workers), *(short(figures[work][name] * (times if name == "per_s" else 1)) for name in names)]
        for work, (title, times) in TITLES.items()
        for workers, figures in found.items()
    ]
    lines = [table(heads, rows)]
    lines += [
        f"{kind} connections of {workers} workers: {', '.join(map(str, counts))}"
        for workers, kinds in spread.items()
        for kind, counts in kinds.items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Run it; the exit code is 1 when anything was lost or refused."""
    parser = command(__doc__)
    parser.add_argument("--workers", default="1,2", help="numbers of workers, with commas between")
    with_repeat(parser)
    with_out(parser)
    options = parser.parse_args()
    found, spread, faults = {}, {}, []
    for workers in map(int, options.workers.split(",")):
        found[workers], spread[workers], lab = run(measure(workers, options.repeat))
        faults += lab.faults
    print(report(found, spread))
    for fault in faults:
        print(f"NOT RIGHT: {fault}")
    kept = {str(workers): {"figures": found[workers], "spread": spread[workers]} for workers in found}
    keep(options.out, workers=kept)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
