"""The publishing connection: one script call for all messages of a publish, and a memory for what could not be sent."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Iterable, Sequence

from server.bus.envelope import seal
from server.bus.event import Event
from server.bus.redis import Address, Argument, RedisConnection, RedisError
from server.bus.scripts import BEGIN, PUBLISH, Names
from server.bus.signals import EventsLost, Signal

log = logging.getLogger(__name__)

RECONNECT_SECONDS = (0.02, 2.0)
PATIENCE_SECONDS = 0.3
"""How long a publish waits for a connection that has just gone."""
AT_ONCE = 200
"""So many messages go into one call, for Redis does nothing else meanwhile."""
MISSED_TOPICS = 1000
"""More topics than this are not remembered one by one."""


async def begin_epoch(connection: RedisConnection, names: Names) -> bytes:
    """The epoch on this server: changes whenever positions may have gone back."""
    info = await connection.command("INFO", "server")
    run = next((line for line in info.splitlines() if line.startswith(b"run_id:")), b"")
    epoch: bytes = await connection.command("EVAL", BEGIN, 0, names.prefix, run, secrets.token_hex(4))
    return epoch


class Publisher:
    """Publishes; while Redis is away it fails fast, and tells all nodes afterwards which topics missed something."""

    def __init__(self, address: Address, names: Names) -> None:
        self.published = 0
        self.failed = 0
        self.seconds = 0.0
        """Time spent waiting for Redis' answers."""
        self._address = address
        self._names = names
        self._connection: RedisConnection | None = None
        self._script: bytes = b""
        self._ready = asyncio.Event()
        self._away_since = 0.0
        self._missed: dict[str, None] | None = {}
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

    def commands(self, *commands: Sequence[Argument]) -> "list[asyncio.Future[object]]":
        """Several commands in one write; raises RedisError when not connected."""
        connection = self._connection
        if connection is None or not self._ready.is_set():
            raise RedisError("no connection to Redis")
        return [connection.command(*words) for words in commands]

    async def publish(self, messages: Sequence[Event | Signal]) -> bool:
        """Send the messages in their order; False when Redis did not confirm it, then their topics are remembered."""
        done = True
        for start in range(0, len(messages), AT_ONCE):
            done &= await self._publish(messages[start : start + AT_ONCE])
        return done

    async def _publish(self, messages: Sequence[Event | Signal]) -> bool:
        words: list[Argument] = []
        topics: list[str] = []
        for message in messages:
            once, payload, goes_to = seal(message)
            if goes_to:
                words += (once, payload, len(goes_to), *goes_to)
                topics += goes_to
        if not words:
            return True
        started = time.perf_counter()
        try:
            await self._send(words)
        except RedisError as error:
            self.failed += len(messages)
            self.remember(topics)
            log.warning("events were stored but could not be published: %s", error)
            return False
        finally:
            self.seconds += time.perf_counter() - started
        self.published += len(messages)
        return True

    async def _send(self, words: list[Argument]) -> None:
        if not self._ready.is_set():
            left = self._away_since + PATIENCE_SECONDS - asyncio.get_running_loop().time()
            if left > 0:
                await self.ready(left)
        connection = self._connection
        if connection is None or not self._ready.is_set():
            raise RedisError("no connection to Redis")
        for _ in range(2):
            try:
                await connection.command("EVALSHA", self._script, 0, self._names.prefix, *words)
                return
            except RedisError as error:
                if not str(error).startswith(("NOSCRIPT", "NOEPOCH")):
                    raise
            await self._prepare(connection)  # Redis was flushed under us
        raise RedisError("Redis forgets its scripts")

    async def _prepare(self, connection: RedisConnection) -> None:
        await begin_epoch(connection, self._names)
        self._script = await connection.command("SCRIPT", "LOAD", PUBLISH)

    def remember(self, topics: Iterable[str]) -> None:
        """Tell all nodes, as soon as Redis is there, that messages of these topics never went out."""
        if self._missed is not None:
            self._missed.update(dict.fromkeys(topics))
            if len(self._missed) > MISSED_TOPICS:
                self._missed = None

    async def _stay_connected(self) -> None:
        delay = RECONNECT_SECONDS[0]
        while True:
            gone = asyncio.Event()
            try:
                connection = await RedisConnection.open(self._address, on_close=gone.set)
                try:
                    await self._prepare(connection)
                    self._connection = connection
                    self._ready.set()
                    delay = RECONNECT_SECONDS[0]
                    while not gone.is_set():
                        connection.command("PING")  # without an answer it closes itself, before a post has to wait
                        await self._confess()
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(1.0):
                                await gone.wait()
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
        """Tell all nodes which topics missed something, so that no client goes on with a gap."""
        if self._missed is None or self._missed:
            missed, self._missed = self._missed, {}
            if not await self.publish([EventsLost(missed=None if missed is None else tuple(missed))]):
                self._missed = None if missed is None or self._missed is None else {**missed, **self._missed}
