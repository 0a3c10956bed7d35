"""Telling that a profile changed: to the caches of all nodes, and to everyone who may know."""

from server.access.grants import roles_grant
from server.access.permissions import Permission
from server.access.roles import TEAM_GUEST
from server.context import Change, Context
from server.features.users import list_queries, queries
from server.features.users.events import user_updated
from server.features.users.models import User


async def tell_updated(ctx: Context, tx: Change, user: User, *, renamed: bool = False) -> None:
    """Publish a changed profile; `renamed` when mentions of the user may look different now."""
    tx.invalidate(f"user:{user.id}")
    if renamed:
        tx.invalidate(*(f"mentions:{channel_id}" for channel_id in await queries.channel_ids_of(tx, user.id)))
    in_teams = await roles_grant(ctx, TEAM_GUEST, Permission.VIEW_MEMBERS)
    guest_ids = await list_queries.guests_who_see(tx, user.id, in_teams=in_teams)
    tx.publish(*user_updated(user, ctx.config.PrivacySettings, guest_ids))
