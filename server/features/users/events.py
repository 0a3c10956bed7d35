"""What is told about people: new ones, changed profiles, roles and activation.

Guests hear of those people only whom they may know: events about a person go to everyone but guests, and a changed
profile also to the guests whom the event names.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from server.bus.event import Aside, Audience, Event
from server.config.people import PrivacySection
from server.features.users.models import User
from server.features.users.visible import for_admins, for_others

GUESTS_AT_ONCE = 500
"""Guests whom one copy of an event is for: more of them hear of it by further copies."""


class NewUserMade(Event, frozen=True, kw_only=True):
    """An account was made. For everyone but guests, who know nobody yet that is new."""

    name: ClassVar[str] = "new_user"
    user_id: str

    def audience(self) -> Audience:
        return Audience(insiders=True)


class UserUpdated(Event, frozen=True, kw_only=True):
    """A profile changed. For the user, for administrators, for all others and for some guests, each another view."""

    name: ClassVar[str] = "user_updated"
    user: User
    view: Aside[Literal["own", "sanitized", "sensitive"]]
    guest_ids: Aside[tuple[str, ...]] = ()
    """The guests for whom this copy is; without any it is for everyone but guests."""

    def audience(self) -> Audience:
        if self.view == "own":
            return Audience(user_id=self.user.id)
        return Audience(
            user_ids=self.guest_ids or None,
            insiders=True,
            omit_user=self.user.id,
            sanitized=self.view == "sanitized",
            sensitive=self.view == "sensitive",
        )


def user_updated(user: User, privacy: PrivacySection, guest_ids: Sequence[str]) -> list[UserUpdated]:
    """The events that tell of a changed profile; `guest_ids` are the guests who may know the user."""
    shown = for_others(user, privacy)
    return [
        UserUpdated(user=user, view="own"),
        UserUpdated(user=shown, view="sanitized"),
        UserUpdated(user=for_admins(user), view="sensitive"),
        *(
            UserUpdated(user=shown, view="sanitized", guest_ids=tuple(guest_ids[start : start + GUESTS_AT_ONCE]))
            for start in range(0, len(guest_ids), GUESTS_AT_ONCE)
        ),
    ]


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
