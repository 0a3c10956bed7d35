"""Coming into a team by the link of a mailed invitation, with an account that is new or was there."""

from server.access.grants import channel_place
from server.context import Context
from server.errors import BadRequest
from server.features.channels.member_service import join_as_guest, join_channels
from server.features.teams.models import Team, TeamMember
from server.features.teams.service import join_team
from server.features.users import token_queries
from server.features.users.models import MailToken, User


def not_valid() -> BadRequest:
    """400 for a link that never was one, or was used."""
    return BadRequest("api.user.create_user.signup_link_invalid.app_error", "This link is not valid.")


async def invitation_of(ctx: Context, token: str) -> MailToken:
    """The invitation that a token stands for; raises BadRequest for one that was used or has expired."""
    invitation = await token_queries.invitation(ctx.db, token)
    if invitation is None:
        raise not_valid()
    if ctx.now() - invitation.create_at > token_queries.MAIL_TOKENS_FOR:
        raise BadRequest("api.user.create_user.signup_link_expired.app_error", "This link has expired.")
    return invitation


async def come_in(ctx: Context, invitation: MailToken, team: Team, user: User) -> TeamMember:
    """Join the team of an invitation, and those of its channels that are still there."""
    member = await join_team(ctx, team, user)
    if user.is_guest:
        if invitation.type == token_queries.GUEST_INVITATION:
            await join_as_guest(ctx, team.id, invitation.extra.get("channel_ids", ()), user)
        return member
    channel_ids = []
    for channel_id in invitation.extra.get("channel_ids", ()):
        place = await channel_place(ctx, channel_id)
        if place is not None and not place.delete_at:
            channel_ids.append(channel_id)
    await join_channels(ctx, team.id, channel_ids, user)
    return member
