"""How a command that runs until it is told to stop hears of it."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP came."""


@contextlib.contextmanager
def until_stopped() -> Iterator[None]:
    """Leave the block at the first signal that asks to stop; further ones can't disturb the clearing up."""
    asked = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Stopped

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    with contextlib.suppress(Stopped):
        yield
