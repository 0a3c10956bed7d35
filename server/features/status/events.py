"""What clients hear of statuses and typing, and what nodes tell each other of statuses."""

from typing import ClassVar

from server.bus.event import Aside, Audience, Event, Room
from server.bus.signals import Signal
from server.features.status.models import StatusRow


class StatusChange(Event, frozen=True):
    """A status changed. For the user's own sockets; everybody else asks."""

    name: ClassVar[str] = "status_change"
    transient: ClassVar[bool] = True
    status: str
    user_id: str

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id)


class Typing(Event, frozen=True):
    """Someone is typing in a channel, or in the thread of parent_id. For the other members of the channel."""

    name: ClassVar[str] = "typing"
    transient: ClassVar[bool] = True
    room: Aside[Room]
    parent_id: str
    user_id: str

    def audience(self) -> Audience:
        """The members of the channel without the one who types."""
        return self.room.audience(omit_user=self.user_id)


class StatusesChanged(Signal, frozen=True, kw_only=True):
    """These statuses were written; every node knows them from here on."""

    rows: tuple[StatusRow, ...]
