"""What a user's own clients hear of preferences."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.preferences.models import Preference


class PreferencesChanged(Event, frozen=True):
    """Preferences were set. For their user."""

    name: ClassVar[str] = "preferences_changed"
    user_id: Aside[str]
    preferences: AsJson[list[Preference]]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id)


class PreferencesDeleted(Event, frozen=True):
    """Preferences were removed. For their user."""

    name: ClassVar[str] = "preferences_deleted"
    user_id: Aside[str]
    preferences: AsJson[list[Preference]]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id)
