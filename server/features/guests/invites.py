"""Invitations of guests by mail: to channels of one team."""

from server.context import Context
from server.errors import ApiError, BadRequest, NotAvailable, TooManyRequests
from server.features.guests.models import GuestInvitation
from server.features.teams.invites import check_channel_of, error_list, queue
from server.features.teams.models import EmailWithError
from server.features.teams.rules import allows_email
from server.features.teams.service import get_team, no_such_team
from server.features.users.rules import is_email


async def invite(
    ctx: Context, team_id: str, invitation: GuestInvitation, *, graceful: bool, magic_link: bool
) -> list[EmailWithError] | None:
    """Queue invitations for addresses; without `graceful` one that is refused lets none be invited."""
    _check_switches(ctx, magic_link)
    team = await get_team(ctx, team_id)
    if team.delete_at:
        raise no_such_team()
    addresses = list(dict.fromkeys(email.strip().lower() for email in invitation.emails))
    channel_ids = list(dict.fromkeys(invitation.channels))
    if not addresses:
        raise BadRequest("model.guest.is_valid.emails.app_error", "There is nobody to invite.")
    if not channel_ids:
        raise BadRequest("model.guest.is_valid.channels.app_error", "Guests are invited to at least one channel.")
    for channel_id in channel_ids:
        await check_channel_of(ctx, team_id, channel_id)
    refused = {address: error for address in addresses if (error := _refusal(ctx, address))}
    if refused and not graceful:
        raise next(iter(refused.values()))
    wanted = [address for address in addresses if address not in refused]
    try:
        await queue(ctx, team, wanted, channel_ids, invitation.message, guest=True)
    except TooManyRequests as error:
        if not graceful:
            raise
        refused |= dict.fromkeys(wanted, error)
    return error_list(ctx, addresses, refused) if graceful else None


def _check_switches(ctx: Context, magic_link: bool) -> None:
    settings = ctx.config.GuestAccountsSettings
    if not settings.Enable or not settings.AllowEmailAccounts:
        raise NotAvailable("api.team.invite_guests_to_channels.disabled.error", "Guests can't be invited here.")
    if not ctx.config.ServiceSettings.EnableEmailInvitations:
        raise NotAvailable("api.team.invite_guests_to_channels.disabled.error", "Invitations by mail are off.")
    if magic_link:
        raise NotAvailable(
            "api.team.invite_guests_to_channels.magic_link.disabled.error", "Guests sign in with passwords here."
        )


def _refusal(ctx: Context, address: str) -> ApiError | None:
    if not is_email(address):
        return BadRequest("api.team.invite_members.invalid_email.app_error", f"{address} is no e-mail address.")
    if not allows_email(address, ctx.config.GuestAccountsSettings.RestrictCreationToDomains):
        return BadRequest(
            "api.team.invite_guests.invalid_email.app_error",
            f"The domain of {address} is none of guests.",
        )
    return None
