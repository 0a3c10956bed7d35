"""Inviting people to the team by mail."""

import re

from server.access.grants import check_team, has_team
from server.access.permissions import Permission
from server.context import Context
from server.features.commands.built_in.naming import NO_TEAM
from server.features.commands.models import CommandResponse
from server.features.commands.registry import Call, built_in, say
from server.features.teams.invites import invite
from server.features.teams.models import MAX_INVITED, Invitation

_RIGHTS = (Permission.INVITE_USER, Permission.ADD_USER_TO_TEAM)


async def _may_invite(ctx: Context, team_id: str, channel_id: str) -> bool:
    return ctx.config.ServiceSettings.EnableEmailInvitations and all(
        [await has_team(ctx, team_id, right) for right in _RIGHTS]
    )


@built_in("invite_people", "Invite people to the team by mail", hint="[name@example.org ...]", offered=_may_invite)
async def invite_people(ctx: Context, call: Call) -> CommandResponse:
    """A mail to each address."""
    if not call.team_id:
        return say(NO_TEAM)
    if not ctx.config.ServiceSettings.EnableEmailInvitations:
        return say("Invitations by mail are switched off on this server.")
    for right in _RIGHTS:
        await check_team(ctx, call.team_id, right)
    emails = [word for word in re.split(r"[\s,;]+", call.text) if "@" in word]
    if not emails or len(emails) > MAX_INVITED:
        return say(f"Give one to {MAX_INVITED} addresses: `/invite_people ada@example.org bob@example.org`.")
    lines = await invite(ctx, call.team_id, Invitation(emails=emails), graceful=True) or []
    refused = [line for line in lines if line.error is not None]
    said = [str(line.error["message"]) for line in refused if line.error is not None]
    sent = len(lines) - len(refused)
    if sent:
        said.insert(0, f"{sent} {'invitation is' if sent == 1 else 'invitations are'} on the way.")
    return say("\n".join(said))
