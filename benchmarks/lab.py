"""What all measurements share: the service, its people, the sockets, and a notebook for what speaks against figures."""

import gc

from benchmarks.meter import Meter, Used
from benchmarks.service import Service
from benchmarks.sockets import Sockets
from benchmarks.world import World

MS, US = 1e3, 1e6
"""Units of CPU time, by seconds."""

Figures = dict[str, float]
"""CPU of "server", "postgres", "redis" and in "total" by unit of a work; "per_s"; "p50" and "p99" in ms; and more."""


class Lab:
    """A service that is measured."""

    def __init__(self, service: Service, world: World, sockets: Sockets) -> None:
        self.service = service
        self.world = world
        self.sockets = sockets
        self.doubts: dict[str, list[str]] = {}
        """What speaks against the figures of a work."""
        self.faults: list[str] = []
        """What must not happen: loss, refused requests."""

    def meter(self) -> Meter:
        """A meter that has just been started."""
        gc.collect()
        return Meter(self.service, self.sockets.pids)

    def note(self, work: str, used: Used) -> None:
        """Keep what speaks against the figures of a run."""
        self.doubts.setdefault(work, []).extend(used.doubts())
