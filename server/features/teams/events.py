"""What clients hear of teams. Teams travel without their invitation and address: not everyone may know them."""

from typing import ClassVar

from msgspec.structs import replace

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.teams.models import Team, TeamMember


def for_members(team: Team) -> Team:
    """A team without what only its administrators may know."""
    return replace(team, email="", invite_id="")


class TeamEvent(Event, frozen=True, kw_only=True):
    """Base of the events that carry a team. For its members."""

    team: AsJson[Team]

    def audience(self) -> Audience:
        """The members of the team."""
        return Audience(team_id=self.team.id)


class TeamUpdated(TeamEvent, frozen=True, kw_only=True):
    """A team changed. For its members."""

    name: ClassVar[str] = "update_team"


class TeamDeleted(TeamEvent, frozen=True, kw_only=True):
    """A team was archived or deleted. For its members."""

    name: ClassVar[str] = "delete_team"


class TeamRestored(TeamEvent, frozen=True, kw_only=True):
    """An archived team is back. For its members."""

    name: ClassVar[str] = "restore_team"


class AddedToTeam(Event, frozen=True, kw_only=True):
    """A user came into a team. For that user."""

    name: ClassVar[str] = "added_to_team"
    team_id: str
    user_id: str

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id)


class LeftTeam(Event, frozen=True, kw_only=True):
    """A user left a team. For the members who stay, and in a copy for that user."""

    name: ClassVar[str] = "leave_team"
    team_id: str
    user_id: str
    own: Aside[bool] = False

    def audience(self) -> Audience:
        """The user, or the team."""
        return Audience(user_id=self.user_id) if self.own else Audience(team_id=self.team_id, omit_user=self.user_id)


class MemberRoleUpdated(Event, frozen=True, kw_only=True):
    """The roles of a user in a team changed. For that user."""

    name: ClassVar[str] = "memberrole_updated"
    member: AsJson[TeamMember]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.member.user_id)
