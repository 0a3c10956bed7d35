"""What clients hear of roles."""

from typing import ClassVar

from server.bus.event import AsJson, Audience, Event
from server.features.roles.models import Role


class RoleUpdated(Event, frozen=True, kw_only=True):
    """The permissions of a role changed. For everyone."""

    name: ClassVar[str] = "role_updated"
    role: AsJson[Role]

    def audience(self) -> Audience:
        """Everyone."""
        return Audience()
