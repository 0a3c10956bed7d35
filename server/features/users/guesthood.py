"""What becoming a guest, or no longer being one, means for the memberships and sessions of a user."""

from server.context import Change, Context
from server.features.channels import member_queries as channel_members
from server.features.channels.events import ChannelMemberUpdated
from server.features.sessions import queries as sessions
from server.features.teams import member_queries as team_members
from server.features.teams.events import MemberRoleUpdated


async def change_memberships(ctx: Context, tx: Change, user_id: str, *, guest: bool) -> list[str]:
    """Make a user a guest or a plain member of all teams and channels it is in; the ids of the teams."""
    teams = await team_members.set_guest(tx, user_id, guest)
    channels = await channel_members.set_guest(tx, user_id, guest, ctx.now())
    ids = await sessions.set_guest(tx, user_id, guest)
    tx.invalidate(f"teams_of:{user_id}", f"member_of:{user_id}", *(f"session:{session_id}" for session_id in ids))
    # Numbers of guests hang on these.
    tx.invalidate(*(f"mentions:{member.channel_id}" for member in channels))
    tx.publish(
        *(MemberRoleUpdated(member=member) for member in teams),
        *(ChannelMemberUpdated(channel_member=member) for member in channels),
    )
    return [member.team_id for member in teams]
