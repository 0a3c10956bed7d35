"""Guests over HTTP."""

from server.access.guards import on_system, on_team
from server.access.permissions import Permission
from server.context import Context
from server.features.guests import invites, service
from server.features.guests.models import GuestInvitation
from server.features.teams.models import EmailWithError
from server.http.router import Router
from server.ids import Id

router = Router("guests")


@router.post("/teams/{team_id}/invite-guests/email", guard=on_team(Permission.INVITE_GUEST))
async def invite_guests_to_team(
    ctx: Context, team_id: Id, body: GuestInvitation, graceful: bool = False, guest_magic_link: bool = False
) -> list[EmailWithError] | None:
    """Mail invitations to guests; with `graceful` the answer says which addresses could not be invited."""
    return await invites.invite(ctx, team_id, body, graceful=graceful, magic_link=guest_magic_link)


@router.post(
    "/users/{user_id}/demote",
    guard=on_system(Permission.DEMOTE_TO_GUEST),
    feature="GuestAccountsSettings.Enable",
    disabled_id="api.team.demote_user_to_guest.disabled.error",
)
async def demote_user_to_guest(ctx: Context, user_id: Id) -> None:
    """Make a member a guest."""
    await service.demote(ctx, user_id)


@router.post("/users/{user_id}/promote", guard=on_system(Permission.PROMOTE_GUEST))
async def promote_guest_to_user(ctx: Context, user_id: Id) -> None:
    """Make a guest a member."""
    await service.promote(ctx, user_id)
