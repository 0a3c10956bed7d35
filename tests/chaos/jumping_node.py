"""`python -m tests.chaos.jumping_node`: a node whose clock jumps on SIGUSR1 by the seconds that stand in a file.

CLOCK_FILE names the file; without it, or while it is empty, the clock is right. Only what people call the time jumps:
pauses and timers go by the monotonic clock, on a machine as here.
"""

import os
import signal
import time
from pathlib import Path
from types import FrameType

VARIABLE = "CLOCK_FILE"


class Clock:
    """The time of this process, off by some seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._time, self._time_ns = time.time, time.time_ns
        self._off = 0
        self.jump()
        setattr(time, "time", self.time)  # noqa: B010 - a plain assignment is an error for mypy
        setattr(time, "time_ns", self.time_ns)  # noqa: B010

    def jump(self, signum: int = 0, frame: FrameType | None = None) -> None:
        """Be as wrong as the file says."""
        self._off = int(self._path.read_text() or 0) if self._path.exists() else 0

    def time(self) -> float:
        """In place of time.time."""
        return self._time() + self._off

    def time_ns(self) -> int:
        """In place of time.time_ns."""
        return self._time_ns() + self._off * 1_000_000_000


if __name__ == "__main__":
    clock = Clock(Path(os.environ[VARIABLE]))
    signal.signal(signal.SIGUSR1, clock.jump)
    from server.cli.node_process import main

    main()
