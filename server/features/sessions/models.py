"""What travels about sessions: the bodies of login and of its neighbours, and a session in a list."""

from typing import Any

from msgspec import Struct

from server.db import columns
from server.features.teams.models import TeamMember
from server.ids import Id


class Login(Struct, kw_only=True):
    """Body of POST /users/login."""

    id: str = ""
    login_id: str = ""
    password: str = ""
    token: str = ""
    device_id: str = ""


class LoginTypeQuestion(Struct, kw_only=True):
    """Body of POST /users/login/type."""

    id: str = ""
    login_id: str = ""
    device_id: str = ""


class LoginType(Struct, frozen=True):
    """By which service an account signs in, "" for a password."""

    auth_service: str


class SwitchAccount(Struct, kw_only=True):
    """Body of POST /users/login/switch."""

    current_service: str
    new_service: str
    email: str = ""
    password: str = ""
    new_password: str = ""
    mfa_code: str = ""
    ldap_id: str = ""


class SessionRow(Struct, frozen=True):
    """A session of a list, as stored."""

    id: str
    create_at: int
    expires_at: int
    last_activity_at: int
    user_id: str
    device_id: str
    roles: str
    is_oauth: bool
    expired_notify: bool
    props: dict[str, Any]


# Roles may have changed since: those of the user count.
SESSION_COLUMNS = columns(SessionRow, "s").replace("s.roles", "u.roles")


class SessionInfo(Struct, kw_only=True):
    """A session as its owner sees it: without the token."""

    id: str
    token: str = ""
    create_at: int
    expires_at: int
    last_activity_at: int
    user_id: str
    device_id: str
    roles: str
    is_oauth: bool
    expired_notify: bool
    props: dict[str, str]
    team_members: list[TeamMember]
    local: bool = False


class RevokeSession(Struct):
    """Body of POST /users/{user_id}/sessions/revoke."""

    session_id: Id


class AttachDevice(Struct, kw_only=True):
    """Body of PUT /users/sessions/device."""

    device_id: str = ""
    voip_device_id: str = ""
    deviceNotificationDisabled: str = ""  # noqa: N815 (its name on the wire)
    mobileVersion: str = ""  # noqa: N815 (its name on the wire)


class Made(Struct, frozen=True):
    """A session that was just made, and the only copy of its token."""

    id: str
    token: str
    csrf: str
    max_age: int
    """Seconds until it expires, 0 for never."""
