"""Does every post arrive at every socket that should get it, once, and how soon?

Each post carries a mark: the run, the process that sent it, its number there and the clock just before the request.
The ledger of a process counts arrivals at its own sockets. Processes tell each other which posts were acknowledged,
and each looks whether those of its sockets that were there in time, and stayed or resumed, have them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

MARK = b"lt-"
RUN, PROCESS, NUMBER, CLOCK = 6, 4, 8, 19
_LENGTH = len(MARK) + RUN + 1 + PROCESS + 1 + NUMBER + 1 + CLOCK

PATIENCE = 30.0
"""Seconds after which what did not arrive is lost."""

MARGIN_NS = 100_000_000
"""A socket that was there so long before a post is expected to get it: clocks of machines differ a little."""

Key = tuple[int, int]
"""Number of the process, number of the post there."""


class Lost(Exception):
    """A post that was acknowledged did not arrive."""


class Twice(Exception):
    """A post arrived a second time at the same socket."""


class Gap(Exception):
    """The numbers of a socket's events have a hole."""


def mark(run: str, process: int, number: int, now_ns: int) -> str:
    """The beginning of a message: `lt-abcdef-0001-00000042-1732255200000000000`."""
    return f"lt-{run}-{process:0{PROCESS}}-{number:0{NUMBER}}-{now_ns:0{CLOCK}}"


def read_mark(data: bytes, run: bytes) -> tuple[Key, int] | None:
    """(key of the post, its clock in ns) of the mark of this run somewhere in an event, if there is one."""
    at = data.find(b"lt-" + run + b"-")
    if at < 0 or len(data) < at + _LENGTH:
        return None
    process = at + len(MARK) + RUN + 1
    number = process + PROCESS + 1
    clock = number + NUMBER + 1
    try:
        key = int(data[process : number - 1]), int(data[number : clock - 1])
        return key, int(data[clock : clock + CLOCK])
    except ValueError:  # somebody wrote a message that looks like ours
        return None


@dataclass(eq=False, slots=True)
class Presence:
    """A socket from its hello until it is gone for good; it survives reconnects that were resumed."""

    up: bool = True
    channels: dict[str, int] = field(default_factory=dict)
    """Since when (ns) it is to get the posts of which channels."""


@dataclass(slots=True)
class _Due:
    key: Key
    channel_id: str
    sent_ns: int
    checked: set[Presence] = field(default_factory=set)


class Ledger:
    """The arrivals of one process."""

    def __init__(
        self,
        run: str,
        process: int,
        report: Callable[[str, float | None, Exception | None], None],
        *,
        clock: Callable[[], int] = time.time_ns,
        patience: float = PATIENCE,
    ) -> None:
        """`report(name, milliseconds, exception)` is called for every arrival and everything that is wrong."""
        self.run = run
        self.counts: Counter[str] = Counter()
        self.acknowledged: list[tuple[int, int, str, int]] = []
        """Posts of this process (process, number, channel id, sent ns) that the others were not told of yet."""
        self._run = run.encode()
        self._process = process
        self._report = report
        self._clock = clock
        self._patience_ns = int(patience * 1e9)
        self._number = 0
        self._arrived: dict[Key, tuple[int, set[Presence]]] = {}
        self._due: dict[Key, _Due] = {}
        self._members: dict[str, dict[Presence, int]] = {}

    @property
    def outstanding(self) -> int:
        """Posts that somebody here may still be waiting for."""
        return len(self._due)

    def appear(self, channel_ids: Iterable[str]) -> Presence:
        """A socket was opened by a member of these channels."""
        presence = Presence()
        for channel_id in channel_ids:
            self.join(presence, channel_id)
        return presence

    def join(self, presence: Presence, channel_id: str) -> None:
        """From now on it is to get the posts of this channel, too."""
        if channel_id not in presence.channels:
            presence.channels[channel_id] = self._members.setdefault(channel_id, {})[presence] = self._clock()

    def vanish(self, presence: Presence) -> None:
        """It is gone and will not be resumed: nothing more is expected of it."""
        presence.up = False
        for channel_id in presence.channels:
            self._members[channel_id].pop(presence, None)
        presence.channels.clear()

    def send(self) -> tuple[Key, int, str]:
        """(key, clock, mark) of a post that is about to be sent."""
        self._number += 1
        now = self._clock()
        return (self._process, self._number), now, mark(self.run, self._process, self._number, now)

    def sent(self, key: Key, channel_id: str, sent_ns: int) -> None:
        """The server acknowledged it: it must arrive."""
        self.counts["posts"] += 1
        self.acknowledged.append((*key, channel_id, sent_ns))
        self.expect(key, channel_id, sent_ns)

    def expect(self, key: Key, channel_id: str, sent_ns: int) -> None:
        """A post, of any process, that was acknowledged."""
        if channel_id in self._members:
            self._due[key] = _Due(key, channel_id, sent_ns)

    def arrive(self, presence: Presence, data: bytes) -> bool:
        """An event `posted` came in; is it the first arrival of a post in this process?"""
        now = self._clock()
        found = read_mark(data, self._run)
        if found is None:
            return False
        key, sent_ns = found
        self.counts["arrivals"] += 1
        self._report("deliver posted", (now - sent_ns) / 1e6, None)
        if key not in self._arrived:
            self._arrived[key] = sent_ns, {presence}
            return True
        seen = self._arrived[key][1]
        if presence in seen:
            self.counts["twice"] += 1
            self._report("delivered twice", None, Twice("a post came a second time"))
        seen.add(presence)
        return False

    def settle(self) -> None:
        """See which posts have arrived everywhere, and call lost what is overdue. To be called every second or so."""
        now = self._clock()
        for due in list(self._due.values()):
            if self._settle(due, overdue=now - due.sent_ns > self._patience_ns):
                del self._due[due.key]
        for key, (sent_ns, _) in list(self._arrived.items()):
            if now - sent_ns > 2 * self._patience_ns:
                del self._arrived[key]

    def _settle(self, due: _Due, *, overdue: bool) -> bool:
        arrived = self._arrived[due.key][1] if due.key in self._arrived else set()
        done = True
        for presence, since in self._members.get(due.channel_id, {}).items():
            if since + MARGIN_NS > due.sent_ns or presence in due.checked:
                continue
            if presence in arrived:
                due.checked.add(presence)
                self.counts["expected"] += 1
            elif not overdue:
                done = False
            elif presence.up:
                due.checked.add(presence)
                self.counts["expected"] += 1
                self.counts["lost"] += 1
                self._report("lost", None, Lost("an acknowledged post did not arrive"))
        return done
