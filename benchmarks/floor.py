"""The server's fan-out beside the least that it can cost: a C program that only writes the same bytes to the sockets.

The program is compiled when it is needed; it gets the figures of the service's own run: as many sockets, events of as
many bytes, as many of them in a write, and as many writes a second.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from msgspec import Struct

from benchmarks.delivering import SECONDS, fan_out
from benchmarks.lab import Figures, Lab
from benchmarks.processes import pin
from benchmarks.sockets import Sockets

SOURCE = Path(__file__).parent / "epoll" / "baseline.c"
COMPILERS = ("cc", "gcc", "clang")
PATIENCE = 30.0


class FloorError(Exception):
    """The baseline can't be measured."""


class Baseline(Struct, frozen=True):
    """What the C program used, in µs of CPU, and what it did."""

    user: int
    system: int
    deliveries: int
    writes: int
    partial: int
    """Writes that the kernel did not take whole."""


async def compiled(folder: Path) -> Path:
    """The program. FloorError when there is no compiler."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise FloorError("no C compiler")
    program = folder / "baseline"
    compiling = await asyncio.create_subprocess_exec(compiler, "-O2", "-o", str(program), str(SOURCE))
    if await compiling.wait():
        raise FloorError(f"{compiler} does not compile {SOURCE.name}")
    return program


async def baseline(
    *,
    sockets: int,
    event_bytes: int,
    events_per_write: float,
    writes_per_s: float,
    seconds: float = SECONDS,
    cores: set[int] | None = None,
) -> Baseline:
    """Let the program write to so many sockets for some seconds, on these cores. FloorError when it can't."""
    rounds = max(int(writes_per_s * seconds), 1)
    wanted = (sockets, event_bytes, f"{events_per_write:.3f}", rounds, f"{1e6 / writes_per_s:.0f}")
    pipe = asyncio.subprocess.PIPE
    with tempfile.TemporaryDirectory(prefix="hubbub-benchmark-") as folder:
        program = await compiled(Path(folder))
        process = await asyncio.create_subprocess_exec(str(program), *map(str, wanted), stdin=pipe, stdout=pipe)
        tell, hear = process.stdin, process.stdout
        if tell is None or hear is None:
            raise FloorError("the baseline has no pipes")
        try:
            if cores:
                pin([process.pid], cores)
            url = f"http://127.0.0.1:{int(await hear.readline())}"
            async with Sockets.start() as clients:
                await clients.open(url, [""] * sockets)
                await clients.begin()
                tell.write(b"\n")
                line = await asyncio.wait_for(hear.readline(), seconds + PATIENCE)
                found = Baseline(*(int(number) for number in line.split()))
                await _arrived(clients, found.deliveries)
            return found
        except (ValueError, TypeError, TimeoutError) as error:
            raise FloorError(f"the baseline does not answer: {error}") from error
        finally:
            tell.close()
            await process.wait()


async def _arrived(clients: Sockets, deliveries: int) -> None:
    """Wait until all has come. FloorError when it doesn't."""
    came = 0
    for _ in range(100):
        came = (await clients.end([], [[]] * len(clients))).others
        if came == deliveries:
            return
        await asyncio.sleep(0.1)
    raise FloorError(f"{came} of {deliveries} deliveries of the baseline arrived")


async def floor(lab: Lab, work: str, *, posters: int) -> Figures:
    """CPU of the server process alone for a delivery at full speed, in µs; "floor" is that of the C program with the
    same bytes and as many events in a write, "total" how many times as much the server uses."""
    ours = await fan_out(lab, work, posters=posters)
    try:
        least = await baseline(
            sockets=len(lab.sockets),
            event_bytes=round(ours["event_bytes"]),
            events_per_write=ours["events_per_write"],
            writes_per_s=ours["per_s"] / ours["events_per_write"],
            cores=lab.service.cores,
        )
    except FloorError as error:
        lab.doubt(work, str(error))
        return {"ours": ours["server"]}
    each = (least.user + least.system) / least.deliveries
    return {
        "ours": ours["server"],
        "floor": each,
        "total": ours["server"] / each,
        "per_s": ours["per_s"],
        "events_per_write": ours["events_per_write"],
        "event_bytes": ours["event_bytes"],
        "partial": least.partial / least.writes,
    }
