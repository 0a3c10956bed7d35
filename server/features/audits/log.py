"""Writing audits: in the transaction of a change, or for what is frequent from memory, many in one statement."""

from collections.abc import Callable

from server.context import Context
from server.db import Db
from server.features.audits import queries
from server.features.audits.models import Audit
from server.ids import new_id
from server.jobs.flusher import Flusher

MAX_NOTED = 10_000
"""Rows that wait in memory: more than a second of sign-ins can bring, and all that a broken database may cost."""


def _audit(ctx: Context, user_id: str, action: str, extra_info: str, session_id: str = "") -> Audit:
    session = ctx.session
    if session is not None and session.user_id != user_id:
        by = f"by user_id={session.user_id}" if session.user_id else "by the operator"
        extra_info = f"{extra_info} {by}".lstrip()
    return Audit(
        id=new_id(),
        create_at=ctx.now(),
        user_id=user_id,
        action=f"/api/v4{action}",
        extra_info=extra_info,
        ip_address=ctx.ip,
        session_id=session_id or (session.id if session is not None else ""),
    )


async def record(ctx: Context, db: Db, user_id: str, action: str, extra_info: str = "") -> None:
    """Store what a change does to an account, in the change's own transaction. `action` is a path below /api/v4."""
    await queries.insert_audits(db, [_audit(ctx, user_id, action, extra_info)])


class AuditLog(Flusher):
    """Stores what `note` is told within a second, or when the node stops."""

    def __init__(self, make_context: Callable[[], Context], *, seconds: float = 1.0) -> None:
        super().__init__(seconds)
        self._make_context = make_context
        self._noted: list[Audit] = []

    def note(self, ctx: Context, user_id: str, action: str, extra_info: str = "", *, session_id: str = "") -> None:
        """Note what happened to an account. Costs no statement of its own."""
        if len(self._noted) < MAX_NOTED:
            self._noted.append(_audit(ctx, user_id, action, extra_info, session_id))

    async def write(self) -> None:
        """Store all that is noted in one statement; it stays noted when that fails."""
        noted = self._noted[:]
        if noted:
            await queries.insert_audits(self._make_context().db, noted)
            del self._noted[: len(noted)]
