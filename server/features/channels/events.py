"""What clients hear of channels and their members."""

from typing import ClassVar

from msgspec import field

from server.bus.event import Aside, AsJson, Audience, Event, Room
from server.features.channels.member_models import ChannelMember
from server.features.channels.models import Channel


class ChannelCreated(Event, frozen=True):
    """A user made a channel. For that user, whose other clients don't know it yet."""

    name: ClassVar[str] = "channel_created"
    channel_id: str
    team_id: str
    creator_id: Aside[str]

    def audience(self) -> Audience:
        """The creator."""
        return Audience(user_id=self.creator_id)


class ChannelUpdated(Event, frozen=True):
    """Names, header, purpose, privacy or place of a channel changed. For its members."""

    name: ClassVar[str] = "channel_updated"
    channel: AsJson[Channel]
    room: Aside[Room]

    def audience(self) -> Audience:
        """The members of the channel."""
        return self.room.audience()


class ChannelConverted(Event, frozen=True):
    """A channel became private or public. For its team."""

    name: ClassVar[str] = "channel_converted"
    channel_id: str
    team_id: Aside[str]

    def audience(self) -> Audience:
        """The members of the team."""
        return Audience(team_id=self.team_id)


class ChannelDeleted(Event, frozen=True):
    """A channel was archived. For its team, of a private one for its members."""

    name: ClassVar[str] = "channel_deleted"
    channel_id: str
    delete_at: int
    open_in: Aside[str]
    """The team of a public channel, "" for a private one."""

    def audience(self) -> Audience:
        """The members of the team or of the channel."""
        return Audience(team_id=self.open_in) if self.open_in else Audience(channel_id=self.channel_id)


class ChannelRestored(Event, frozen=True):
    """A channel is no longer archived. For its team, of a private one for its members."""

    name: ClassVar[str] = "channel_restored"
    channel_id: str
    open_in: Aside[str]
    """The team of a public channel, "" for a private one."""

    def audience(self) -> Audience:
        """The members of the team or of the channel."""
        return Audience(team_id=self.open_in) if self.open_in else Audience(channel_id=self.channel_id)


class ChannelMemberUpdated(Event, frozen=True):
    """Roles or notify props of a membership changed. For that user."""

    name: ClassVar[str] = "channel_member_updated"
    channel_member: AsJson[ChannelMember] = field(name="channelMember")

    def audience(self) -> Audience:
        """The member."""
        return Audience(user_id=self.channel_member.user_id)


class DirectAdded(Event, frozen=True):
    """A direct channel was made. For both sides."""

    name: ClassVar[str] = "direct_added"
    creator_id: str
    teammate_id: str
    room: Aside[Room]

    def audience(self) -> Audience:
        """Both users."""
        return self.room.audience()


class GroupAdded(Event, frozen=True):
    """A group channel was made. For all its members."""

    name: ClassVar[str] = "group_added"
    teammate_ids: AsJson[list[str]]
    room: Aside[Room]

    def audience(self) -> Audience:
        """The members."""
        return self.room.audience()


class UserAdded(Event, frozen=True):
    """Someone joined or was added to a channel. For its members, the new one among them."""

    name: ClassVar[str] = "user_added"
    user_id: str
    team_id: str
    channel_id: Aside[str]

    def audience(self) -> Audience:
        """The members of the channel."""
        return Audience(channel_id=self.channel_id)


class UserRemoved(Event, frozen=True):
    """Someone left or was removed from a channel. For those who stay."""

    name: ClassVar[str] = "user_removed"
    user_id: str
    remover_id: str
    channel_id: Aside[str]

    def audience(self) -> Audience:
        """The members of the channel."""
        return Audience(channel_id=self.channel_id)


class RemovedFromChannel(Event, frozen=True):
    """A user left or was removed from a channel. For that user."""

    name: ClassVar[str] = "user_removed"
    channel_id: str
    remover_id: str
    user_id: Aside[str]

    def audience(self) -> Audience:
        """The removed user."""
        return Audience(user_id=self.user_id)


class MultipleChannelsViewed(Event, frozen=True):
    """A user has read channels, on whatever device. For that user."""

    name: ClassVar[str] = "multiple_channels_viewed"
    transient: ClassVar[bool] = True
    channel_times: dict[str, int]
    user_id: Aside[str]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id)


class ThreadsOfChannelRead(Event, frozen=True):
    """All threads of a channel were read along with it, by a client that shows replies in channels. For its user."""

    name: ClassVar[str] = "thread_read_changed"
    timestamp: int
    user_id: Aside[str]
    channel_id: Aside[str]

    def audience(self) -> Audience:
        """The user, telling the channel."""
        return Audience(user_id=self.user_id, channel_id=self.channel_id)
