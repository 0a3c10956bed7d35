"""People who talk while something breaks, and the comparison afterwards of what was answered, stored and heard."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from tests.chaos.listener import Heard, Listener
from tests.chaos.people import Stage
from tests.chaos.posting import Answered, Poster

LANES = 2
PACE = 0.05
"""Seconds that a lane waits between two posts: about 150 posts a second in all."""
CATCH_UP = 60.0
"""What has not come after so many seconds never will."""


class Outcome(Struct, kw_only=True):
    """What a fault did. Complaints are all that must not be; an outcome without any keeps the promises."""

    fault: str
    acknowledged: int = 0
    """Posts answered with 201."""
    expected: int = 0
    """Those, times the members of their channels who listened."""
    lost: int = 0
    doubled: int = 0
    swapped: int = 0
    """Posts that arrived live after a later one of their channel."""
    reconnects: int = 0
    exact: int = 0
    """Of those, how many went on exactly where they had been."""
    seconds: float = 0.0
    """From the fault until everybody heard again what was posted after it."""
    notes: str = ""
    complaints: list[str] = []


class Talk:
    """Listeners on all nodes, and posters who post to all nodes, until the block ends.

    async with Talk.begin(stage) as talk:
        await asyncio.sleep(2)
        broken = time.monotonic()
        …
        seconds = await talk.heard_again(since=broken)
    outcome = talk.outcome("a node is killed", seconds)
    """

    def __init__(self, stage: Stage, pace: float) -> None:
        stage.talks += 1
        ports = stage.installation.ports
        self.stage = stage
        self.name = f"talk{stage.talks}"
        self.listeners = [
            Listener(person, ports, number % len(ports), [place.id for place in stage.places_of(person)])
            for number, person in enumerate(stage.listeners)
        ]
        self.posters = [
            Poster(f"{self.name}-{person.username}-{lane}", person, stage.places_of(person), ports, number % 3, pace)
            for number, (person, lane) in enumerate((one, lane) for one in stage.posters for lane in range(LANES))
        ]
        self._stored: list[Heard] = []

    @staticmethod
    @contextlib.asynccontextmanager
    async def begin(stage: Stage, pace: float = PACE) -> AsyncIterator["Talk"]:
        """Everybody listens and posts in the block; at its end all posts get answered and heard."""
        talk = Talk(stage, pace)
        enough = asyncio.Event()
        listening = [asyncio.create_task(listener.listen()) for listener in talk.listeners]
        posting: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(CATCH_UP):
                await asyncio.gather(*(listener.connected.wait() for listener in talk.listeners))
            posting += [asyncio.create_task(poster.post_until(enough)) for poster in talk.posters]
            yield talk
            enough.set()
            await asyncio.gather(*posting)
            await talk._catch_up()
        finally:
            for task in (*listening, *posting):
                task.cancel()
            await asyncio.gather(*listening, *posting, return_exceptions=True)

    @property
    def answered(self) -> list[Answered]:
        """All posts that were answered."""
        return [answered for poster in self.posters for answered in poster.answered]

    async def heard_again(self, since: float, patience: float = 60.0) -> float:
        """Wait until every listener heard, live, a post that was sent after a moment; seconds from that moment on."""
        sent: dict[str, float] = {}
        waiting = set(self.listeners)
        while waiting:
            assert time.monotonic() - since < patience, f"{len(waiting)} heard nothing new within {patience} s"
            await asyncio.sleep(0.02)
            sent = {one.message: one.sent_at for one in self.answered if one.sent_at >= since}
            waiting = {one for one in waiting if not _heard_one_of(one, sent, since)}
        return time.monotonic() - since

    async def until(self, condition: Callable[[], object], patience: float = 30.0) -> None:
        """Wait for something to come true."""
        async with asyncio.timeout(patience):
            while not condition():  # noqa: ASYNC110 - it comes from processes
                await asyncio.sleep(0.02)

    async def _catch_up(self) -> None:
        """Give every listener the time to hear or fetch the last posts; what then misses is lost."""
        deadline = time.monotonic() + CATCH_UP
        while any(self._missing(listener) for listener in self.listeners):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        for listener in self.listeners:
            await listener.settle()
        await asyncio.sleep(0.3)  # what is doubled comes late
        found = await self.stage.installation.rows(
            "SELECT id, channel_id, message, create_at FROM posts WHERE type = '' AND message LIKE $1",
            f"{self.name}-%",
        )
        self._stored = [Heard(row["id"], row["channel_id"], row["message"], row["create_at"]) for row in found]

    def _expected(self, listener: Listener) -> list[Answered]:
        places = {place.id for place in self.stage.places_of(listener.person)}
        return [answered for answered in self.answered if answered.channel_id in places]

    def _missing(self, listener: Listener) -> list[Answered]:
        known = listener.known()
        return [answered for answered in self._expected(listener) if answered.id not in known]

    def outcome(self, fault: str, seconds: float = 0.0, notes: str = "") -> Outcome:
        """Compare what was answered with what is stored and with what everybody heard."""
        found = Outcome(fault=fault, seconds=seconds, notes=notes, complaints=[])
        answered = self.answered
        found.acknowledged = len(answered)
        for faults in [one.faults for one in self.posters] + [one.faults for one in self.listeners]:
            found.complaints += faults
        said = sorted((one.id, one.channel_id, one.message, one.create_at) for one in answered)
        stored = sorted((one.id, one.channel_id, one.message, one.create_at) for one in self._stored)
        if said != stored:
            odd = sorted(set(said) ^ set(stored))
            found.complaints.append(f"{len(said)} posts answered, {len(stored)} stored; they differ in {odd[:5]}")
        for listener in self.listeners:
            self._compare(listener, found)
        if found.swapped:
            found.complaints.append(f"{found.swapped} posts came after later ones of their channel")
        return found

    def _compare(self, listener: Listener, found: Outcome) -> None:
        expected = {answered.id: answered for answered in self._expected(listener)}
        live = [heard for _, heard in listener.live if heard.message.startswith(f"{self.name}-")]
        found.expected += len(expected)
        found.reconnects += listener.resumed + listener.anew
        found.exact += listener.resumed
        if missing := self._missing(listener):
            found.lost += len(missing)
            found.complaints.append(f"{listener.person.username} never saw {len(missing)} posts: {missing[:3]}")
        if again := len(live) - len({heard.id for heard in live}):
            found.doubled += again
            found.complaints.append(f"{listener.person.username} heard {again} posts twice")
        newest: dict[str, int] = {}
        for heard in live:
            swapped = heard.create_at < newest.get(heard.channel_id, 0)
            found.swapped += swapped
            newest[heard.channel_id] = max(heard.create_at, newest.get(heard.channel_id, 0))
            origin = expected.get(heard.id)
            if origin is None or (heard.message, heard.channel_id) != (origin.message, origin.channel_id):
                found.complaints.append(f"{listener.person.username} heard what was not said to them: {heard}")


def _heard_one_of(listener: Listener, sent: dict[str, float], since: float) -> bool:
    for at, heard in reversed(listener.live):
        if at < since:
            return False
        if heard.message in sent:
            return True
    return False
