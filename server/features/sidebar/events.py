"""What a user's own clients hear of the sidebar."""

from typing import ClassVar

from msgspec import field

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.sidebar.models import SidebarCategory


class SidebarEvent(Event, frozen=True):
    """Base: for the user whose sidebar it is, telling the team."""

    user_id: Aside[str]
    team_id: Aside[str]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id, team_id=self.team_id)


class SidebarCategoryCreated(SidebarEvent, frozen=True):
    """A category was made. For its user."""

    name: ClassVar[str] = "sidebar_category_created"
    category_id: str


class SidebarCategoryUpdated(SidebarEvent, frozen=True):
    """Categories changed (None: find out which). For their user."""

    name: ClassVar[str] = "sidebar_category_updated"
    categories: AsJson[list[SidebarCategory] | None] = field(name="updatedCategories", default=None)


class SidebarCategoryDeleted(SidebarEvent, frozen=True):
    """A category is gone. For its user."""

    name: ClassVar[str] = "sidebar_category_deleted"
    category_id: str


class SidebarCategoryOrderUpdated(SidebarEvent, frozen=True):
    """The categories are in another order. For their user."""

    name: ClassVar[str] = "sidebar_category_order_updated"
    order: list[str]
