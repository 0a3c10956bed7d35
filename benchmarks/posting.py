"""Posts at full speed or at a rate, with an account of what has to arrive where."""

import asyncio
import itertools
import time
from collections.abc import Sequence

from benchmarks.marks import message
from benchmarks.rest import Connection
from benchmarks.sockets import Delivered, Sockets
from benchmarks.world import Channel, World

SIZE = 200
"""Bytes of the text of a post."""
MOST_BEHIND = 64
"""Posters wait while more posts than this have not been delivered: what is measured is a rate that can be kept."""
RESERVE = 64
"""Connections for posts at a rate."""
AUTHORS = 200
"""Of a channel; so many are known to the server after a short while."""


class Posting:
    """One run: posts to channels in turn, by their members in turn."""

    def __init__(self, url: str, world: World, channels: Sequence[Channel], sockets: Sockets) -> None:
        self._url = url
        self._world = world
        self._channels = channels
        self._sockets = sockets
        self._run = ""
        self._numbers = itertools.count()
        users = len(world.users)
        of_user = [len(range(user, len(sockets), users)) for user in range(users)]
        self._audience = [sum(of_user[user] for user in channel.members) for channel in channels]
        self._accepted: list[list[int]] = [[] for _ in channels]
        self.expected = 0
        self.failed = 0
        self.seconds: list[float] = []
        """How long each POST took."""

    @property
    def posts(self) -> int:
        """Posts that were accepted."""
        return sum(map(len, self._accepted))

    async def begin(self) -> None:
        """Begin a new run."""
        self._run = await self._sockets.begin()

    async def go(self, seconds: float, *, posters: int = 0, rate: float = 0.0) -> None:
        """Post for so long: at full speed by so many posters, or at a rate."""
        await (self.at_rate(rate, seconds) if rate else self.at_full_speed(posters, seconds))

    async def at_full_speed(self, posters: int, seconds: float) -> None:
        """Each poster posts again as soon as it is answered."""
        end = time.monotonic() + seconds
        most_behind = MOST_BEHIND * sum(self._audience) / len(self._audience)

        async def work() -> None:
            connection = Connection(self._url)
            while time.monotonic() < end:
                if self.expected - self._sockets.received > most_behind:
                    await asyncio.sleep(0.001)
                else:
                    await self._post(connection, time.monotonic_ns())
            connection.close()

        await asyncio.gather(*(work() for _ in range(posters)))

    async def at_rate(self, rate: float, seconds: float) -> None:
        """Posts at fixed times; their latency counts from when they were due."""
        free = [Connection(self._url) for _ in range(RESERVE)]
        turn = asyncio.Semaphore(RESERVE)
        begun = time.monotonic_ns()

        async def one(due: int) -> None:
            async with turn:
                connection = free.pop()
                await self._post(connection, due)
                free.append(connection)

        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = begun + int(number * 1e9 / rate)
                await asyncio.sleep(max((due - time.monotonic_ns()) / 1e9, 0))
                group.create_task(one(due))
        for connection in free:
            connection.close()

    async def _post(self, connection: Connection, moment: int) -> None:
        number = next(self._numbers)
        where = number % len(self._channels)
        channel = self._channels[where]
        authors = min(len(channel.members), AUTHORS)
        author = self._world.users[channel.members[number // len(self._channels) % authors]]
        body = {"channel_id": channel.id, "message": message(self._run, number, moment, SIZE)}
        started = time.monotonic()
        try:
            status = (await connection.send(connection.request("POST", "/posts", author.token, body))).status
        except OSError:  # a timeout is one too
            status = 0
        self.seconds.append(time.monotonic() - started)
        if status == 201:
            self._accepted[where].append(number)
            self.expected += self._audience[where]
        else:
            self.failed += 1

    async def arrived(self) -> None:
        """Wait until everything has been delivered, or nothing comes any more."""
        await self._sockets.until(self.expected)

    async def end(self) -> Delivered:
        """What was delivered."""
        users = len(self._world.users)
        places: list[list[int]] = [[] for _ in range(users)]
        for where, channel in enumerate(self._channels):
            for user in channel.members:
                places[user].append(where)
        return await self._sockets.end(self._accepted, [places[n % users] for n in range(len(self._sockets))])
