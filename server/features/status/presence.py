"""Turns sockets and activity into statuses, in batches, and does what is due: away, offline, the end of do not disturb.

What a user does is noted at once and written a moment later, for many users in one statement. Users here are the users
with a socket on this node.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

import structlog

from server import ticks
from server.bus.redis import RedisError
from server.context import Services
from server.errors import ApiError
from server.features.status import queries
from server.features.status.connections import Connections
from server.features.status.events import StatusChange, StatusesChanged
from server.features.status.memory import Statuses
from server.features.status.models import ONLINE, Status, StatusRow
from server.features.status.typing import TypingPace
from server.ids import now_ms

GATHER_SECONDS = 0.03
"""How long notes are gathered before they are written."""
GRACE_SECONDS = 1.0
"""A user whose last socket went and who is back within this time was never offline."""
CHORES_SECONDS = 0.5
BEAT_SECONDS = 5.0
LIFE_SECONDS = 15.0
"""A node without a beat for this long is dead."""
AWAY_CHECK_SECONDS = 15.0
SWEEP_SECONDS = 60
WRITE_SECONDS = 120
"""How old the stored time of the last activity may get."""
SWEEP_BATCH = 5000

log = structlog.get_logger()


class Presence:
    """One node's part in knowing who is there. Start it after the bus, stop it before."""

    def __init__(self, services: Services) -> None:
        self.statuses = Statuses(services)
        self.connections = Connections(services.bus, services.node_id, seconds=LIFE_SECONDS)
        self.typing = TypingPace()
        self._services = services
        self._db = services.db
        self._here: dict[str, int] = {}
        """Users here, with the time (ms) of the last thing they did on this node."""
        self._arrived: set[str] = set()
        self._gone: dict[str, float] = {}
        self._active: dict[str, int] = {}
        self._being_written: dict[str, int] = {}
        self._registered = True
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._next_end: int | None = None
        self._away_checked = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen and to look after what is due."""
        self.statuses.start()
        self._services.bus.on(StatusesChanged, self._hear)
        self._db = self._services.db.aside()
        await self._look_up_next_end()
        with contextlib.suppress(RedisError):
            self._gone = dict.fromkeys(await self.connections.begin(), time.monotonic())
        self._tasks = [
            asyncio.create_task(self._write_notes()),
            asyncio.create_task(self._every(self._chores, CHORES_SECONDS)),
            asyncio.create_task(self._every(self._beat, BEAT_SECONDS)),
            asyncio.create_task(self._every(self._sweep, SWEEP_SECONDS)),
        ]

    async def stop(self) -> None:
        """End. Users here stay online until another node misses this one: most are there again by then."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(ApiError, RedisError):
            await self.flush()

    # what the gateway and the services tell

    def connected(self, user_id: str) -> None:
        """A socket of the user has signed in here."""
        self._gone.pop(user_id, None)
        self._here[user_id] = self._active[user_id] = now_ms()
        self._arrived.add(user_id)
        self._wake.set()

    def disconnected(self, user_id: str, last: bool) -> None:
        """A socket of the user has gone; `last`: the user has no other one here."""
        if last and self._here.pop(user_id, None) is not None:
            self._arrived.discard(user_id)
            self._gone[user_id] = time.monotonic()

    def touch(self, user_id: str) -> None:
        """The user did something that makes online, unless a status was chosen."""
        now = now_ms()
        if user_id in self._here:
            self._here[user_id] = now
        if self._is_news(user_id, now):
            self._active[user_id] = now
            self._wake.set()

    def _is_news(self, user_id: str, now: int) -> bool:
        """Whether it has to be written that the user did something now: what is stored doesn't say as much."""
        row = self.statuses.peek(user_id)
        if row is None or (row.status != ONLINE and not row.manual):
            return True
        return now - row.last_activity_at > min(WRITE_SECONDS * 1000, self._timeout_ms() // 2)

    def _timeout_ms(self) -> int:
        return max(1, self._services.config.TeamSettings.UserStatusAwayTimeout) * 1000

    def _hear(self, changed: StatusesChanged) -> None:
        self._note_ends(changed.rows)

    def _note_ends(self, rows: Iterable[StatusRow]) -> None:
        for row in rows:
            if row.dnd_end_time and (self._next_end is None or row.dnd_end_time < self._next_end):
                self._next_end = row.dnd_end_time

    async def of(self, user_ids: Collection[str]) -> dict[str, Status]:
        """The statuses of users, with what was noted of them written first."""
        for noted in (self._active, self._being_written):
            if noted and not noted.keys().isdisjoint(user_ids):
                await self.flush()
                break
        return await self.statuses.of(user_ids)

    # writing

    async def tell(self, rows: Collection[StatusRow], changed: Collection[StatusRow]) -> None:
        """Tell all nodes of rows that were written, and the users of those whose status is another one now.

        A status that another one has followed meanwhile is told no more: it would come after that one.
        """
        if rows:
            self.statuses.learn(rows)
            self._note_ends(rows)
            told = [row for row in changed if not self._is_past(row)]
            news = [StatusChange(status=row.status, user_id=row.user_id) for row in told]
            await self._services.bus.publish([StatusesChanged(rows=tuple(rows)), *news])

    def _is_past(self, row: StatusRow) -> bool:
        """Whether the user is known to have got another status after this one."""
        known = self.statuses.peek(row.user_id)
        return known is not None and known.version > row.version and known.status != row.status

    async def flush(self) -> None:
        """Write what was noted until now."""
        async with self._writing:
            arrived, self._arrived = self._arrived, set()
            self._being_written, self._active = self._active, {}
            try:
                known = await self._register(arrived)
                if self._services.config.ServiceSettings.EnableUserStatuses:
                    noted = self._being_written.items()
                    await self._set_active({who: at for who, at in noted if not known or self._is_news(who, at)})
            except ApiError:
                self._active = {**self._being_written, **self._active}
                raise
            finally:
                self._being_written = {}

    async def _register(self, user_ids: Collection[str]) -> bool:
        """Tell the other nodes who is here: from then on none sets these users offline, and if this gives True, then
        this node has heard of all that was set before."""
        try:
            await self.connections.add(user_ids)
            if user_ids:
                await self._services.bus.fence()
        except RedisError:
            self._registered = False  # the next beat makes up for it
            return False
        return True

    async def _set_active(self, times: Mapping[str, int]) -> None:
        if times:
            self.statuses.expect(times)
            written = await queries.set_active(self._db, times)
            await self.tell([item.row for item in written], [item.row for item in written if item.changed])

    async def _write_notes(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            try:
                await self.flush()
            except ApiError as error:
                log.warning("statuses could not be written", error=error.id)
                await asyncio.sleep(1)
                self._wake.set()

    # what is due

    async def _every(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await work()
            except (ApiError, RedisError) as error:
                if self._services.bus.connected:
                    log.warning("statuses are behind", work=work.__name__, error=str(error))
            await ticks.pause(seconds)

    async def _chores(self) -> None:
        before = time.monotonic() - GRACE_SECONDS
        gone = [user_id for user_id, since in self._gone.items() if since <= before]
        if gone:
            absent = await self.connections.remove(gone)
            for user_id in gone:
                self._gone.pop(user_id, None)
            back = [user_id for user_id in gone if user_id in self._here]
            if back:
                await self.connections.add(back)
            await self._set_offline([user_id for user_id in absent if user_id not in self._here])
        if self._next_end is not None and self._next_end <= time.time():
            await self._restore()
        if time.monotonic() - self._away_checked >= min(AWAY_CHECK_SECONDS, self._timeout_ms() / 4000):
            self._away_checked = time.monotonic()
            await self._check_away()

    async def _set_offline(self, user_ids: Collection[str]) -> None:
        """Offline; who connected somewhere in the same moment is online again at once."""
        if not user_ids:
            return
        rows = await queries.set_offline(self._db, user_ids)
        await self.tell(rows, rows)
        absent = set(await self.connections.absent([row.user_id for row in rows]))
        back = {row.user_id: now_ms() for row in rows if row.user_id not in absent}
        await self._set_active(back)

    async def _restore(self) -> None:
        now = int(time.time())
        rows = await queries.restore(self._db, now)
        await self._look_up_next_end()
        await self.tell(rows, rows)

    async def _look_up_next_end(self) -> None:
        """What is told of meanwhile counts as well: the answer may be older."""
        known, self._next_end = self._next_end, None
        try:
            known = await queries.next_end(self._db)
        finally:
            self._next_end = min((end for end in (known, self._next_end) if end is not None), default=None)

    async def _beat(self) -> None:
        known, dead = await self.connections.beat()
        if not known or not self._registered:
            await self.connections.add(self._here)
            self._registered = True
            for user_id, at in self._here.items():
                self._active.setdefault(user_id, at)
            self._wake.set()
        for node_id in dead:
            users = await self.connections.users_of(node_id)
            await self._set_offline(await self.connections.absent(users))
            await self.connections.forget(node_id)

    async def _check_away(self) -> None:
        idle_since = now_ms() - self._timeout_ms()
        idle = [user_id for user_id, at in self._here.items() if at < idle_since]
        known = await self.statuses.of(idle) if idle else {}
        await self.set_away(
            [
                status.user_id
                for status in known.values()
                if status.status == ONLINE and not status.manual and status.last_activity_at < idle_since
            ]
        )

    async def set_away(self, user_ids: Collection[str]) -> None:
        """Away for those of the users who are online by themselves and did nothing for the time set."""
        idle_since = now_ms() - self._timeout_ms()
        user_ids = [user_id for user_id in user_ids if self._here.get(user_id, 0) < idle_since]
        if user_ids:
            rows = await queries.set_away(self._db, user_ids, idle_since)
            await self.tell(rows, rows)

    async def _sweep(self) -> None:
        """Offline for all without any socket who were idle for long, like users of REST. One node does it for all."""
        await self._look_up_next_end()
        if not await self.connections.first("sweep", SWEEP_SECONDS - 5):
            return
        after = ""
        idle_since = now_ms() - self._timeout_ms()
        while True:
            idle = await queries.idle(self._db, idle_since, after, SWEEP_BATCH)
            if not idle:
                return
            await self._set_offline(await self.connections.absent(idle))
            after = idle[-1]
