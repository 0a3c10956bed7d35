"""What clients hear of the settings."""

from typing import ClassVar

from server.bus.event import AsJson, Audience, Event


class ClientConfigChanged(Event, frozen=True, kw_only=True):
    """The settings changed; clients get those they know. For everyone."""

    name: ClassVar[str] = "config_changed"
    config: dict[str, str]

    def audience(self) -> Audience:
        """Everyone."""
        return Audience()


class MarketplaceVisited(Event, frozen=True, kw_only=True):
    """An administrator has seen where plugins would be had. For those who administer the system."""

    name: ClassVar[str] = "first_admin_visit_marketplace_status_received"
    firstAdminVisitMarketplaceStatus: AsJson[bool] = True  # noqa: N815

    def audience(self) -> Audience:
        """Everyone with manage_system."""
        return Audience(sensitive=True)
