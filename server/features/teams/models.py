"""Teams and their members on the wire."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from server.access.grants import TEAM_SCHEME
from server.db import columns
from server.ids import Id

OPEN, INVITE = "O", "I"

MAX_IDS = 10_000
MAX_BATCH = 256
MAX_INVITED = 100


class Team(Struct, frozen=True, kw_only=False):
    """A team; columns come first, in the order of the SELECT. Never changed in place."""

    id: str
    create_at: int
    update_at: int
    delete_at: int
    display_name: str
    name: str
    description: str
    email: str
    type: str
    company_name: str
    allowed_domains: str
    invite_id: str
    allow_open_invite: bool
    last_team_icon_update: int = 0
    scheme_id: str | None = None
    group_constrained: bool | None = None
    policy_id: str | None = None
    cloud_limits_archived: bool = False


NO_COLUMNS = ("policy_id", "cloud_limits_archived")
TEAM_COLUMNS = columns(Team, leave=NO_COLUMNS)
TEAM_COLUMNS_T = columns(Team, "t", leave=NO_COLUMNS)


class TeamMember(Struct, frozen=True):
    """A user in a team. `roles` are those of the flags and the explicit ones."""

    team_id: str
    user_id: str
    roles: str
    delete_at: int
    scheme_guest: bool
    scheme_user: bool
    scheme_admin: bool
    explicit_roles: str
    create_at: int = 0


def member_of_row(
    team_id: str, user_id: str, explicit: str, delete_at: int, guest: bool, user: bool, admin: bool, create_at: int
) -> TeamMember:
    """A membership from its row (MEMBER_COLUMNS)."""
    roles = explicit.split()
    roles += [name for flag, name in zip((guest, user, admin), TEAM_SCHEME, strict=True) if flag and name not in roles]
    return TeamMember(team_id, user_id, " ".join(roles), delete_at, guest, user, admin, explicit, create_at)


_MEMBER_FIELDS = [
    "team_id",
    "user_id",
    "roles",
    "delete_at",
    "scheme_guest",
    "scheme_user",
    "scheme_admin",
    "create_at",
]
MEMBER_COLUMNS = ", ".join(f"m.{name}" for name in _MEMBER_FIELDS)


class NewTeam(Struct, frozen=True, kw_only=True):
    """Body of POST /teams."""

    name: str = ""
    display_name: str = ""
    description: str = ""
    type: str = ""
    company_name: str = ""
    allowed_domains: str = ""
    allow_open_invite: bool = False
    group_constrained: bool | None = None


class TeamUpdate(Struct, frozen=True, kw_only=True):
    """Body of PUT /teams/{team_id}; name, type and the rest of a team stay as they are.

    allow_open_invite is a text in the signature of a published client.
    """

    id: str = ""
    display_name: str = ""
    description: str = ""
    company_name: str = ""
    allowed_domains: str = ""
    allow_open_invite: bool | Literal["true", "false"] = False
    group_constrained: bool | None = None


class TeamPatch(Struct, frozen=True, kw_only=True):
    """Body of PUT /teams/{team_id}/patch."""

    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    company_name: str | UnsetType = UNSET
    allowed_domains: str | UnsetType = UNSET
    allow_open_invite: bool | UnsetType = UNSET
    group_constrained: bool | UnsetType = UNSET


class Privacy(Struct, frozen=True):
    """Body of PUT /teams/{team_id}/privacy."""

    privacy: Literal["O", "I"]


class TeamSearch(Struct, frozen=True, kw_only=True):
    """Body of POST /teams/search; with page and per_page, which may be text, the answer has a total count."""

    term: Annotated[str, Meta(max_length=256)] = ""
    page: int | str | None = None
    per_page: int | str | None = None
    allow_open_invite: bool | None = None
    group_constrained: bool | None = None


class TeamsWithCount(Struct, frozen=True):
    """A page of teams, and how many there are in all."""

    teams: list[Team]
    total_count: int


class Exists(Struct, frozen=True):
    """Whether there is such a team, as far as the caller may know."""

    exists: bool


class InviteInfo(Struct, frozen=True):
    """What an invitation shows of its team."""

    id: str
    name: str
    display_name: str
    description: str


class TeamStats(Struct, frozen=True):
    """How many are in a team, and how many of them have an active account."""

    team_id: str
    total_member_count: int
    active_member_count: int


class TeamUnread(Struct, frozen=True):
    """What a user has not read in a team; muted channels count with their mentions only."""

    team_id: str
    msg_count: int
    mention_count: int
    msg_count_root: int
    mention_count_root: int
    thread_count: int = 0
    thread_mention_count: int = 0
    thread_urgent_mention_count: int = 0


class NewTeamMember(Struct, frozen=True, kw_only=True):
    """Body of POST /teams/{team_id}/members."""

    team_id: str = ""
    user_id: Id


class TeamMemberWithError(Struct, frozen=True):
    """A line of the answer to POST …/members/batch?graceful=true."""

    user_id: str
    member: TeamMember | None
    error: dict[str, Any] | None


class EmailWithError(Struct, frozen=True):
    """A line of the answer to POST …/invite/email?graceful=true."""

    email: str
    error: dict[str, Any] | None


class Roles(Struct, frozen=True):
    """Body of PUT …/members/{user_id}/roles."""

    roles: Annotated[str, Meta(max_length=1024)]


class SchemeRoles(Struct, frozen=True):
    """Body of PUT …/members/{user_id}/schemeRoles."""

    scheme_admin: bool = False
    scheme_user: bool = False
    scheme_guest: bool = False


Ids = Annotated[list[Id], Meta(min_length=1, max_length=MAX_IDS)]
NewTeamMembers = Annotated[list[NewTeamMember], Meta(min_length=1, max_length=MAX_BATCH)]
Emails = Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=MAX_INVITED)]


class Invitation(Struct, frozen=True, kw_only=True):
    """Body of POST …/invite/email with more than addresses: channels to come into, and words to the invited."""

    emails: Emails
    channel_ids: Annotated[list[Id], Meta(max_length=MAX_INVITED)] = field(name="channelIds", default_factory=list)
    message: Annotated[str, Meta(max_length=4000)] = ""
