"""The publishing connection: one script call for all messages of a publish, and a memory for what could not be sent."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from server import ticks
from server.bus.envelope import seal
from server.bus.event import Event, Turn
from server.bus.redis import Address, Argument, RedisConnection, RedisError
from server.bus.scripts import BEGIN, PUBLISH, REACHED, TURN, Names
from server.bus.signals import EventsLost, Signal

log = logging.getLogger(__name__)

RECONNECT_SECONDS = (0.02, 2.0)
PING_SECONDS = 1.0
PATIENCE_SECONDS = 0.3
"""How long a publish waits for a connection that has just gone."""
AT_ONCE = 200
"""So many messages go into one call, for Redis does nothing else meanwhile."""
MISSED_TOPICS = 1000
"""More topics than this are not remembered one by one."""
AT_A_TIME = 16 * 1024
"""Bytes that Redis reads from a connection before it looks at others."""
TURN_SECONDS = 0.1
"""How long a message waits for the one before it, which another node has stored but not published yet."""
TURN_TRIES = (0.001, 0.016)
"""The first and the longest pause between two tries."""

FindMissing = Callable[[str, int, int], Awaitable[Sequence[Event | Signal]]]
"""Gives what a line has after a place, up to another, in order: not much more than AT_ONCE messages."""


class _Sealed(Struct):
    """A message ready to go."""

    once: str
    payload: bytes
    topics: list[str]
    turn: Turn | None

    def words(self, in_turn: bool) -> list[Argument]:
        """What the script needs; unless `in_turn` the message goes whatever was before it in its line."""
        turn = self.turn
        place = TURN.pack(turn.at, turn.after if in_turn else 0) + turn.line.encode() if turn is not None else b""
        return [self.once, place, self.payload, len(self.topics), *self.topics]


def _sealed(message: Event | Signal) -> _Sealed:
    once, payload, topics = seal(message)
    return _Sealed(once, payload, list(topics), message.turn() if isinstance(message, Event) else None)


def _seen(answer: "asyncio.Future[Any]") -> None:
    if not answer.cancelled():
        answer.exception()


async def begin_epoch(connection: RedisConnection, names: Names) -> bytes:
    """The epoch on this server: changes whenever positions may have gone back."""
    run, evicted = await asyncio.gather(_told(connection, "server", b"run_id"), evicted_keys(connection))
    epoch: bytes = await connection.command("EVAL", BEGIN, 0, names.prefix, run, evicted, secrets.token_hex(4))
    return epoch


async def evicted_keys(connection: RedisConnection) -> int:
    """How many keys Redis has dropped to make room; ours may have been among them."""
    return int(await _told(connection, "stats", b"evicted_keys") or 0)


async def _told(connection: RedisConnection, section: str, name: bytes) -> bytes:
    info: bytes = await connection.command("INFO", section)
    start = name + b":"
    return next((line.removeprefix(start) for line in info.splitlines() if line.startswith(start)), b"")


class Publisher:
    """Publishes; while Redis is away it fails fast, and tells all nodes afterwards which topics missed something."""

    def __init__(self, address: Address, names: Names) -> None:
        self.published = 0
        self.failed = 0
        self.seconds = 0.0
        """Time spent waiting for Redis' answers."""
        self.waited = 0
        """Messages that had to wait for another node's."""
        self.made_good = 0
        """Messages that another node had stored and did not publish."""
        self.find_missing: FindMissing | None = None
        self._address = address
        self._names = names
        self._connection: RedisConnection | None = None
        self._script: bytes = b""
        self._ready = asyncio.Event()
        self._away_since = 0.0
        self._missed: dict[str, None] | None = {}
        self._missed_turns: dict[str, Turn] = {}
        """How far each line got in vain."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect in the background and stay connected."""
        self._away_since = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._stay_connected())

    async def stop(self) -> None:
        """Tell what was missed, and close the connection."""
        if self._ready.is_set():
            await self._confess()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None:
            self._connection.close()

    async def ready(self, seconds: float) -> bool:
        """Wait until connected; False when that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    async def command(self, *words: Argument) -> object:
        """Any command over this connection; raises RedisError."""
        if self._connection is None or not self._ready.is_set():
            raise RedisError("no connection to Redis")
        answer: object = await self._connection.command(*words)
        return answer

    def push(self, *words: Argument) -> bool:
        """Send a command ahead of all that this node sends to others from now on; False when it can't."""
        connection = self._connection
        if connection is None or not self._ready.is_set():
            return False
        connection.command(*words).add_done_callback(_seen)
        connection.flush()
        return True

    def commands(self, *commands: Sequence[Argument]) -> "list[asyncio.Future[object]]":
        """Several commands in one write; raises RedisError when not connected."""
        connection = self._connection
        if connection is None or not self._ready.is_set():
            raise RedisError("no connection to Redis")
        return [connection.command(*words) for words in commands]

    def beat(self, *commands: Sequence[Argument]) -> None:
        """Send commands that nobody waits for, with whatever else leaves in this turn of the loop."""
        if self._connection is not None and self._ready.is_set():
            for words in commands:
                self._connection.command(*words).add_done_callback(_seen)

    async def publish(self, messages: Sequence[Event | Signal], then: Sequence[Argument] = ()) -> bool:
        """Send the messages in their order; False when Redis did not confirm it, then their topics are remembered.

        Signals have left Redis for all nodes by then: what is asked of any node from now on comes after them.
        `then` is a command that leaves with the last of them; nobody waits for its answer.
        """
        done = True
        for start in range(0, len(messages), AT_ONCE):
            last = start + AT_ONCE >= len(messages)
            done &= await self._publish(messages[start : start + AT_ONCE], then if last else ())
        return done

    async def _publish(self, messages: Sequence[Event | Signal], then: Sequence[Argument]) -> bool:
        sealed = [one for message in messages if (one := _sealed(message)).topics]
        if not sealed:
            if then:
                self.push(*then)
            return True
        started = time.perf_counter()
        try:
            early = await self._send(sealed, then, heard=any(isinstance(message, Signal) for message in messages))
            if early:
                await self._wait_for_turn([sealed[number] for number in early])
        except RedisError as error:
            self.failed += len(messages)
            self._remember(sealed)
            log.warning("events were stored but could not be published: %s", error)
            return False
        finally:
            self.seconds += time.perf_counter() - started
        self.published += len(messages)
        return True

    async def _wait_for_turn(self, sealed: list[_Sealed]) -> None:
        """Try until those before are published; a node that takes too long for it is taken for dead."""
        self.waited += len(sealed)
        loop = asyncio.get_running_loop()
        end = loop.time() + TURN_SECONDS
        pause, longest = TURN_TRIES
        while loop.time() < end:
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
            early = await self._send(sealed)
            if not early:
                return
            sealed = [sealed[number] for number in early]
        until = {one.turn.line: one.turn.after for one in reversed(sealed) if one.turn is not None}
        before: list[_Sealed] = []
        for line, reached in (await self._reached(until)).items():
            try:
                before += await self._missing(line, reached, until[line])
            except Exception:
                log.exception("what was not published can't be read; its receivers start anew")
                self._remember([one for one in sealed if one.turn is not None and one.turn.line == line])
        await self._send_freely([*before, *sealed])

    async def make_good(self, lines: Mapping[str, int]) -> int:
        """Publish what is missing in lines up to a place in each; how many lines that were. Raises RedisError.

        What has been published meanwhile is not published again.
        """
        behind = {line: reached for line, reached in (await self._reached(lines)).items() if reached < lines[line]}
        for line, reached in behind.items():
            await self._send_freely(await self._missing(line, reached, lines[line]))
        return len(behind)

    async def _reached(self, lines: Mapping[str, int]) -> dict[str, int]:
        found: Any = await self.command("EVAL", REACHED, 0, self._names.prefix, *lines)
        return dict(zip(lines, map(int, found), strict=True))

    async def _missing(self, line: str, after: int, until: int) -> list[_Sealed]:
        found = await self.find_missing(line, after, until) if self.find_missing is not None else ()
        self.made_good += len(found)
        return [one for message in found if (one := _sealed(message)).topics]

    async def _send_freely(self, sealed: Sequence[_Sealed]) -> None:
        for start in range(0, len(sealed), AT_ONCE):
            await self._send(sealed[start : start + AT_ONCE], in_turn=False)

    async def _send(
        self, sealed: Sequence[_Sealed], then: Sequence[Argument] = (), *, in_turn: bool = True, heard: bool = False
    ) -> list[int]:
        """Publish; gives the numbers of those whose turn has not come. Raises RedisError.

        `heard`: Redis is to have written them to all who listen before it answers. The last that it has something for
        is the first that it writes to, so something of ours comes before. When it could not read all of that at
        once, the answer to something else says that it has ended what came before.
        """
        words = [word for one in sealed for word in one.words(in_turn)]
        if not self._ready.is_set():
            left = self._away_since + PATIENCE_SECONDS - asyncio.get_running_loop().time()
            if left > 0:
                await self.ready(left)
        connection = self._connection
        if connection is None or not self._ready.is_set():
            raise RedisError("no connection to Redis")
        for _ in range(2):
            try:
                if heard:
                    connection.command("PING")
                published = connection.command("EVALSHA", self._script, 0, self._names.prefix, *words)
                if then:
                    connection.command(*then).add_done_callback(_seen)
                early, late = await published
                if heard and sum(len(one.payload) + 64 * len(one.topics) for one in sealed) > AT_A_TIME // 2:
                    await connection.command("PING")
            except RedisError as error:
                if not str(error).startswith(("NOSCRIPT", "NOEPOCH")):
                    raise
                await self._prepare(connection)  # Redis was flushed under us
            else:
                if late:
                    await self._start_anew([sealed[number] for number in late])
                return list(early)
        raise RedisError("Redis forgets its scripts")

    async def _start_anew(self, sealed: Sequence[_Sealed]) -> None:
        """What was stored after these has been published already: whoever should have them fetches them in order."""
        self._remember(sealed)
        await self._confess()

    async def _prepare(self, connection: RedisConnection) -> None:
        await begin_epoch(connection, self._names)
        self._script = await connection.command("SCRIPT", "LOAD", PUBLISH)

    def remember(self, topics: Iterable[str]) -> None:
        """Tell all nodes, as soon as Redis is there, that messages of these topics never went out."""
        if self._missed is not None:
            self._missed.update(dict.fromkeys(topics))
            if len(self._missed) > MISSED_TOPICS:
                self._missed = None

    def _remember(self, sealed: Sequence[_Sealed]) -> None:
        self.remember(topic for one in sealed for topic in one.topics)
        if self._missed is not None:
            self._missed_turns |= {one.turn.line: one.turn for one in sealed if one.turn is not None}

    async def _stay_connected(self) -> None:
        delay = RECONNECT_SECONDS[0]
        while True:
            news = asyncio.Event()
            try:
                connection = await RedisConnection.open(self._address, on_close=news.set)
                try:
                    await self._prepare(connection)
                    self._connection = connection
                    self._ready.set()
                    delay = RECONNECT_SECONDS[0]
                    while not connection.closed:
                        news.clear()
                        connection.command("PING")  # without an answer it closes itself, before a post has to wait
                        beat = ticks.call_later(PING_SECONDS, news.set)
                        await self._confess()
                        await news.wait()
                        beat.cancel()
                finally:
                    self._ready.clear()
                    self._away_since = asyncio.get_running_loop().time()
                    connection.close()
                log.warning("the publisher lost its connection")
            except RedisError as error:
                log.log(logging.WARNING if delay == RECONNECT_SECONDS[0] else logging.DEBUG, "%s", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, RECONNECT_SECONDS[1])

    async def _confess(self) -> None:
        """Tell all nodes which topics missed something, so that no client goes on with a gap.

        Whoever starts anew has everything; so what was missed need not be made good any more.
        """
        if self._missed is not None and not self._missed:
            return
        missed, self._missed = self._missed, {}
        turns, self._missed_turns = self._missed_turns, {}
        lost = _sealed(EventsLost(missed=None if missed is None else tuple(missed)))
        try:
            await self._send_freely([lost, *(_Sealed("", b"", [], turn) for turn in turns.values())])
        except RedisError as error:
            log.warning("what was missed could not be told: %s", error)
            self._missed = None if missed is None or self._missed is None else {**missed, **self._missed}
            self._missed_turns = {**turns, **self._missed_turns}
