"""What is told about people: new ones, changed profiles, roles and activation."""

from typing import ClassVar, Literal

from server.bus.event import Aside, Audience, Event
from server.config.people import PrivacySection
from server.features.users.models import User
from server.features.users.visible import for_admins, for_others


class NewUserMade(Event, frozen=True, kw_only=True):
    """An account was made. For everyone."""

    name: ClassVar[str] = "new_user"
    user_id: str

    def audience(self) -> Audience:
        return Audience()


class UserUpdated(Event, frozen=True, kw_only=True):
    """A profile changed. One event each for the user, for administrators and, with less in it, for all others."""

    name: ClassVar[str] = "user_updated"
    user: User
    view: Aside[Literal["own", "sanitized", "sensitive"]]

    def audience(self) -> Audience:
        if self.view == "own":
            return Audience(user_id=self.user.id)
        return Audience(omit_user=self.user.id, sanitized=self.view == "sanitized", sensitive=self.view == "sensitive")


def user_updated(user: User, privacy: PrivacySection) -> tuple[UserUpdated, ...]:
    """The three events that tell of a changed profile."""
    return (
        UserUpdated(user=user, view="own"),
        UserUpdated(user=for_others(user, privacy), view="sanitized"),
        UserUpdated(user=for_admins(user), view="sensitive"),
    )


class UserRoleUpdated(Event, frozen=True, kw_only=True):
    """The roles of a user in the system changed. For that user."""

    name: ClassVar[str] = "user_role_updated"
    user_id: str
    roles: str

    def audience(self) -> Audience:
        return Audience(user_id=self.user_id)


class UserActivationStatusChange(Event, frozen=True, kw_only=True):
    """Someone was deactivated or activated. For everyone."""

    name: ClassVar[str] = "user_activation_status_change"

    def audience(self) -> Audience:
        return Audience()
