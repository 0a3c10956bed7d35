"""Invitations to teams by mail: one job for each address, which makes the link and sends it."""

from collections.abc import Sequence

from server.context import Context
from server.errors import ApiError, BadRequest
from server.features.teams import rules
from server.features.teams.member_service import error_body
from server.features.teams.models import EmailWithError, Team
from server.features.teams.service import get_team, no_such_team
from server.features.users.lookup import get_user, no_such_user
from server.features.users.models import SendTeamInvitation
from server.features.users.rules import is_email


async def invite(ctx: Context, team_id: str, emails: Sequence[str], *, graceful: bool) -> list[EmailWithError] | None:
    """Queue invitations for addresses; without `graceful` one that is refused lets none be invited."""
    team = await get_team(ctx, team_id)
    if team.delete_at:
        raise no_such_team()
    sender = await get_user(ctx, ctx.user_id)
    if sender is None:
        raise no_such_user()
    addresses = list(dict.fromkeys(email.strip().lower() for email in emails))
    refused = {address: error for address in addresses if (error := _refusal(ctx, team, address))}
    if refused and not graceful:
        raise next(iter(refused.values()))
    async with ctx.begin() as tx:
        tx.enqueue(
            *(
                SendTeamInvitation(
                    email=address,
                    team_id=team.id,
                    team_display_name=team.display_name,
                    sender_name=sender.username,
                )
                for address in addresses
                if address not in refused
            )
        )
    if not graceful:
        return None
    return [EmailWithError(address, error_body(ctx, refused.get(address))) for address in addresses]


def _refusal(ctx: Context, team: Team, address: str) -> ApiError | None:
    if not is_email(address):
        return BadRequest("api.team.invite_members.invalid_email.app_error", f"{address} is no e-mail address.")
    if not rules.allows_email(address, team.allowed_domains, ctx.config.TeamSettings.RestrictCreationToDomains):
        return BadRequest(
            "api.team.invite_members.invalid_email.app_error", f"The domain of {address} may not join the team."
        )
    return None
