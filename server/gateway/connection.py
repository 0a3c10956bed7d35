"""A connection as its client knows it: an id, a seq, the events sent. It outlives its socket for a while."""

import asyncio
import logging
import struct
from collections.abc import Sequence

from server.gateway.frames import joined
from server.gateway.runs import LATER, PART_BYTES, RING_BYTES, Run, runs_of

log = logging.getLogger(__name__)

OUTBOX_BYTES = 1024 * 1024
"""Unsent events beyond this close the connection; beyond half of it transient ones are left out."""
HALF_OUTBOX = OUTBOX_BYTES // 2
AWAY_EVENTS = 256
"""More events than this are not kept for a client that is gone."""

STRIDE = 32
"""Frames for so many connections are made before they are written: by turns, each would push the other's code and data
out of the processor's caches, and so would the frames of very many."""

MARK = struct.Struct(">IQI")
MARKS = 7
"""The last mark, and those of about 1, 2, 4 … 32 marks ago: a client that lags or left unnoticed can still resume
elsewhere."""

PAUSED, HELD = 1, 2
"""Why nothing is written: the transport is full; continuity must be noted first."""


class Connection:
    """Numbers and keeps the events of one connection.

    `log` holds the last events in runs that it shares with other connections; the seq of the first of them is `first`.
    The last `unsent` runs of it are not written yet: `held` bytes, `behind` events. `seq` is that of the next event to
    be written. `waiting` says what that is: nothing (None), a run that is not in the log yet and goes out with the
    next round, or LATER: something stands in the way, or did, so what comes is added to the log.
    """

    __slots__ = (
        "behind",
        "blocked",
        "codec",
        "confirms",
        "first",
        "held",
        "id",
        "is_admin",
        "kept",
        "log",
        "marked",
        "marks",
        "overflowed",
        "saved_at",
        "saved_seq",
        "seq",
        "session_id",
        "socket",
        "transport",
        "unsent",
        "user_id",
        "waiting",
    )

    def __init__(self, id: str, user_id: str, session_id: str, is_admin: bool, codec: int) -> None:
        self.id = id
        self.user_id = user_id
        self.session_id = session_id
        self.is_admin = is_admin
        self.codec = codec
        self.confirms = False
        """Whether the client says what it did with posts that it was to tell its user of."""
        self.transport: asyncio.Transport | None = None
        self.socket: object | None = None
        """The socket that the transport belongs to."""
        self.log: list[Run] = []
        self.waiting: Run | None = LATER
        self.first = 0
        self.seq = 0
        self.unsent = 0
        self.held = 0
        self.behind = 0
        self.kept = 0
        """The weight of what is in the log and was sent."""
        self.blocked = 0
        self.overflowed = False
        self.marks = b""
        """Events from seq on come from messages after position, to a user in these rooms: (seq, position, digest of
        the rooms), the newest first."""
        self.marked = 0
        """How often; older marks move on at every second, every fourth … time."""
        self.saved_seq = -1
        """Of the last of them."""
        self.saved_at = 0.0

    @property
    def next_seq(self) -> int:
        """The seq that the next event will have."""
        waiting = self.waiting
        return self.seq + self.behind + (waiting.count if waiting is not None else 0)

    @property
    def size(self) -> int:
        """Bytes of events that are not written yet."""
        waiting = self.waiting
        return self.held + (waiting.size if waiting is not None else 0)

    def put(self, head: bytes) -> None:
        """Add an event without looking at limits: what a connection begins with."""
        self.hold_back()
        self.keep(Run.of(self.codec, (head,)))

    def keep(self, run: Run) -> None:
        """Add events to the log, to be written later."""
        self.log.append(run)
        self.unsent += 1
        self.held += run.size
        self.behind += run.count

    def hold_back(self) -> None:
        """What waits for the next round does so in the log from now on, together with what comes."""
        run, self.waiting = self.waiting, LATER
        if run is not None and run is not LATER:
            self.keep(run)

    def flush(self, lead: bytes = b"") -> None:
        """Write what waits, after `lead`, until the transport is full; once it has room again the rest follows."""
        self.hold_back()
        transport = self.transport
        if transport is None or self.blocked:
            return
        if self.unsent:
            self._flush_parts(transport, lead)
        if not self.unsent and not self.blocked:
            self.waiting = None

    def _flush_parts(self, transport: asyncio.Transport, lead: bytes) -> None:
        log = self.log
        while self.unsent and not self.blocked and not transport.is_closing():
            start = len(log) - self.unsent
            if log[start].size > PART_BYTES and log[start].count > 1:
                log[start : start + 1] = parts = runs_of(self.codec, log[start].heads)
                self.unsent += len(parts) - 1
            end, size = start + 1, log[start].size
            while end < len(log) and size + log[end].size <= PART_BYTES:
                size += log[end].size
                end += 1
            heads = [head for run in log[start:end] for head in run.heads]
            data = joined(self.codec, heads, self.seq)
            self.seq += len(heads)
            self.behind -= len(heads)
            self.held -= size
            self.unsent -= end - start
            self.kept += sum(run.weight for run in log[start:end])
            transport.write(lead + data)
            lead = b""
        if self.kept > RING_BYTES:
            self.trim()

    def trim(self) -> None:
        """Forget the oldest sent events."""
        log, kept, first, dropped = self.log, self.kept, self.first, 0
        run = log[0]
        while kept - run.weight >= RING_BYTES // 2:
            kept -= run.weight
            first += run.count
            dropped += 1
            run = log[dropped]
        del log[:dropped]
        if kept > RING_BYTES:  # for the sake of a very large run: its end will do
            end = run.end(RING_BYTES // 2 - (kept - run.weight))
            kept += sum(each.weight for each in end) - run.weight
            first += run.count - sum(each.count for each in end)
            log[:1] = end
        self.kept = kept
        self.first = first

    def attach(self, socket: object, transport: asyncio.Transport) -> None:
        """Write to this transport from now on."""
        self.socket = socket
        self.transport = transport
        self.blocked = 0
        self.waiting = LATER if self.unsent else None

    def detach(self) -> None:
        """The client is gone: keep its events."""
        self.hold_back()
        self.socket = None
        self.transport = None

    def block(self, reason: int) -> None:
        """Write nothing until `unblock`."""
        self.blocked |= reason
        self.hold_back()

    def unblock(self, reason: int) -> bool:
        """A reason not to write is over; returns whether it was the last one, then the caller flushes."""
        self.blocked &= ~reason
        return not self.blocked and self.transport is not None

    def rewind(self, seq: int) -> bool:
        """Make `seq` the next event to write; False when it isn't kept any more or doesn't exist yet."""
        end = self.next_seq
        if not self.first <= seq <= end:
            return False
        self.hold_back()
        start = self._start_of(seq)
        self.seq = seq
        self.behind = end - seq
        self.unsent = len(self.log) - start
        self.held = sum(run.size for run in self.log[start:])
        self.kept = sum(run.weight for run in self.log[:start])
        return True

    def _start_of(self, seq: int) -> int:
        """Where in the log a run begins with this seq; one that has it in its midst is cut there."""
        at = self.first
        for index, run in enumerate(self.log):
            if at == seq:
                return index
            if at + run.count > seq:
                self.log[index : index + 1] = run.cut(seq - at)
                return index + 1
            at += run.count
        return len(self.log)

    def begin_at(self, seq: int) -> None:
        """Let the first event have this seq."""
        self.first = self.seq = seq

    def put_before(self, heads: Sequence[bytes]) -> None:
        """Put events before all that has come so far, of which nothing is sent yet."""
        runs = runs_of(self.codec, heads)
        self.log[:0] = runs
        self.unsent += len(runs)
        self.held += sum(run.size for run in runs)
        self.behind += len(heads)

    def mark(self, position: int, rooms: int) -> None:
        """Note that everything up to a position of the bus is in the log."""
        marks = [self.marks[at : at + MARK.size] for at in range(0, len(self.marks), MARK.size)]
        for age in range(min(len(marks), MARKS - 1), 0, -1):
            if self.marked % (1 << (age - 1)) == 0:
                marks[age : age + 1] = [marks[age - 1]]
        marks[:1] = [MARK.pack(self.next_seq, position, rooms)]
        self.marks = b"".join(marks)
        self.marked += 1
        self.saved_seq = self.next_seq

    def mark_only(self, position: int, rooms: int) -> None:
        """Note the same, and that nothing before can be replayed from the streams."""
        self.marks = MARK.pack(self.next_seq, position, rooms)
        self.saved_seq = self.next_seq


def write_all(connections: Sequence[Connection]) -> None:
    """Write what waits to the clients of these connections, as far as nothing stands in the way."""
    used: set[Run] = set()
    late: list[Connection] = []
    for start in range(0, len(connections), STRIDE):
        for transport, frames in _made_ready(connections[start : start + STRIDE], used, late):
            try:
                transport.write(frames)
            except Exception:
                log.exception("a connection could not be written to")
                transport.abort()
    for run in used:
        run.forget()
    for connection in late:
        try:
            connection.flush()
        except Exception:
            log.exception("a connection could not be written to")
            if connection.transport is not None:
                connection.transport.abort()


def _made_ready(
    connections: Sequence[Connection], used: set[Run], late: list[Connection]
) -> list[tuple[asyncio.Transport, bytes]]:
    """The frames of each, as good as written; those that can't be written like this are added to `late`."""
    ready = []
    for connection in connections:
        run, transport = connection.waiting, connection.transport
        if run is None or transport is None:
            continue
        try:
            seq = connection.seq
            if run.seq != seq:
                run.number(seq)
                used.add(run)
            frames = run.frames
            if frames is None:
                late.append(connection)
                continue
            connection.waiting = None
            connection.seq = run.next_seq
            connection.log.append(run)
            connection.kept = kept = connection.kept + run.weight
            if kept > RING_BYTES:
                connection.trim()
        except Exception:
            log.exception("events could not be numbered for a connection")
            transport.abort()
        else:
            ready.append((transport, frames))
    return ready
