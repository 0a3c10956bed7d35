"""What the members of a channel hear of reactions."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event, Room
from server.features.reactions.models import Reaction


class ReactionAdded(Event, frozen=True, kw_only=True):
    """Someone put an emoji to a post. For the members of its channel."""

    name: ClassVar[str] = "reaction_added"
    room: Aside[Room]
    connection_id: Aside[str]
    reaction: AsJson[Reaction]

    def audience(self) -> Audience:
        """The members of the channel, but for the connection that did it."""
        return self.room.audience(omit_connection_id=self.connection_id)


class ReactionRemoved(Event, frozen=True, kw_only=True):
    """An emoji was taken back. For the members of the channel."""

    name: ClassVar[str] = "reaction_removed"
    room: Aside[Room]
    connection_id: Aside[str]
    reaction: AsJson[Reaction]

    def audience(self) -> Audience:
        """The members of the channel, but for the connection that did it."""
        return self.room.audience(omit_connection_id=self.connection_id)
