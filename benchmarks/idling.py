"""What a node costs that does nothing: its memory when fresh, and by each WebSocket that is connected and silent."""

import asyncio

from benchmarks.lab import US, Figures, Lab

SETTLE_SECONDS = 1.5
FEW, MANY = 2000, 5000


async def idling(lab: Lab, work: str) -> Figures:
    """CPU of a connect in µs, and memory: of a fresh node in MB, for each of 2,000 and of 5,000 sockets in KiB.

    Allocators seldom give memory back, so only the growth of a fresh node tells what sockets need.
    """
    lab.service.restart_nodes()
    await asyncio.sleep(SETTLE_SECONDS)
    fresh = lab.service.memory()["server"]
    meter = lab.meter()
    await lab.sockets.open(lab.service.url, lab.world.tokens(FEW))
    used = meter.read()
    lab.note(work, used)
    await asyncio.sleep(SETTLE_SECONDS)
    few = lab.service.memory()["server"]
    await lab.sockets.open(lab.service.url, lab.world.tokens(MANY - FEW))
    await asyncio.sleep(SETTLE_SECONDS)
    many = lab.service.memory()["server"]
    await lab.sockets.close_all()
    return {
        **used.each(FEW, US),
        "per_s": FEW / used.wall,
        "memory-2000": (few - fresh) / FEW,
        "memory-5000": (many - fresh) / MANY,
        "idle": fresh * 1024 / 1e6,
    }
