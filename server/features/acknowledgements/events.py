"""What the members of a channel hear of acknowledgements."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event, Room
from server.features.acknowledgements.models import Acknowledgement


class AcknowledgementAdded(Event, frozen=True, kw_only=True):
    """Someone confirmed to have seen a post. For the members of its channel."""

    name: ClassVar[str] = "post_acknowledgement_added"
    room: Aside[Room]
    acknowledgement: AsJson[Acknowledgement]

    def audience(self) -> Audience:
        """The members of the channel."""
        return self.room.audience()


class AcknowledgementRemoved(Event, frozen=True, kw_only=True):
    """Someone took a confirmation back. For the members of the channel."""

    name: ClassVar[str] = "post_acknowledgement_removed"
    room: Aside[Room]
    acknowledgement: AsJson[Acknowledgement]

    def audience(self) -> Audience:
        """The members of the channel."""
        return self.room.audience()
