"""Whether what a node does costs more the more connections it has: 100, 1,000, 5,000 and 10,000, each of another user.

    python -m benchmarks.connections [--counts 100,1000] [--idle-seconds 65] [--out connections.json]

First a fresh node with the largest number of silent connections: its memory, and what it uses while nothing happens,
over more than a minute, so that everybody is pinged once. Then for each number: CPU of a connect, of a post to 100 of
them, of a delivery to all of them, of GET users/me, and of losing the connection and coming back for three posts that
were missed. The users are seeded and their sessions written into the database, since signing in costs as much as
thousands of deliveries. Takes about five minutes. On two cores and more the service has one core to itself.
"""

import asyncio
import contextlib
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg

from benchmarks import requesting
from benchmarks.command import command, keep, run, say, with_out
from benchmarks.delivering import fan_out, small_channels
from benchmarks.figures import short, table
from benchmarks.lab import MS, US, Figures, Lab
from benchmarks.people import People, Person
from benchmarks.posting import Posting
from benchmarks.processes import allow_many_files, resident_kib, tree
from benchmarks.requesting import requests
from benchmarks.service import Service
from benchmarks.sockets import Sockets
from benchmarks.world import Channel, World
from server.access.sessions import hash_token
from server.ids import new_id, new_token, now_ms

FEW = 100
"""Members of the small channel, the first that are connected."""
RATE, POSTERS = 5.0, 4
MISSED = 3
SETTLE_SECONDS = 2.0
SPARE_FILES = 500
A_MONTH = 30 * 24 * 3600 * 1000


async def seeded(service: Service) -> World:
    """The seeded users, the administrator first, with a session each; `big` has all of them, `small` a hundred."""
    database = await asyncpg.connect(service.dsn)
    try:
        rows = await database.fetch(
            "SELECT id, username FROM users WHERE NOT is_bot ORDER BY roles NOT LIKE '%system_admin%', id"
        )
        people = [Person(row["id"], row["username"], new_token()) for row in rows]
        now = now_ms()
        await database.copy_records_to_table(
            "sessions",
            columns=["id", "token_hash", "create_at", "expires_at", "last_activity_at", "user_id", "roles"],
            records=[
                (new_id(), hash_token(one.token), now, now + A_MONTH, now, one.id, "system_user") for one in people
            ],
        )
        town = await database.fetchrow("SELECT id, team_id FROM channels WHERE name = 'town-square'")
    finally:
        await database.close()
    makers = People(service.url, people[0])
    few = await makers.channel(town["team_id"], people[:FEW])
    makers.close()
    return World(people, town["team_id"], Channel(town["id"], range(len(people))), [Channel(few, range(FEW))])


def proportional_kib(roots: Sequence[int]) -> int:
    """Memory of trees of processes, what they share divided among those that share it."""
    sums = 0
    for root in roots:
        for pid in tree(root):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        sums += int(line.split()[1])
    return sums


async def idling(lab: Lab, count: int, seconds: float) -> Figures:
    """A fresh node with silent connections: memory in KiB, CPU in percent of a core."""
    lab.service.restart_nodes()
    await asyncio.sleep(SETTLE_SECONDS)
    roots = lab.service.pids()["server"]
    fresh, fresh_pss = resident_kib(roots), proportional_kib(roots)
    meter = lab.meter()
    await asyncio.sleep(5)
    alone = meter.read()
    await lab.sockets.open(lab.service.url, [person.token for person in lab.world.users[:count]])
    await asyncio.sleep(SETTLE_SECONDS)
    meter = lab.meter()
    await asyncio.sleep(seconds)
    used = meter.read()
    lab.note("idle", used)
    full, full_pss = resident_kib(roots), proportional_kib(roots)
    await lab.sockets.close_all()
    return {
        "fresh": fresh,
        "fresh_pss": fresh_pss,
        "full": full,
        "full_pss": full_pss,
        "each": (full - fresh) / count,
        **{f"idle {part}": 100 * spent / used.wall for part, spent in used.parts.items()},
        **{f"alone {part}": 100 * spent / alone.wall for part, spent in alone.parts.items()},
    }


async def resumed(lab: Lab, work: str) -> Figures:
    """All connections are lost, three posts come, and all come back for them at once: CPU of each in µs."""
    posting = Posting(lab.service.url, lab.world, [lab.world.big], lab.sockets)
    await posting.begin()
    meter = lab.meter()
    await lab.sockets.part()
    await asyncio.sleep(1)
    await posting.go(0.1 * MISSED, rate=10)
    await lab.sockets.resume()
    await posting.arrived()
    used = meter.read()
    lab.note(work, used)
    came = await posting.end()
    if not came.exact or posting.posts != MISSED:
        lab.faults.append(f"{work}: {came.anew} began anew, {came.lost} of {came.expected} were lost; {came.faults}")
    return {**used.each(len(lab.sockets), US), "wall": used.wall}


