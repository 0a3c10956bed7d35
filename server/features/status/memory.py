"""What this node knows of statuses: read from PostgreSQL when first asked for, kept true by StatusesChanged."""

import time
from collections.abc import Collection, Iterable

from server.context import Services
from server.features.status import queries
from server.features.status.events import StatusesChanged
from server.features.status.models import OFFLINE, Status, StatusRow

MAX_KNOWN = 100_000
TRUSTED_SECONDS = 300.0


class Known:
    """A status, and since when (monotonic seconds) it is known to be true."""

    __slots__ = ("row", "since", "status")

    def __init__(self, row: StatusRow, since: float) -> None:
        self.row = row
        self.since = since
        self.status = row.shown()


class Statuses:
    """The statuses of all users that someone on this node asked for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[str, Known] = {}

    def start(self) -> None:
        """Listen to what all nodes write."""
        self._services.bus.on(StatusesChanged, lambda changed: self.learn(changed.rows))
        self._services.bus.on_lost.append(self._known.clear)

    def peek(self, user_id: str) -> StatusRow | None:
        """The stored status of a user if it is at hand."""
        known = self._known.get(user_id)
        return known.row if known is not None else None

    def expect(self, user_ids: Iterable[str]) -> None:
        """Keep what comes of these users from now on: they are about to be read or written."""
        for user_id in user_ids:
            if user_id not in self._known:
                self._known[user_id] = Known(_never(user_id), float("-inf"))  # which nobody believes
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def learn(self, rows: Iterable[StatusRow]) -> None:
        """Take over rows that are newer than the known ones; of users that nobody asked for nothing is kept."""
        for row in rows:
            known = self._known.get(row.user_id)
            if known is not None and row.version > known.row.version:
                self._known[row.user_id] = Known(row, time.monotonic())

    async def of(self, user_ids: Collection[str]) -> dict[str, Status]:
        """The statuses of users; offline for those that never had one or do not exist."""
        trusted = TRUSTED_SECONDS if self._services.bus.connected else 0.0
        oldest = time.monotonic() - trusted
        found: dict[str, Status] = {}
        missing: list[str] = []
        for user_id in user_ids:
            known = self._known.get(user_id)
            if known is None or known.since < oldest:
                missing.append(user_id)
            else:
                found[user_id] = known.status
        if missing:
            await self._load(missing, found)
        return found

    async def _load(self, user_ids: list[str], found: dict[str, Status]) -> None:
        self.expect(user_ids)
        started = time.monotonic()
        rows = {row.user_id: row for row in await queries.statuses(self._services.db, user_ids)}
        for user_id in user_ids:
            row, known = rows.get(user_id) or _never(user_id), self._known.get(user_id)
            if known is not None and known.row.version > row.version:
                found[user_id] = known.status
                continue
            found[user_id] = row.shown()
            if known is not None:  # else everything was forgotten meanwhile, and this may be out of date already
                self._known[user_id] = Known(row, started)


def _never(user_id: str) -> StatusRow:
    return StatusRow(user_id, OFFLINE, False, 0, 0, 0)
