"""Posts to people who listen: fan-out into one large channel, and into many small ones."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.figures import quantile
from benchmarks.lab import US, Figures, Lab
from benchmarks.posting import Posting
from benchmarks.rest import Connection
from benchmarks.world import Channel

WARM_SECONDS = 1.0
SECONDS = 4.0
PROBES = 8
PROBE_PAUSE = 0.04
WRITES, DELIVERIES = "hubbub_websocket_writes_total", "hubbub_websocket_deliveries_total"


async def fan_out(lab: Lab, work: str, *, posters: int = 0, rate: float = 0.0) -> Figures:
    """Posts into the channel that everybody is in; CPU for each delivery in µs."""
    return await _posted(lab, work, [lab.world.big], US, posters, rate)


async def small_channels(lab: Lab, work: str, *, posters: int, scale: float) -> Figures:
    """Posts into many small channels in turn; CPU for each post."""
    return await _posted(lab, work, lab.world.small, scale, posters, 0.0)


async def fairness(lab: Lab, work: str, *, posters: int) -> Figures:
    """How long GET users/me takes while posts fan out to everybody at full speed: "p50", "p99", and "per_s" posts."""
    seconds: list[float] = []
    probing = [asyncio.create_task(_probe(lab, number, seconds)) for number in range(PROBES)]
    try:
        found = await fan_out(lab, work, posters=posters)
    finally:
        for probe in probing:
            probe.cancel()
    for result in await asyncio.gather(*probing, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    quantiles = {"p50": quantile(seconds, 0.5) * 1e3, "p99": quantile(seconds, 0.99) * 1e3}
    return {**quantiles, "probes": len(seconds), "lost": found["lost"], "per_s": found["per_s"]}


async def _probe(lab: Lab, number: int, seconds: list[float]) -> None:
    connection = Connection(lab.service.url)
    request = connection.request("GET", "/users/me", lab.world.users[-number].token)
    try:
        while True:
            started = time.perf_counter()
            if (await connection.send(request)).status != 200:
                lab.faults.append("GET users/me was refused during fan-out")
            seconds.append(time.perf_counter() - started)
            await asyncio.sleep(PROBE_PAUSE)
    finally:
        connection.close()


async def _posted(lab: Lab, work: str, channels: Sequence[Channel], scale: float, posters: int, rate: float) -> Figures:
    """One run, after a short one that does not count; a cost in µs is that of a delivery, one in ms that of a post."""
    warm = Posting(lab.service.url, lab.world, channels, lab.sockets)
    await warm.begin()
    await warm.go(WARM_SECONDS, posters=posters, rate=rate)
    await warm.arrived()
    posting = Posting(lab.service.url, lab.world, channels, lab.sockets)
    await posting.begin()
    before = lab.service.counted()
    meter = lab.meter()
    await posting.go(SECONDS, posters=posters, rate=rate)
    await posting.arrived()
    used = meter.read()
    lab.note(work, used)
    after = lab.service.counted()
    came = await posting.end()
    if posting.failed or not came.exact:
        lab.faults.append(
            f"{work}: {posting.failed} posts failed; of {came.expected} deliveries {came.lost} were lost, "
            f"{came.doubled} doubled, {came.strange} strange; {came.closed} sockets were closed; {came.faults}"
        )
    writes = after[WRITES] - before[WRITES]
    return {
        **used.each(came.received if scale == US else posting.posts, scale),
        "per_s": posting.posts / used.wall,
        "p50": came.latency_ms(0.5),
        "p99": came.latency_ms(0.99),
        "lost": came.lost,
        "event_bytes": came.bytes / max(came.received + came.others, 1),
        "events_per_write": (after[DELIVERIES] - before[DELIVERIES]) / max(writes, 1),
        "clients_pct": 100 * used.clients / used.wall,
    }