async def stage(lab: Lab, count: int) -> dict[str, Figures]:
    """What everything costs once there are so many connections."""
    before = len(lab.sockets)
    meter = lab.meter()
    await lab.sockets.open(lab.service.url, [person.token for person in lab.world.users[before:count]])
    used = meter.read()
    lab.note(f"connect {count}", used)
    found = {"connect": {**used.each(count - before, US), "per_s": (count - before) / used.wall}}
    await asyncio.sleep(SETTLE_SECONDS)
    found["few"] = await small_channels(lab, f"few {count}", posters=1, scale=MS)
    found["all"] = await fan_out(lab, f"all {count}", rate=RATE)
    found["full"] = await fan_out(lab, f"full {count}", posters=POSTERS)
    found["me"] = await requests(lab, f"me {count}", call=requesting.me, scale=US)
    found["resume"] = await resumed(lab, f"resume {count}")
    return found


async def measure(counts: Sequence[int], idle_seconds: float) -> tuple[Figures, dict[int, dict[str, Figures]], Lab]:
    """The figures of the idle node and of each number of connections."""
    seed = ("seed", "--posts", "0", "--users", str(max(counts)), "--teams", "1", "--channels", "500")
    async with Service.start(prepare=[seed]) as service:
        world = await seeded(service)
        service.pin()
        async with Sockets.start() as sockets:
            lab = Lab(service, world, sockets)
            idle: Figures = {}
            if idle_seconds:
                idle = await idling(lab, max(counts), idle_seconds)
                say(f"idle: {idle}")
                service.restart_nodes()
            stages = {}
            for count in counts:
                started = time.monotonic()
                stages[count] = await stage(lab, count)
                say(f"{count} connections: {time.monotonic() - started:.0f} s")
            return idle, stages, lab


COLUMNS: Sequence[tuple[str, str, str]] = (
    ("connect µs", "connect", "server"),
    ("in all", "connect", "total"),
    ("post to 100, ms", "few", "server"),
    ("in all", "few", "total"),
    ("delivery to all, 5 posts/s, µs", "all", "server"),
    ("full speed", "full", "server"),
    ("events a write", "full", "events_per_write"),
    ("users/me µs", "me", "server"),
    ("in all", "me", "total"),
    ("return µs", "resume", "server"),
    ("in all", "resume", "total"),
)


def report(idle: Mapping[str, float], stages: Mapping[int, Mapping[str, Figures]]) -> str:
    """The table, and a few lines about the idle node."""
    heads = ["connections", *(title for title, _, _ in COLUMNS)]
    rows = [[f"{count:,}", *(short(found[work][name]) for _, work, name in COLUMNS)] for count, found in stages.items()]
    lines = [table(heads, rows)]
    if idle:
        parts = ("server", "postgres", "redis")
        busy = ", ".join(f"{part} {short(idle[f'idle {part}'])}" for part in parts)
        alone = ", ".join(f"{part} {short(idle[f'alone {part}'])}" for part in parts)
        shared = f"{idle['fresh_pss'] / 1024:.0f} and {idle['full_pss'] / 1024:.0f}"
        lines.append(
            f"memory: {idle['fresh'] / 1024:.0f} MiB fresh, {idle['full'] / 1024:.0f} MiB with {max(stages):,} silent"
            f" connections (PSS {shared}), {idle['each']:.1f} KiB for each"
        )
        lines.append(f"while nothing happens, percent of a core: {busy}; without connections: {alone}")
    return "\n".join(lines)


def main() -> int:
    """Run it; the exit code is 1 when anything was lost or refused."""
    parser = command(__doc__)
    parser.add_argument("--counts", default="100,1000,5000,10000", help="numbers of connections, rising")
    parser.add_argument("--idle-seconds", type=float, default=65, help="how long nothing happens (65); 0: leave it out")
    with_out(parser)
    options = parser.parse_args()
    counts = sorted({int(count) for count in options.counts.split(",")})
    allow_many_files()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < counts[-1] + SPARE_FILES:
        parser.error(f"{counts[-1]:,} connections need as many open files; see ulimit -n")
    if counts[0] < FEW:
        parser.error(f"{FEW} connections at least")
    idle, stages, lab = run(measure(counts, options.idle_seconds))
    print(report(idle, stages))
    print("\n".join(lab.said()))
    keep(options.out, idle=idle, connections={str(count): found for count, found in stages.items()})
    return 1 if lab.faults else 0


if __name__ == "__main__":
    sys.exit(main())
