"""What clients hear of the settings."""

from typing import ClassVar

from server.bus.event import Audience, Event


class ClientConfigChanged(Event, frozen=True, kw_only=True):
    """The settings changed; clients get those they know. For everyone."""

    name: ClassVar[str] = "config_changed"
    config: dict[str, str]

    def audience(self) -> Audience:
        """Everyone."""
        return Audience()
