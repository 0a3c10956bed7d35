"""Signing in and out, and lists of sessions, over HTTP."""

import msgspec
from starlette.requests import Request

from server.access.guards import anyone, on_system, self_or, signed_in
from server.access.permissions import Permission
from server.access.sessions import signed_in_session
from server.context import Context
from server.features.audits.log import record
from server.features.sessions import login_service, queries, service
from server.features.sessions.agents import describe_agent
from server.features.sessions.models import (
    AttachDevice,
    Login,
    LoginType,
    LoginTypeQuestion,
    RevokeSession,
    SessionInfo,
    SwitchAccount,
)
from server.features.teams.member_queries import memberships_of
from server.http.cookies import clear_cookies, session_cookies
from server.http.reply import Reply
from server.http.router import Router
from server.ids import Id

router = Router("sessions")

_encode = msgspec.json.Encoder().encode


@router.post("/users/login", guard=anyone)
async def login(ctx: Context, body: Login, request: Request) -> Reply:
    """Sign in with name or address and password; the header Token brings the session's token."""
    props = describe_agent(ctx.user_agent, device_id=body.device_id)
    user, made = await login_service.login(ctx, body, props)
    headers = [("Token", made.token)]
    if request.headers.get("x-requested-with") == "XMLHttpRequest":
        proto = request.headers.get("x-forwarded-proto") or request.scope.get("scheme", "http")
        headers += session_cookies(
            ctx.config,
            token=made.token,
            user_id=user.id,
            csrf=made.csrf,
            max_age=made.max_age,
            secure=proto == "https",
        )
    return Reply(content=_encode(user), headers=headers)


@router.post("/users/login/type", guard=anyone)
async def get_login_type(ctx: Context, body: LoginTypeQuestion) -> LoginType:
    """By which service an account signs in, "" for a password; unknown accounts look like those with one."""
    return LoginType(auth_service=await login_service.service_of(ctx, body))


@router.post("/users/login/switch", guard=anyone)
async def switch_account_type(ctx: Context, body: SwitchAccount) -> None:
    """Change how an account signs in; refused, since no other service signs anybody in here."""
    login_service.switch(ctx, body)


@router.post("/users/sessions/revoke/all", guard=on_system(Permission.MANAGE_SYSTEM))
async def revoke_sessions_from_all_users(ctx: Context) -> None:
    """End the sessions of all users, the caller's too."""
    await service.revoke_everyones(ctx)


@router.post("/users/logout", guard=anyone)
async def logout(ctx: Context) -> None:
    """End the session in use and clear its cookies; also fine without one."""
    # Another site can make a browser ask for this, but not with a session: it must not be able to sign people out.
    if ctx.session is not None:
        ctx.reply_headers += clear_cookies(ctx.config)
        await service.end_session(ctx, ctx.session)


@router.put("/users/sessions/device", guard=signed_in)
async def attach_device_extra_props(ctx: Context, body: AttachDevice) -> None:
    """Note the phone that the session in use belongs to, for push notifications."""
    await service.attach_device(ctx, signed_in_session(ctx), body)


@router.get("/users/{user_id}/sessions", guard=self_or())
async def get_sessions(ctx: Context, user_id: Id) -> list[SessionInfo]:
    """The live sessions of a user, the latest used first."""
    teams = [member for member in await memberships_of(ctx.db, user_id) if not member.delete_at]
    return [
        SessionInfo(
            **{name: getattr(row, name) for name in row.__struct_fields__ if name != "props"},
            props={name: str(value) for name, value in row.props.items() if name != "csrf"},
            team_members=teams,
        )
        for row in await queries.sessions_of(ctx.db, user_id, ctx.now())
    ]


@router.post("/users/{user_id}/sessions/revoke", guard=self_or())
async def revoke_session(ctx: Context, user_id: Id, body: RevokeSession) -> None:
    """End one session of a user."""
    await service.revoke_session(ctx, user_id, body.session_id)


@router.post("/users/{user_id}/sessions/revoke/all", guard=self_or())
async def revoke_all_sessions(ctx: Context, user_id: Id) -> None:
    """End all sessions of a user."""
    async with ctx.begin() as tx:
        await service.revoke_all(ctx, tx, user_id)
        await record(ctx, tx, user_id, f"/users/{user_id}/sessions/revoke/all")
