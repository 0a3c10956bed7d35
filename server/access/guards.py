"""Guards of routes: what is checked before a handler runs. Each has a text for the list of routes."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from server.access import grants
from server.access.permissions import Permission
from server.context import Context, Session
from server.errors import forbidden, session_expired

Check = Callable[[Context, Mapping[str, str]], Awaitable[None]]


class Guard(Struct, frozen=True):
    """A check of the context and the parts of the path; raises Unauthorized or Forbidden."""

    text: str
    check: Check | None = None
    public: bool = False

    async def __call__(self, ctx: Context, path: Mapping[str, str]) -> None:
        """Let the caller pass or raise."""
        check = self.check_for(ctx.session)
        if check is not None:
            await check(ctx, path)

    def check_for(self, session: Session | None) -> Check | None:
        """What is left to check, None when the caller may pass. Raises Unauthorized where a session is needed."""
        if self.public:
            return None
        if session is None:
            raise session_expired()
        return self.check


anyone = Guard("anyone", public=True)
"""No session needed; one that is given is used."""

signed_in = Guard("signed in")
"""Any session."""


def in_service(rule: str) -> Guard:
    """A session; the rest depends on the body or on what is found, and the service checks it: `rule` says what."""
    return Guard(f"signed in; {rule}")


def on_system(*permissions: Permission) -> Guard:
    """Any of these permissions everywhere."""

    async def check(ctx: Context, path: Mapping[str, str]) -> None:
        for permission in permissions:
            if await grants.has_system(ctx, permission):
                return
        raise forbidden()

    return Guard(f"system: {' | '.join(permissions)}", check)


def on_team(permission: Permission) -> Guard:
    """The permission in the team of the path ({team_id})."""

    async def check(ctx: Context, path: Mapping[str, str]) -> None:
        await grants.check_team(ctx, path["team_id"], permission)

    return Guard(f"team: {permission}", check)


def on_channel(permission: Permission) -> Guard:
    """The permission in the channel of the path ({channel_id})."""

    async def check(ctx: Context, path: Mapping[str, str]) -> None:
        await grants.check_channel(ctx, path["channel_id"], permission)

    return Guard(f"channel: {permission}", check)


async def _read_channel(ctx: Context, path: Mapping[str, str]) -> None:
    if not await grants.may_read_channel(ctx, path["channel_id"]):
        raise forbidden()


reads_channel = Guard("channel: read_channel_content, or public in one's team", _read_channel)
"""May read the posts of the channel of the path."""


async def _see_channel(ctx: Context, path: Mapping[str, str]) -> None:
    if not await grants.may_see_channel(ctx, path["channel_id"]):
        raise forbidden()


sees_channel = Guard("channel: read_channel, or public in one's team", _see_channel)
"""May know the channel of the path and its members."""


def self_or(permission: Permission = Permission.EDIT_OTHER_USERS) -> Guard:
    """The user of the path ({user_id}) itself, or the permission everywhere."""

    async def check(ctx: Context, path: Mapping[str, str]) -> None:
        await grants.check_self_or(ctx, path["user_id"], permission)

    return Guard(f"self, or system: {permission}", check)


def all_of(*guards: Guard) -> Guard:
    """Every one of these guards."""

    async def check(ctx: Context, path: Mapping[str, str]) -> None:
        for guard in guards:
            await guard(ctx, path)

    return Guard("; ".join(guard.text for guard in guards), check)
