"""Keeps sessions that are used alive: notes requests in memory and writes all of them in one statement now and then."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from msgspec import Struct

from server.bus.signals import SessionsChanged
from server.context import Context, Session
from server.errors import ApiError
from server.features.sessions import queries
from server.features.sessions.lifetimes import extended_expiry, length_of
from server.ids import now_ms

log = structlog.get_logger()

WRITE_EVERY = 60_000
"""Milliseconds after which another use of the same session is worth a write."""

MAX_NOTED = 100_000


class _Use(Struct):
    user_id: str
    at: int
    expires_at: int
    """The new expiry, 0 to leave it."""


class SessionActivity:
    """Notes which sessions of this node are in use; `note` is called for every authenticated request."""

    def __init__(self, make_context: Callable[[], Context], *, seconds: float = 5.0) -> None:
        self._make_context = make_context
        self._seconds = seconds
        self._recent: dict[str, int] = {}
        self.noted: dict[str, _Use] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, ctx: Context) -> None:
        """Note a use of the caller's session. Costs next to nothing."""
        session = ctx.session
        if session is None:
            return
        now = now_ms()
        if now - self._recent.get(session.id, session.last_activity_at) < WRITE_EVERY:
            return
        if len(self._recent) >= MAX_NOTED:
            return
        self._recent[session.id] = now
        self.noted[session.id] = _Use(session.user_id, now, self._new_expiry(ctx, session, now))

    def _new_expiry(self, ctx: Context, session: Session, now: int) -> int:
        settings = ctx.config.ServiceSettings
        length = length_of(settings, session.device_id, session.props)
        if session.is_oauth or session.props.get("type") == "UserAccessToken":
            return 0
        return extended_expiry(settings, now, session.expires_at, length) or 0

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Write what is noted and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(ApiError):
            await self.flush()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.flush()
            except ApiError as error:
                log.warning("session activity can't be written", error=error.id)

    async def flush(self) -> None:
        """Write all noted uses in one statement and tell of the sessions that last longer by it."""
        now = now_ms()
        if len(self._recent) > 1000:
            self._recent = {key: at for key, at in self._recent.items() if now - at < WRITE_EVERY}
        noted, self.noted = self.noted, {}
        if not noted:
            return
        ctx = self._make_context()
        uses = list(noted.values())
        await queries.touch_sessions(ctx.db, list(noted), [use.at for use in uses], [use.expires_at for use in uses])
        extended = {session_id: use for session_id, use in noted.items() if use.expires_at}
        if extended:
            users = dict.fromkeys(use.user_id for use in extended.values())
            await ctx.tell(
                [f"session:{session_id}" for session_id in extended],
                [SessionsChanged(user_id=user_id) for user_id in users],
            )
