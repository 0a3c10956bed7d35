"""Bookmarks on the wire."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from server.features.files.models import FileInfo

MAX_BOOKMARKS = 50
"""Of a channel."""

MAX_SINCE = 1000
"""Changed ones in one answer."""


class ChannelBookmark(Struct, omit_defaults=True):
    """A bookmark with its file; fields with a default are sent when they say something."""

    id: str
    create_at: int
    update_at: int
    delete_at: int
    channel_id: str
    owner_id: str
    file_id: str
    display_name: str
    sort_order: int
    type: str
    link_url: str = ""
    image_url: str = ""
    emoji: str = ""
    original_id: str = ""
    parent_id: str = ""
    file: FileInfo | None = None


class NewBookmark(Struct, kw_only=True):
    """Body of POST /channels/{channel_id}/bookmarks."""

    display_name: str
    type: Literal["link", "file"]
    link_url: str = ""
    image_url: str = ""
    file_id: str = ""
    emoji: str = ""


class BookmarkPatch(Struct, kw_only=True):
    """Body of PATCH …/bookmarks/{bookmark_id}: only what is there is changed."""

    display_name: str | UnsetType = UNSET
    sort_order: int | UnsetType = UNSET
    link_url: str | UnsetType = UNSET
    image_url: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET
    emoji: str | UnsetType = UNSET


class UpdateChannelBookmarkResponse(Struct, omit_defaults=True):
    """A changed bookmark, and the one in whose place it stands when that was another one's."""

    updated: ChannelBookmark
    deleted: ChannelBookmark | None = None
