"""Making members guests and guests members, and ending all guests."""

from server.bus.event import INSIDERS
from server.bus.signals import Joined, Left, SessionsChanged
from server.context import Change, Context
from server.errors import BadRequest, forbidden
from server.features.audits.log import record
from server.features.channels.member_service import join_all_default_channels
from server.features.guests import queries
from server.features.guests.events import GuestsDeactivated
from server.features.sessions.service import revoke_all
from server.features.users.events import UserRoleUpdated
from server.features.users.guesthood import change_memberships
from server.features.users.lookup import no_such_user
from server.features.users.models import User
from server.features.users.news import tell_updated
from server.features.users.queries import set_delete_at, set_roles
from server.features.users.service import editable_user

BATCH = 200


async def demote(ctx: Context, user_id: str) -> None:
    """Make a member a guest, who keeps the channels and loses all other rights."""
    async with ctx.begin() as tx:
        user = await editable_user(ctx, tx, user_id)
        if user.is_bot:
            raise forbidden()
        if user.is_guest:
            raise BadRequest("api.user.demote_user_to_guest.already_guest.app_error", "This account is a guest's.")
        # Before anything else is told: a guest must not hear what is for members only.
        tx.publish(Left(user_id=user_id, rooms=(INSIDERS,)))
        await _change(ctx, tx, user, "system_guest", guest=True)


async def promote(ctx: Context, user_id: str) -> None:
    """Make a guest a member, who comes into the default channels of all teams."""
    async with ctx.begin() as tx:
        user = await editable_user(ctx, tx, user_id)
        if not user.is_guest:
            raise BadRequest("api.user.promote_guest_to_user.no_guest.app_error", "This account is no guest's.")
        others = [role for role in user.roles.split() if role not in ("system_guest", "system_user")]
        member, team_ids = await _change(ctx, tx, user, " ".join(["system_user", *others]), guest=False)
        tx.publish(Joined(user_id=user_id, rooms=(INSIDERS,)))
    for team_id in team_ids:
        await join_all_default_channels(ctx, team_id, [member], ctx.user_id)


async def _change(ctx: Context, tx: Change, old: User, roles: str, *, guest: bool) -> tuple[User, list[str]]:
    """Change roles and memberships and tell of it; the user as it is now, and the ids of its teams."""
    user = await set_roles(tx, old.id, roles, ctx.now())
    if user is None:
        raise no_such_user()
    await record(ctx, tx, user.id, f"/users/{user.id}/{'demote' if guest else 'promote'}")
    await tell_updated(ctx, tx, user)
    tx.publish(UserRoleUpdated(user_id=user.id, roles=roles))
    team_ids = await change_memberships(ctx, tx, user.id, guest=guest)
    tx.publish(SessionsChanged(user_id=user.id))
    return user, team_ids


async def deactivate_guests(ctx: Context) -> int:
    """Deactivate all guests, which ends their sessions; how many there were."""
    count = 0
    while guests := await queries.active_guests(ctx.db, BATCH):
        for user_id in guests:
            await _deactivate(ctx, user_id)
        count += len(guests)
    if count:
        await ctx.tell(messages=[GuestsDeactivated()])
    return count


async def _deactivate(ctx: Context, user_id: str) -> None:
    async with ctx.begin() as tx:
        user = await set_delete_at(tx, user_id, ctx.now(), ctx.now())
        if user is None:
            return
        await revoke_all(ctx, tx, user_id)
        await record(ctx, tx, user_id, f"/users/{user_id}/active", "active=false guests are switched off")
        await tell_updated(ctx, tx, user, renamed=True)
        tx.publish(SessionsChanged(user_id=user_id))
