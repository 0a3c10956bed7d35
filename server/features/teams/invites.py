"""Invitations to teams by mail: one job for each address, which makes the link and sends it."""

from collections.abc import Mapping, Sequence

from server.access.grants import check_channel
from server.context import Context
from server.errors import ApiError, BadRequest, TooManyRequests
from server.features.channels.member_service import check_live, manage_members
from server.features.channels.queries import channel_by_id
from server.features.teams import rules
from server.features.teams.member_service import error_body
from server.features.teams.models import EmailWithError, Invitation, Team
from server.features.teams.service import get_team, no_such_team
from server.features.users import token_queries
from server.features.users.lookup import get_user, no_such_user
from server.features.users.models import SendTeamInvitation
from server.features.users.rules import is_email


async def invite(ctx: Context, team_id: str, invitation: Invitation, *, graceful: bool) -> list[EmailWithError] | None:
    """Queue invitations for addresses; without `graceful` one that is refused lets none be invited."""
    team = await get_team(ctx, team_id)
    if team.delete_at:
        raise no_such_team()
    addresses = list(dict.fromkeys(email.strip().lower() for email in invitation.emails))
    if not addresses:
        raise BadRequest("api.team.invite_members.no_one.app_error", "There is nobody to invite.")
    channel_ids = list(dict.fromkeys(invitation.channel_ids))
    for channel_id in channel_ids:
        await check_channel_of(ctx, team_id, channel_id)
    refused = {address: error for address in addresses if (error := _refusal(ctx, team, address))}
    if refused and not graceful:
        raise next(iter(refused.values()))
    wanted = [address for address in addresses if address not in refused]
    try:
        await queue(ctx, team, wanted, channel_ids, invitation.message)
    except TooManyRequests as error:
        if not graceful:
            raise
        refused |= dict.fromkeys(wanted, error)
    return error_list(ctx, addresses, refused) if graceful else None


def error_list(ctx: Context, addresses: Sequence[str], refused: Mapping[str, ApiError]) -> list[EmailWithError]:
    """The answer to a graceful call: each address, and why it was not invited."""
    return [EmailWithError(address, error_body(ctx, refused.get(address))) for address in addresses]


async def queue(
    ctx: Context,
    team: Team,
    addresses: Sequence[str],
    channel_ids: Sequence[str],
    message: str,
    *,
    guest: bool = False,
) -> None:
    """Have invitations mailed; raises TooManyRequests when the caller has sent too many of them in this hour."""
    sender = await get_user(ctx, ctx.user_id)
    if sender is None:
        raise no_such_user()
    if not addresses:
        return
    async with ctx.begin() as tx:
        if not await token_queries.use_quota(tx, sender.id, len(addresses), ctx.now()):
            raise _too_many(ctx.now())
        tx.enqueue(
            *(
                SendTeamInvitation(
                    email=address,
                    team_id=team.id,
                    team_display_name=team.display_name,
                    sender_name=sender.username,
                    message=message,
                    channel_ids=list(channel_ids),
                    guest=guest,
                )
                for address in addresses
            )
        )


def _too_many(now: int) -> TooManyRequests:
    error = TooManyRequests(
        "app.email.rate_limit_exceeded.app_error", "Too many invitations were sent, please wait an hour."
    )
    wait = str(-(-(token_queries.HOUR - now % token_queries.HOUR) // 1000))
    error.headers = {
        "X-RateLimit-Limit": str(token_queries.MOST_OF_A_SENDER),
        "X-RateLimit-Reset": wait,
        "Retry-After": wait,
    }
    return error


async def check_channel_of(ctx: Context, team_id: str, channel_id: str) -> None:
    """Refuse a channel that is not of the team, or that the caller may not put others into."""
    channel = await channel_by_id(ctx.db, channel_id)
    if channel is None or channel.team_id != team_id:
        raise BadRequest(
            "api.team.invite_guests.channel_in_invalid_team.app_error", "A channel is not one of the team."
        )
    await check_channel(ctx, channel_id, manage_members(channel))
    check_live(channel)


def _refusal(ctx: Context, team: Team, address: str) -> ApiError | None:
    if not is_email(address):
        return BadRequest("api.team.invite_members.invalid_email.app_error", f"{address} is no e-mail address.")
    if not rules.allows_email(address, team.allowed_domains, ctx.config.TeamSettings.RestrictCreationToDomains):
        return BadRequest(
            "api.team.invite_members.invalid_email.app_error", f"The domain of {address} may not join the team."
        )
    return None
