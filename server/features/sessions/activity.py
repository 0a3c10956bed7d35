"""Keeps sessions that are used alive: notes requests in memory and writes all of them in one statement now and then."""

from collections.abc import Callable

from msgspec import Struct

from server.bus.signals import SessionsChanged
from server.context import Context, Session
from server.features.sessions import queries
from server.features.sessions.lifetimes import extended_expiry, length_of
from server.ids import now_ms
from server.jobs.flusher import Flusher

WRITE_EVERY = 60_000
"""Milliseconds after which another use of the same session is worth a write."""

MAX_NOTED = 100_000


class _Use(Struct):
    user_id: str
    at: int
    expires_at: int
    """The new expiry, 0 to leave it."""


class SessionActivity(Flusher):
    """Notes which sessions of this node are in use; `note` is called for every authenticated request."""

    def __init__(self, make_context: Callable[[], Context], *, seconds: float = 5.0) -> None:
        super().__init__(seconds)
        self._make_context = make_context
        self._recent: dict[str, int] = {}
        self.noted: dict[str, _Use] = {}

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

    async def write(self) -> None:
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
