"""A connection as its client knows it: an id, a seq, the events sent. It outlives its socket for a while."""

import asyncio
import struct

from server.gateway.frames import joined, one_frame

RING = 128
"""Events that are kept after they were sent, for a client that resumes."""
RING_BYTES = 512 * 1024
OUTBOX_BYTES = 1024 * 1024
"""Unsent events beyond this close the connection; beyond half of it transient ones are left out."""
HALF_OUTBOX = OUTBOX_BYTES // 2
PART_BYTES = 128 * 1024
"""More than this is not copied into one write: after a while of not reading, or to replay, there may be megabytes."""
AWAY_EVENTS = 256
"""More events than this are not kept for a client that is gone."""

MARK = struct.Struct(">IQI")
MARKS = 7
"""The last mark, and those of about 1, 2, 4 … 32 marks ago: a client that lags or left unnoticed can still resume
elsewhere."""

PAUSED, HELD = 1, 2
"""Why nothing is written: the transport is full; continuity must be noted first."""


class Connection:
    """Numbers and keeps the events of one connection.

    `log` holds the heads of the last events, shared with all other connections; the seq of log[0] is `first`, those
    from log[sent] on are not written yet and are `size` bytes together. `queued` is true while the connection is on
    the list of those to be flushed, and also while it must not be: away, paused or held.
    """

    __slots__ = (
        "blocked",
        "codec",
        "confirms",
        "first",
        "id",
        "is_admin",
        "kept",
        "log",
        "marked",
        "marks",
        "overflowed",
        "queued",
        "saved_at",
        "saved_seq",
        "sent",
        "session_id",
        "size",
        "socket",
        "transport",
        "user_id",
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
        self.log: list[bytes] = []
        self.first = 0
        self.sent = 0
        self.size = 0
        self.kept = 0
        self.queued = True
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
        return self.first + len(self.log)

    def put(self, head: bytes) -> None:
        """Add an event without looking at limits: what a connection begins with."""
        self.log.append(head)
        self.size += len(head)

    def flush(self) -> None:
        """Write everything that waits; the caller has seen to it that nothing is in the way."""
        log, sent = self.log, self.sent
        total = len(log)
        transport = self.transport
        if sent == total or transport is None:
            return
        if self.size > PART_BYTES:
            self._flush_parts(transport)
            return
        if total - sent == 1:
            data = one_frame(self.codec, log[sent], self.first + sent)
        else:
            data = joined(self.codec, log[sent:], self.first + sent)
        self.sent = total
        self.kept += self.size
        self.size = 0
        if total > 2 * RING or self.kept > RING_BYTES:
            self._trim()
        transport.write(data)

    def _flush_parts(self, transport: asyncio.Transport) -> None:
        """Write until the transport is full; once it has room again the rest follows."""
        while self.sent < len(self.log) and not self.blocked and not transport.is_closing():
            end, size = self.sent, 0
            while end < len(self.log) and size < PART_BYTES:
                size += len(self.log[end])
                end += 1
            data = joined(self.codec, self.log[self.sent : end], self.first + self.sent)
            self.sent = end
            self.size -= size
            self.kept += size
            transport.write(data)
        if len(self.log) > 2 * RING or self.kept > RING_BYTES:
            self._trim()

    def _trim(self) -> None:
        """Forget the oldest sent events."""
        excess = min(max(len(self.log) - RING, 0), self.sent)
        kept = sum(map(len, self.log[excess : self.sent]))
        while kept > RING_BYTES // 2 and excess < self.sent:
            kept -= len(self.log[excess])
            excess += 1
        del self.log[:excess]
        self.first += excess
        self.sent -= excess
        self.kept = kept

    def attach(self, socket: object, transport: asyncio.Transport) -> None:
        """Write to this transport from now on."""
        self.socket = socket
        self.transport = transport
        self.blocked = 0
        self.queued = False

    def detach(self) -> None:
        """The client is gone: keep its events."""
        self.socket = None
        self.transport = None
        self.queued = True

    def block(self, reason: int) -> None:
        """Write nothing until `unblock`."""
        self.blocked |= reason
        self.queued = True

    def unblock(self, reason: int) -> bool:
        """A reason not to write is over; returns whether it was the last one, then the caller flushes."""
        self.blocked &= ~reason
        if self.blocked or self.transport is None:
            return False
        self.queued = False
        return True

    def rewind(self, seq: int) -> bool:
        """Make `seq` the next event to write; False when it isn't kept any more or doesn't exist yet."""
        if not self.first <= seq <= self.next_seq:
            return False
        self.sent = seq - self.first
        self.size = sum(map(len, self.log[self.sent :]))
        return True

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
