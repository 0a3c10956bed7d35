"""CPU time of everything concerned while something runs: the service's parts, the clients, and other processes."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.figures import between, per
from benchmarks.processes import TICKS, cpu_seconds
from benchmarks.service import Service


class Used(Struct, frozen=True):
    """What was used between two moments; everything in seconds."""

    wall: float
    parts: dict[str, float]
    clients: float
    others: float

    def each(self, count: float, scale: float = 1e6) -> dict[str, float]:
        """CPU of each part of the service and of all for each of so many things, in µs or another scale."""
        return per(self.parts, count, scale)


class Meter:
    """Reads the clocks; `clients` are processes besides this one."""

    def __init__(self, service: Service, clients: Sequence[int] = ()) -> None:
        self._service = service
        self._clients = clients
        self.start()

    def start(self) -> None:
        """What is used counts from now on."""
        self._parts = self._service.cpu()
        self._of_clients = self._client_seconds()
        self._machine = machine_seconds()
        self._at = time.monotonic()

    def _client_seconds(self) -> float:
        times = os.times()
        return times.user + times.system + cpu_seconds(self._clients)

    def read(self) -> Used:
        """What has been used since the start."""
        wall = time.monotonic() - self._at
        parts = between(self._parts, self._service.cpu())
        clients = self._client_seconds() - self._of_clients
        others = machine_seconds() - self._machine - clients - sum(parts.values())
        return Used(wall, parts, clients, max(others, 0.0))


def machine_seconds() -> float:
    """Seconds that all cores have been busy or not given to this machine, since it was started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS
