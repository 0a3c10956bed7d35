"""What travels about people: the profile, the bodies that make and change one, and small answers."""

from typing import Any, ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType, field

from server.db import columns
from server.jobs.job import Job


def _no() -> bool:
    return False


class User(Struct, frozen=True, omit_defaults=True):
    """A person or bot. Never changed in place: it may be the cached one.

    Fields without a default are always sent, the others only when they say something. Columns come first,
    in the order of the SELECT.
    """

    id: str
    create_at: int
    update_at: int
    delete_at: int
    username: str
    auth_service: str
    email: str
    nickname: str
    first_name: str
    last_name: str
    position: str
    roles: str
    locale: str
    timezone: dict[str, str]
    auth_data: str | None = None
    email_verified: bool = False
    allow_marketing: bool = False
    props: dict[str, str] = {}
    notify_props: dict[str, str] = {}
    last_password_update: int = 0
    last_picture_update: int = 0
    failed_attempts: int = 0
    mfa_active: bool = False
    remote_id: str | None = None
    is_bot: bool = False
    bot_description: str = ""
    bot_last_icon_update: int = 0
    last_activity_at: int = 0
    """From the status; only in lists that are sorted by it."""
    disable_welcome_email: bool = field(default_factory=_no)  # a factory: always sent
    terms_of_service_id: str = ""
    """The terms of service that the user has accepted; only in the user's own profile, and only where they count."""
    terms_of_service_create_at: int = 0

    @property
    def is_guest(self) -> bool:
        """Whether it is an account of someone from outside."""
        return "system_guest" in self.roles.split()

    @property
    def is_admin(self) -> bool:
        """Whether it is an administrator of the system."""
        return "system_admin" in self.roles.split()


NO_COLUMNS = (
    "last_activity_at",
    "disable_welcome_email",
    "terms_of_service_id",
    "terms_of_service_create_at",
)
USER_COLUMNS = columns(User, leave=NO_COLUMNS)
USER_COLUMNS_U = columns(User, "u", leave=NO_COLUMNS)


class Credentials(Struct, frozen=True):
    """What proves who someone is; never sent."""

    user: User
    password: str
    """The stored hash, "" for none."""


class NewUser(Struct, kw_only=True):
    """Body of POST /users. Roles, times and counters of it are ignored."""

    id: str = ""
    email: str = ""
    username: str = ""
    password: str = ""
    auth_data: str | None = None
    auth_service: str = ""
    nickname: str = ""
    first_name: str = ""
    last_name: str = ""
    position: str = ""
    locale: str = ""
    allow_marketing: bool = False
    timezone: dict[str, str] = {}
    props: dict[str, str] = {}
    notify_props: dict[str, str] = {}
    remote_id: str | None = None
    email_verified: bool = False
    """Of an administrator: the address needs no proof."""
    disable_welcome_email: bool = False
    """Of an administrator: no mail goes to the new user."""


class UserUpdate(Struct, kw_only=True):
    """Body of PUT /users/{user_id}: the whole profile; maps that are absent stay as they are."""

    id: str
    email: str = ""
    username: str = ""
    password: str = ""
    nickname: str = ""
    first_name: str = ""
    last_name: str = ""
    position: str = ""
    locale: str = ""
    timezone: dict[str, str] | UnsetType = UNSET
    props: dict[str, str] | UnsetType = UNSET
    notify_props: dict[str, str] | UnsetType = UNSET
    remote_id: str | UnsetType = UNSET


class UserPatch(Struct, kw_only=True):
    """Body of PUT /users/{user_id}/patch. A new e-mail address needs the password of the user."""

    email: str | UnsetType = UNSET
    username: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    nickname: str | UnsetType = UNSET
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    position: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    timezone: dict[str, str] | UnsetType = UNSET
    props: dict[str, str] | UnsetType = UNSET
    notify_props: dict[str, str] | UnsetType = UNSET
    remote_id: str | UnsetType = UNSET


class UserRoles(Struct):
    """Body of PUT /users/{user_id}/roles: names separated by spaces."""

    roles: str


class UserActive(Struct):
    """Body of PUT /users/{user_id}/active."""

    active: bool


class PasswordChange(Struct):
    """Body of PUT /users/{user_id}/password."""

    new_password: str
    current_password: str = ""


class PasswordReset(Struct):
    """Body of POST /users/password/reset. Some clients call the token a code."""

    new_password: str
    token: str = ""
    code: str = ""


class EmailOnly(Struct):
    """A body that names an e-mail address."""

    email: str


class TokenOnly(Struct):
    """A body that brings the token of a mail."""

    token: str


class UserSearch(Struct, kw_only=True):
    """Body of POST /users/search."""

    term: str = ""
    team_id: str = ""
    not_in_team_id: str = ""
    in_channel_id: str = ""
    not_in_channel_id: str = ""
    in_group_id: str = ""
    not_in_group_id: str = ""
    group_constrained: bool = False
    allow_inactive: bool = False
    without_team: bool = False
    limit: int = 100
    role: str = ""
    roles: list[str] = []
    channel_roles: list[str] = []
    team_roles: list[str] = []


class UserAutocomplete(Struct, kw_only=True, omit_defaults=True):
    """Whom a typed name may mean: in the channel, and elsewhere in its team."""

    users: list[User]
    out_of_channel: list[User] | None = None


class UserAuth(Struct, kw_only=True):
    """Body of PUT /users/{user_id}/auth, and its answer."""

    auth_data: str | None = None
    """Who the user is at the service."""
    auth_service: str = ""


class UsersStats(Struct):
    """How many people have an active account."""

    total_users_count: int


class SendEmailVerification(Job, frozen=True, kw_only=True):
    """Mail a link that proves the ownership of an address. Also for one that the user wants to change to."""

    name: ClassVar[str] = "send_email_verification"
    user_id: str
    email: str
    redirect: str = ""
    """Where the link leads in the end, "" for nowhere in particular."""

    @property
    def key(self) -> str:
        """One at a time for each user and address."""
        return f"{self.name}:{self.user_id}:{self.email}"


class SendPasswordReset(Job, frozen=True, kw_only=True):
    """Mail a link for choosing a new password."""

    name: ClassVar[str] = "send_password_reset"
    user_id: str

    @property
    def key(self) -> str:
        """One at a time for each user."""
        return f"{self.name}:{self.user_id}"


class SendTeamInvitation(Job, frozen=True, kw_only=True):
    """Mail an invitation to a team; its link holds for 48 hours and for one account."""

    name: ClassVar[str] = "send_team_invitation"
    email: str
    team_id: str
    team_display_name: str
    sender_name: str
    message: str = ""
    """Words of the sender, "" for none."""
    channel_ids: list[str] = []
    """Channels of the team that the link leads into, besides the default ones; guests come into no others."""
    guest: bool = False
    """Whether the link makes the account of a guest."""

    @property
    def key(self) -> str:
        """One at a time for each address and team."""
        return f"{self.name}:{self.team_id}:{self.email}"


class SendAccountNews(Job, frozen=True, kw_only=True):
    """Tell a user by mail what was done to the account, so that nobody does it unnoticed."""

    name: ClassVar[str] = "send_account_news"
    user_id: str
    news: Literal["mfa_on", "mfa_off", "password", "deactivated", "activated", "email", "username", "token"]
    email: str = ""
    """Where it goes, "" for the address of the account."""


class MailToken(Struct, frozen=True):
    """A secret that was mailed: what it is for, and what it stands for."""

    type: str
    create_at: int
    extra: dict[str, Any]
