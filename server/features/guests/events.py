"""What is told about guests."""

from typing import ClassVar

from server.bus.event import Audience, Event


class GuestsDeactivated(Event, frozen=True, kw_only=True):
    """All guests were deactivated. For everyone."""

    name: ClassVar[str] = "guests_deactivated"

    def audience(self) -> Audience:
        """Everyone."""
        return Audience()
