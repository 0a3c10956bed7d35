"""What the members of a channel hear of its bookmarks."""

from collections.abc import Sequence
from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event, Room
from server.features.bookmarks.models import ChannelBookmark, UpdateChannelBookmarkResponse


class ChannelBookmarkCreated(Event, frozen=True, kw_only=True):
    """There is a new bookmark. For the members of the channel."""

    name: ClassVar[str] = "channel_bookmark_created"
    room: Aside[Room]
    connection_id: Aside[str]
    bookmark: AsJson[ChannelBookmark]

    def audience(self) -> Audience:
        """The members, but for the connection that did it."""
        return self.room.audience(omit_connection_id=self.connection_id)


class ChannelBookmarkUpdated(Event, frozen=True, kw_only=True):
    """A bookmark is another one now. For the members of the channel."""

    name: ClassVar[str] = "channel_bookmark_updated"
    room: Aside[Room]
    connection_id: Aside[str]
    bookmarks: AsJson[UpdateChannelBookmarkResponse]

    def audience(self) -> Audience:
        """The members, but for the connection that did it."""
        return self.room.audience(omit_connection_id=self.connection_id)


class ChannelBookmarkDeleted(Event, frozen=True, kw_only=True):
    """A bookmark is gone. For the members of the channel."""

    name: ClassVar[str] = "channel_bookmark_deleted"
    room: Aside[Room]
    connection_id: Aside[str]
    bookmark: AsJson[ChannelBookmark]

    def audience(self) -> Audience:
        """The members, but for the connection that did it."""
        return self.room.audience(omit_connection_id=self.connection_id)


class ChannelBookmarkSorted(Event, frozen=True, kw_only=True):
    """The bookmarks stand in another order. For the members of the channel."""

    name: ClassVar[str] = "channel_bookmark_sorted"
    room: Aside[Room]
    connection_id: Aside[str]
    bookmarks: AsJson[Sequence[ChannelBookmark]]

    def audience(self) -> Audience:
        """The members, but for the connection that did it."""
        return self.room.audience(omit_connection_id=self.connection_id)
