"""The beginning of every message that benchmarks post: which run, which post, sent when; receivers find it unparsed."""

import random
import string

MARK = b"hbb-"
RUN, NUMBER, MOMENT = 6, 7, 19
"""Digits of the parts."""
WHOLE = len(MARK) + RUN + NUMBER + MOMENT + 3
_RUN = len(MARK)
_NUMBER = _RUN + RUN + 1
_MOMENT = _NUMBER + NUMBER + 1
PADDING = "while the kettle sings a heron waits at the weir and counts the barges that go down to the sea by night "


def new_run() -> str:
    """A name for a run that no other has."""
    return "".join(random.choices(string.ascii_lowercase, k=RUN))  # noqa: S311 - no secret


def message(run: str, number: int, moment: int, size: int) -> str:
    """The text of a post: its number in the run, the moment in ns of the monotonic clock, filled up to a size."""
    head = f"{MARK.decode()}{run}-{number:0{NUMBER}d}-{moment:0{MOMENT}d}-"
    return (head + PADDING * (1 + size // len(PADDING)))[: max(size, len(head))].rstrip()


def read(mark: bytes) -> tuple[str, int, int]:
    """Run, number and moment from the first WHOLE bytes of a message."""
    return (
        mark[_RUN : _RUN + RUN].decode(),
        int(mark[_NUMBER : _NUMBER + NUMBER]),
        int(mark[_MOMENT : _MOMENT + MOMENT]),
    )
