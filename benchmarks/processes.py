"""What processes have used of the machine, from /proc: CPU time and memory of whole trees; and pinning to cores."""

import contextlib
import os
import resource
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def tree(pid: int) -> list[int]:
    """A process and all that descend from it; empty when it has ended."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.Error:
        return []


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of trees of processes, with that of children which have ended and were waited for."""
    ticks = 0
    for root in roots:
        for pid in tree(root):
            with contextlib.suppress(OSError):
                # The name may hold blanks and brackets; what counts comes after its last bracket.
                fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def resident_kib(roots: Iterable[int]) -> int:
    """Resident memory of trees of processes; what they share is counted once for each."""
    pages = 0
    for root in roots:
        for pid in tree(root):
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_KIB


def pin(roots: Iterable[int], cores: Collection[int]) -> None:
    """Let trees of processes run on these cores only, with all their threads; what they start later inherits it."""
    for root in roots:
        for pid in tree(root):
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores)


def allow_many_files() -> None:
    """Raise the limit of open files of this process as far as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
