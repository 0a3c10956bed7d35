"""Runs: events that go out one after the other, kept once for all connections that get them in the same form."""

from collections.abc import Sequence
from typing import Self

from msgspec import Struct

from server.gateway.frames import MSGPACK, joined, numbered, one_frame, pieces

RING = 128
"""Events that are kept after they were sent, for a client that resumes."""
RING_BYTES = 512 * 1024
PART_BYTES = 128 * 1024
"""More than this is not copied into one write: after a while of not reading, or to replay, there may be megabytes."""

_LEAST_WEIGHT = RING_BYTES // (2 * RING)


class Run(Struct, eq=False, gc=False):
    """Events in the form of one codec, and their frames as the connection gets them that asked last.

    Connections that came together and hear the same are at the same seq, so their frames are the very same bytes.
    """

    codec: int
    heads: tuple[bytes, ...]
    count: int
    size: int
    """Bytes of the heads."""
    weight: int
    """What it takes of RING_BYTES: its bytes, but so much for each event that no more than 2 * RING are kept."""
    seq: int = -1
    """Of the first of `frames`."""
    next_seq: int = 0
    frames: bytes | None = None
    """None when nothing is to be written at once: the run is too large."""
    parts: list[bytes] | None = None
    """What frames are made of."""

    @classmethod
    def of(cls, codec: int, heads: Sequence[bytes]) -> Self:
        """A run of these heads."""
        count, size = len(heads), sum(map(len, heads))
        return cls(codec, tuple(heads), count, size, max(size, count * _LEAST_WEIGHT))

    def number(self, seq: int) -> None:
        """Make the frames, the first of them with this seq."""
        count = self.count
        if not 0 < self.size <= PART_BYTES:
            self.frames = None
        elif count == 1:
            self.frames = one_frame(self.codec, self.heads[0], seq)
        elif self.codec == MSGPACK:
            self.frames = joined(MSGPACK, self.heads, seq)
        else:
            if self.parts is None:
                self.parts = pieces(self.heads)
            self.frames = numbered(self.codec, self.parts, seq)
        self.seq = seq
        self.next_seq = seq + count

    def forget(self) -> None:
        """Keep the events, not their frames."""
        self.seq = -1
        self.frames = self.parts = None

    def and_then(self, run: "Run") -> "Run":
        """Both as one."""
        count, size = self.count + run.count, self.size + run.size
        return Run(self.codec, (*self.heads, *run.heads), count, size, self.weight + run.weight)

    def cut(self, at: int) -> list["Run"]:
        """Both sides of a place in it."""
        return [Run.of(self.codec, self.heads[:at]), Run.of(self.codec, self.heads[at:])]

    def end(self, weight: int) -> list["Run"]:
        """As much of its end as has this weight, if that is anything."""
        start = self.count
        while start and (weight := weight - max(len(self.heads[start - 1]), _LEAST_WEIGHT)) >= 0:
            start -= 1
        return self.cut(start)[1:] if start < self.count else []


LATER = Run.of(0, ())
"""Stands for what a connection has in its log and must not or can't be written at once."""


def runs_of(codec: int, heads: Sequence[bytes]) -> list[Run]:
    """Any number of events in runs that can each be written at once, but for an event that is too large alone."""
    runs: list[Run] = []
    start = size = 0
    for at, head in enumerate(heads):
        if at > start and (size + len(head) > PART_BYTES or at - start >= RING):
            runs.append(Run.of(codec, heads[start:at]))
            start, size = at, 0
        size += len(head)
    if start < len(heads):
        runs.append(Run.of(codec, heads[start:]))
    return runs
