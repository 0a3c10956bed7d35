"""CPU time of the processes under test, if they run on this machine."""

import contextlib
from collections.abc import Mapping

import psutil

CLIENT = "load test"
"""The name of the program itself beside those of the processes."""


def parse(text: str) -> dict[str, int]:
    """`server=123,postgres=124` as pids by name. ValueError when it is not of that form."""
    pids = {}
    for part in filter(None, text.split(",")):
        name, _, pid = part.rpartition("=")
        pids[name.strip() or f"pid {pid}"] = int(pid)
    return pids


def seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds so far of each process with all its children, except those that are named themselves."""
    named = set(pids.values())
    return {name: _tree(pid, named - {pid}) for name, pid in pids.items()}


def _tree(pid: int, others: set[int]) -> float:
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(pid)
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        total += sum(_tree(child.pid, others) for child in process.children() if child.pid not in others)
    return total
