"""What the ways of encoding cost: bytes on the wire and CPU of the server for each delivery to 1,000 sockets.

    python -m benchmarks.wire [--only json,deflate] [--repeat 1] [--out wire.json]

Sockets get plain JSON, JSON compressed once for all of them, msgpack, or a mixture: half of them JSON, a quarter each
of the others. What it would cost to compress for each socket alone is measured in this process, by the same means and
with events that were recorded from the same run: a compressor for every event and socket, or one for each socket which
goes on with what it has seen. Takes a minute and a half. On two cores and more the service has one core to itself.
"""

import asyncio
import os
import sys
import time
import zlib
from collections.abc import Mapping, Sequence

from msgspec import Struct
from websockets.asyncio.client import connect

from benchmarks.command import command, keep, run, say, with_out, with_repeat
from benchmarks.delivering import fan_out
from benchmarks.figures import median_of, short, table
from benchmarks.lab import Figures, Lab
from benchmarks.posting import Posting
from benchmarks.processes import pin, resident_kib
from benchmarks.rest import API
from benchmarks.service import Service
from benchmarks.sockets import DEFLATE, Sockets
from benchmarks.world import World, make_world
from server.gateway.frames import header

SOCKETS = 1000
RATE, POSTERS = 20.0, 16
EVENTS = 100
"""So many recorded events are compressed for each socket."""
LEVEL = 1
"""Of zlib: what the server uses itself."""
FLUSHED = 4
"""Bytes that RFC 7692 leaves away at the end of each message."""


class Form(Struct, frozen=True):
    """A part of the sockets, and what they ask for."""

    share: int
    query: str = ""
    extensions: str = ""


JSON, DEFLATED, MSGPACK = Form(1), Form(1, extensions=DEFLATE), Form(1, "format=msgpack")
FORMS: dict[str, Sequence[Form]] = {
    "json": (JSON,),
    "deflate": (DEFLATED,),
    "msgpack": (MSGPACK,),
    "mixed": (Form(2), DEFLATED, MSGPACK),
}
TITLES = {
    "json": "JSON",
    "deflate": "JSON, compressed once for all",
    "msgpack": "msgpack",
    "mixed": "half JSON, a quarter each compressed and msgpack",
}


class Alone(Struct, frozen=True):
    """What it costs to compress for each socket alone: µs of CPU and bytes by delivery, KiB by socket."""

    us: float
    bytes: float
    kib: float


async def opened(sockets: Sockets, url: str, world: World, forms: Sequence[Form]) -> None:
    """Open all sockets in these forms, the users in the same order as ever."""
    await sockets.close_all()
    tokens, whole, at = world.tokens(SOCKETS), sum(form.share for form in forms), 0
    for form in forms:
        count = SOCKETS * form.share // whole
        await sockets.open(url, tokens[at : at + count], query=form.query, extensions=form.extensions)
        at += count


async def recorded(lab: Lab) -> list[bytes]:
    """Events of posts, as a socket gets them, up to the number of their seq."""
    service, world = lab.service, lab.world
    url = f"ws{service.url.removeprefix('http')}{API}/websocket"
    headers = {"Authorization": f"Bearer {world.users[0].token}"}
    events: list[bytes] = []
    async with connect(url, additional_headers=headers, compression=None, max_size=None) as socket:
        await socket.recv()
        posting = Posting(service.url, world, [world.big], lab.sockets)
        await posting.begin()
        await posting.go(1.0, rate=EVENTS)
        while len(events) < posting.posts:
            event = await asyncio.wait_for(socket.recv(decode=False), 5)
            if event.startswith(b'{"event":"posted"'):
                events.append(event[: event.rindex(b'"seq":') + 6])
    return events


def alone(events: Sequence[bytes], *, goes_on: bool) -> Alone:
    """Compress each event for each socket, with its seq; `goes_on`: by one compressor for each socket."""

    def fresh() -> "zlib._Compress":
        return zlib.compressobj(LEVEL, zlib.DEFLATED, -15)

    before = resident_kib([os.getpid()])
    started = time.process_time()
    compressors = [fresh() for _ in range(SOCKETS)] if goes_on else []
    size = 0
    for seq, event in enumerate(events):
        for number in range(SOCKETS):
            compressor = compressors[number] if goes_on else fresh()
            content = compressor.compress(b"%b%d}" % (event, 1000 * number + seq))
            length = len(content) + len(compressor.flush(zlib.Z_SYNC_FLUSH)) - FLUSHED
            size += length + len(header(1, length))
    count = len(events) * SOCKETS
    used = time.process_time() - started
    kept = resident_kib([os.getpid()]) - before if goes_on else 0
    return Alone(used * 1e6 / count, size / count, kept / SOCKETS)


async def measure(names: Sequence[str], repeat: int) -> tuple[dict[str, Figures], list[str]]:
    """The figures of each form, steady and saturated, those of compressing for each socket, and faults."""
    async with Service.start() as service, Sockets.start() as sockets:
        say("making people")
        lab = Lab(service, await make_world(service), sockets)
        service.pin()
        pin(sockets.pids, os.sched_getaffinity(0))
        figures: dict[str, Figures] = {}
        for name in names:
            await opened(sockets, service.url, lab.world, FORMS[name])
            for load, how in (("steady", {"rate": RATE}), ("saturated", {"posters": POSTERS})):
                runs = [await fan_out(lab, f"{name} {load}", **how) for _ in range(repeat)]
                figures[f"{name} {load}"] = median_of(runs)
                say(f"{name} {load}: {short(figures[f'{name} {load}']['server'])} µs of the server")
        say("compressing for each socket")
        events = await recorded(lab)
        for name, goes_on in (("alone", False), ("alone, going on", True)):
            cost = await asyncio.to_thread(alone, events, goes_on=goes_on)
            figures[name] = {"cpu": cost.us, "event_bytes": cost.bytes, "kib": cost.kib}
        return figures, lab.said()


def report(names: Sequence[str], figures: Mapping[str, Figures]) -> str:
    """The table, and what compressing for each socket would add."""
    heads = ("", "bytes", "20 posts/s: server", "in all", "16 posters: server", "in all", "posts/s", "events a write")
    rows = []
    for name in names:
        steady, full = figures[f"{name} steady"], figures[f"{name} saturated"]
        values = [steady["event_bytes"], steady["server"], steady["total"], full["server"], full["total"]]
        values += [full["per_s"], full["events_per_write"]]
        rows.append([TITLES[name], *map(short, values)])
    lines = [table(heads, rows), "CPU in µs by delivery. Compressing for each socket alone would cost as much, and"]
    for name, title in (("alone", "anew for each event"), ("alone, going on", "with what was said before")):
        cost = figures[name]
        lines.append(
            f"  {title}: {short(cost['cpu'])} µs more by delivery, of {short(cost['event_bytes'])} bytes"
            + (f", and {short(cost['kib'])} KiB by socket" if cost["kib"] else "")
        )
    return "\n".join(lines)


def main() -> int:
    """Run it; the exit code."""
    parser = command(__doc__)
    parser.add_argument("--only", default=",".join(FORMS), help=f"some of {', '.join(FORMS)}, with commas between")
    with_repeat(parser)
    with_out(parser)
    options = parser.parse_args()
    names = [name for name in FORMS if name in options.only.split(",")]
    figures, said = run(measure(names, options.repeat))
    print(report(names, figures))
    print("\n".join(said))
    keep(options.out, figures=figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
