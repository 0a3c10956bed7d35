"""What clients hear of dialogs."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.interactions.models import OpenDialog


class OpenDialogEvent(Event, frozen=True, kw_only=True):
    """A program opens a dialog. For the user who called it."""

    name: ClassVar[str] = "open_dialog"
    user_id: Aside[str]
    dialog: AsJson[OpenDialog]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id)
