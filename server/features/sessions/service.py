"""Making and ending sessions. Knows nothing of users but their ids."""

from collections.abc import Sequence

from server.access.sessions import hash_token
from server.bus.signals import SessionsEnded, Signal
from server.context import Change, Context, Session
from server.errors import NotFound, invalid_body
from server.features.sessions import queries
from server.features.sessions.lifetimes import is_mobile, length_of, session_length
from server.features.sessions.models import AttachDevice, Made
from server.ids import new_id, new_token

DEVICE_ID_MAX = 512
UNLIMITED = 2**31 - 1


def _ended(user_id: str, ids: Sequence[str]) -> tuple[list[str], list[Signal]]:
    """What to tell when sessions ended: the cached rows to drop, and the signal for open sockets."""
    if not ids:
        return [], []
    return [f"session:{session_id}" for session_id in ids], [SessionsEnded(user_id=user_id, session_ids=tuple(ids))]


async def create_session(
    ctx: Context,
    user_id: str,
    roles: str,
    *,
    device_id: str = "",
    props: dict[str, str] | None = None,
    oauth: bool = False,
) -> Made | None:
    """Sign a user in, or let an app in (`oauth`); None when the account has been locked or deactivated meanwhile."""
    settings = ctx.config.ServiceSettings
    made_props = {"csrf": new_token(), **(props or {})}
    length = session_length(settings, mobile=is_mobile(device_id, made_props), sso=oauth)
    now = ctx.now()
    token = new_token()
    made = Made(id=new_id(), token=token, csrf=made_props["csrf"], max_age=length // 1000)
    gone = await queries.insert_session(
        ctx.db,
        id=made.id,
        token_hash=hash_token(token),
        user_id=user_id,
        now=now,
        expires_at=now + length if length else 0,
        device_id=device_id,
        roles=roles,
        is_oauth=oauth,
        props=made_props,
        max_attempts=settings.MaximumLoginAttempts if settings.MaximumLoginAttempts > 0 else UNLIMITED,
    )
    if gone is None:
        return None
    tags, signals = _ended(user_id, gone)
    await ctx.tell([*tags, f"devices:{user_id}"] if device_id else tags, signals)
    return made


async def revoke_session(ctx: Context, user_id: str, session_id: str) -> None:
    """End one session of a user."""
    with ctx.owing([f"user:{user_id}"]):
        if not await queries.delete_session(ctx.db, session_id, user_id):
            raise NotFound("app.session.get.app_error", "There is no such session.")
        await ctx.tell(*_ended(user_id, [session_id]))


async def end_session(ctx: Context, session: Session) -> None:
    """End the session that is in use; no news when it has ended already."""
    with ctx.owing([f"user:{session.user_id}"]):
        await queries.delete_session(ctx.db, session.id, session.user_id)
        await ctx.tell(*_ended(session.user_id, [session.id]))


async def revoke_all(ctx: Context, tx: Change, user_id: str, except_id: str = "") -> None:
    """End all sessions of a user, but one if that is said."""
    tags, signals = _ended(user_id, await queries.delete_sessions_of(tx, user_id, except_id))
    tx.invalidate(*tags)
    tx.publish(*signals)


async def end_sessions(tx: Change, user_id: str, ids: Sequence[str]) -> None:
    """End some sessions of a user, if they are there."""
    tags, signals = _ended(user_id, await queries.delete_ones(tx, user_id, ids))
    tx.invalidate(*tags)
    tx.publish(*signals)


async def end_app_sessions(tx: Change, app_id: str, user_id: str = "") -> None:
    """End what an app was let in with by a user, or by everybody."""
    by_user: dict[str, list[str]] = {}
    for session_id, owner in await queries.delete_app_sessions(tx, app_id, user_id):
        by_user.setdefault(owner, []).append(session_id)
    for owner, ids in by_user.items():
        tags, signals = _ended(owner, ids)
        tx.invalidate(*tags)
        tx.publish(*signals)


async def attach_device(ctx: Context, session: Session, body: AttachDevice) -> None:
    """Note the phone of the session in use, which lasts as long as phones' do; older sessions of the phone end."""
    device_id = body.device_id or body.voip_device_id
    if len(device_id) > DEVICE_ID_MAX:
        raise invalid_body("device_id")
    props: dict[str, str] = {}
    if body.voip_device_id:
        props["voip_device_id"] = body.voip_device_id[:DEVICE_ID_MAX]
    if body.deviceNotificationDisabled:
        if body.deviceNotificationDisabled not in ("true", "false"):
            raise invalid_body("deviceNotificationDisabled")
        props["device_notification_disabled"] = body.deviceNotificationDisabled
    if body.mobileVersion:
        if len(body.mobileVersion) > 64:
            raise invalid_body("mobileVersion")
        props["mobile_version"] = body.mobileVersion
    length = length_of(ctx.config.ServiceSettings, device_id or session.device_id, session.props)
    expires_at = ctx.now() + length if length else 0
    gone = await queries.attach_device(ctx.db, session.id, session.user_id, device_id, expires_at, props)
    tags, signals = _ended(session.user_id, gone)
    await ctx.tell([f"session:{session.id}", f"devices:{session.user_id}", *tags], signals)


async def revoke_everyones(ctx: Context) -> None:
    """End the sessions of all users, the caller's too. Access tokens are no sessions and stay."""
    until = ctx.now()
    while ended := await queries.delete_some(ctx.db, until):
        await tell_ended(ctx, ended)


async def tell_ended(ctx: Context, ended: Sequence[tuple[str, str]]) -> None:
    """Tell all nodes that sessions ended: pairs of session and user id."""
    by_user: dict[str, list[str]] = {}
    for session_id, user_id in ended:
        by_user.setdefault(user_id, []).append(session_id)
    await ctx.tell(
        [f"session:{session_id}" for session_id, _ in ended],
        [SessionsEnded(user_id=user_id, session_ids=tuple(ids)) for user_id, ids in by_user.items()],
    )
