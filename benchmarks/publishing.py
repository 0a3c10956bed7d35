"""What a publish costs the node that does it, hears it and passes it on, and Redis: µs of CPU, one after the other.

    python -m benchmarks.publishing [--times 5000] [--repeat 5] [--durable]

"post" has the size of a post and its turn in a channel; "notice" is a small event for one user; "change" is such a one
behind news for the caches of all nodes. `--durable`: Redis keeps a log, as with `hubbub dev`.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from statistics import median
from typing import ClassVar

from benchmarks.command import command, run, with_repeat
from benchmarks.figures import short, table
from benchmarks.processes import cpu_seconds
from server.bus.bus import Bus
from server.bus.envelope import Envelope
from server.bus.event import Audience, Event, Turn
from server.bus.signals import Invalidate, Signal
from server.engines.directory import DataDirectory
from server.engines.redis import DURABLE, FORGETFUL, Redis
from server.ids import new_id, now_ms

USER, CHANNEL = new_id(), new_id()
TEXT = "x" * 800


class Post(Event, frozen=True, kw_only=True):
    """Something of the size of a post."""

    name: ClassVar[str] = "post_in_benchmark"
    id: str
    at: int
    after: int
    message: str = TEXT

    def audience(self) -> Audience:
        return Audience(channel_id=CHANNEL)

    def turn(self) -> Turn:
        return Turn(line=CHANNEL, at=self.at, after=self.after)


class Notice(Event, frozen=True, kw_only=True):
    """Something for one user."""

    name: ClassVar[str] = "notice_in_benchmark"
    channel_id: str

    def audience(self) -> Audience:
        return Audience(user_id=USER)


class Listener:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.heard = 0

    def deliver(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        self.heard += len(envelopes)

    def batch_ended(self) -> None: ...

    def anew(self, topics: Collection[str] | None) -> None: ...


def _kinds() -> dict[str, Callable[[int], list[Event | Signal]]]:
    start = now_ms()

    def post(number: int) -> list[Event | Signal]:
        return [Post(id=new_id(), at=start + number, after=start + number - 1)]

    def notice(number: int) -> list[Event | Signal]:
        return [Notice(channel_id=CHANNEL)]

    def change(number: int) -> list[Event | Signal]:
        return [Invalidate(tags=(f"user:{USER}",)), Notice(channel_id=CHANNEL)]

    return {"post": post, "notice": notice, "change": change}


async def measure(options: argparse.Namespace, redis: Redis) -> None:
    """Publish each kind so many times, and print what that took."""
    bus, listener = Bus(redis.url, "benchmark"), Listener()
    bus.attach(listener)
    await bus.start()
    await bus.subscribe([f"user:{USER}", f"channel:{CHANNEL}"])
    rows, numbers = [], iter(range(1, sys.maxsize))
    for kind, make in _kinds().items():
        runs: list[tuple[float, float]] = []
        for _ in range(options.repeat):
            node, engine, heard = time.process_time(), cpu_seconds([redis.pid]), listener.heard
            for _ in range(options.times):
                await bus.publish(make(next(numbers)))
            await bus.fence()
            await asyncio.sleep(0)  # it is passed on when all that came with it has been read
            if listener.heard - heard != options.times:
                raise AssertionError(f"{listener.heard - heard} of {options.times} arrived")
            runs.append((time.process_time() - node, cpu_seconds([redis.pid]) - engine))
        rows.append([kind, *(short(median(each) * 1e6 / options.times) for each in zip(*runs, strict=True))])
    await bus.stop()
    print(table(["publish", "node, µs", "Redis, µs"], rows))


def main() -> int:
    """Parse the command line and measure."""
    parser = command(__doc__)
    parser.add_argument("--times", type=int, default=5000)
    parser.add_argument("--durable", action="store_true")
    with_repeat(parser, 5)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hubbub-benchmark-") as folder,
        DataDirectory(Path(folder)) as data,
        Redis(data, settings=DURABLE if options.durable else FORGETFUL) as redis,
    ):
        run(measure(options, redis))
    return 0


if __name__ == "__main__":
    sys.exit(main())
