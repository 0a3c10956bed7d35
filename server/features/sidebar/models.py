"""Sidebar categories on the wire."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from server.features.channels.models import DIRECT, GROUP

FAVORITES, CHANNELS, DIRECT_MESSAGES, CUSTOM = "favorites", "channels", "direct_messages", "custom"

DEFAULTS = ((FAVORITES, "Favorites", ""), (CHANNELS, "Channels", ""), (DIRECT_MESSAGES, "Direct Messages", "recent"))
"""Type, name and sorting of the categories that everyone has, in their first order."""

ORDER_STEP = 10
MAX_CATEGORIES = 200
MAX_DISPLAY_NAME = 64
MAX_CHANNELS = 10_000

Sorting = Literal["", "manual", "recent", "alpha"]


class SidebarCategory(Struct):
    """A category with its channels in order; the fields before channel_ids are columns of the table."""

    id: str
    user_id: str
    team_id: str
    sort_order: int
    sorting: str
    type: str
    display_name: str
    muted: bool
    collapsed: bool
    channel_ids: list[str]


class OrderedSidebarCategories(Struct):
    """All categories of a user in a team, and the order they are shown in."""

    categories: list[SidebarCategory]
    order: list[str]


class CategoryBody(Struct, kw_only=True):
    """A category in a body: what is absent stays as it is, the type never changes."""

    id: str = ""
    user_id: str = ""
    team_id: str = ""
    sorting: Sorting | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    muted: bool | UnsetType = UNSET
    collapsed: bool | UnsetType = UNSET
    channel_ids: Annotated[list[str], Meta(max_length=MAX_CHANNELS)] | UnsetType = UNSET


class Placed(Struct, frozen=True):
    """A channel of a user, and the category it was put into ("" for none)."""

    channel_id: str
    channel_type: str
    category_id: str

    @property
    def home(self) -> str:
        """The type of the category that shows the channel when it was put into none."""
        return DIRECT_MESSAGES if self.channel_type in (DIRECT, GROUP) else CHANNELS


def default_id(type: str, user_id: str, team_id: str) -> str:
    """The id of a category that everyone has."""
    return f"{type}_{user_id}_{team_id}"
