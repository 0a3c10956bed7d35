"""The production mix: what people do all day, as the load test does it, at a steady rate.

An action makes 3.8 requests and some 20 events, as it did when the other server was measured with another program.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.figures import per
from benchmarks.lab import MS, Figures, Lab
from benchmarks.people import PASSWORD

PEOPLE = 200
RATE = 20.0
"""Actions a second of all of them."""
SECONDS = 40
"""From when everybody has signed in."""
SIGN_IN_RATE = 20
"""People a second; passwords are hashed slowly on purpose."""
NEWER = "drafts,bookmarks,scheduled_posts,search_in_all_teams,channel_search_in_all_teams,urgent_posts"
"""What is left out, since the server to compare with, of 2021, has it not."""


class Played(Struct):
    """What the load test found, from when everybody was there."""

    seconds: float
    actions: int
    requests: int
    cpu: dict[str, float]
    mean_ms: float
    p50_ms: float
    p99_ms: float
    failed_percent: float
    rules: list[dict[str, float | str]]
    holds: bool


async def mix(lab: Lab, work: str) -> Figures:
    """One run; CPU of an action in ms with all that belongs to it: its "requests", events to others, statuses that
    clients ask for, idling. "p50" and "p99" are those of requests."""
    await lab.service.clear_up()
    with tempfile.TemporaryDirectory(prefix="hubbub-benchmark-") as folder:
        found = await _play(lab, Path(folder))
    if not found.holds:
        lab.faults.append(f"{work}: {[rule for rule in found.rules if float(rule['value']) > float(rule['limit'])]}")
    parts = {part: found.cpu[part] for part in lab.service.pids()}
    return {
        **per(parts, found.actions, MS),
        "per_s": found.actions / found.seconds,
        "requests": found.requests / found.actions,
        "p50": found.p50_ms,
        "p99": found.p99_ms,
        "clients_pct": 100 * sum(found.cpu[name] for name in found.cpu.keys() - parts.keys()) / found.seconds,
    }


async def _play(lab: Lab, folder: Path) -> Played:
    pids = ",".join(f"{part}={root}" for part, roots in lab.service.pids().items() for root in roots)
    figures, log = folder / "figures.json", folder / "log"
    length = PEOPLE / SIGN_IN_RATE + SECONDS
    options = {
        "--host": lab.service.url,
        "--admin": "admin",
        "--admin-password": PASSWORD,
        "--users": PEOPLE,
        "--spawn-rate": SIGN_IN_RATE,
        "--idle": PEOPLE / RATE,
        "--run-time": f"{length:.0f}s",
        "--without": NEWER,
        "--cpu-of": pids,
        "--figures": figures,
        "--html": folder / "report.html",
        "--csv": folder / "report",
    }
    words = [f"{name}={value}" for name, value in options.items()]
    with log.open("wb") as output:
        command = [sys.executable, "-m", "loadtest", "--same-rate", *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
        code = await process.wait()
    if not figures.exists():
        raise RuntimeError(f"the load test ended with {code}: {log.read_text(errors='replace')[-2000:]}")
    return msgspec.json.decode(figures.read_bytes(), type=Played)
