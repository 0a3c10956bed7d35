"""What all measurements share: the service, its people, the sockets, and a notebook for what speaks against figures."""

import gc

from benchmarks.meter import Meter, Used
from benchmarks.service import Service
from benchmarks.sockets import Sockets
from benchmarks.world import World

MS, US = 1e3, 1e6
"""Units of CPU time, by seconds."""

BUSY_OTHERS, BUSY_CLIENTS = 0.25, 0.9
"""Shares of a core above which others, or the clients, are told of."""

Figures = dict[str, float]
"""CPU of "server", "postgres", "redis" and in "total" by unit of a work; "per_s"; "p50" and "p99" in ms; and more."""


class Lab:
    """A service that is measured."""

    def __init__(self, service: Service, world: World, sockets: Sockets) -> None:
        self.service = service
        self.world = world
        self.sockets = sockets
        self.others: dict[str, float] = {}
        """What other processes used while a work was measured, as a share of a core, at the most …"""
        self.clients: dict[str, float] = {}
        """… and what the clients did."""
        self.doubts: dict[str, list[str]] = {}
        """What else speaks against the figures of a work."""
        self.faults: list[str] = []
        """What must not happen: loss, refused requests."""

    def meter(self) -> Meter:
        """A meter that has just been started."""
        gc.collect()
        return Meter(self.service, self.sockets.pids)

    def note(self, work: str, used: Used) -> None:
        """Keep who else was busy during a run."""
        self.others[work] = max(self.others.get(work, 0.0), used.others / used.wall)
        self.clients[work] = max(self.clients.get(work, 0.0), used.clients / used.wall)

    def doubt(self, work: str, text: str) -> None:
        """Keep what speaks against the figures of a work."""
        self.doubts.setdefault(work, []).append(text)

    def said(self) -> list[str]:
        """Lines about how far the figures can be trusted, and what was wrong."""
        lines = []
        for shares, bound, text in (
            (self.others, BUSY_OTHERS, "other processes used a core meanwhile, so times are doubtful"),
            (self.clients, BUSY_CLIENTS, "the clients used up their core, so more would have been possible"),
        ):
            if busy := [f"{work} {share:.0%}" for work, share in shares.items() if share > bound]:
                lines.append(f"{text}: {', '.join(busy)}")
        lines += [f"{work}: {doubt}" for work, doubts in self.doubts.items() for doubt in dict.fromkeys(doubts)]
        return lines + [f"NOT RIGHT: {fault}" for fault in self.faults]
