"""What clients hear of posts."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event, Room, Turn
from server.features.posts.models import Post, StoredPost


def turn_of(post: Post | StoredPost, before: int) -> Turn | None:
    """The turn of a post in its channel after the newest post `before` it; None for one that was dated back."""
    return Turn(post.channel_id, post.create_at, before) if post.create_at > before else None


def turn_again(post: Post | StoredPost) -> Turn:
    """The turn of a post that may have been published or not, and of which nobody remembers what was before it."""
    return Turn(post.channel_id, post.create_at, post.create_at - 1)


class Posted(Event, frozen=True, kw_only=True):
    """A post was written. For the members of its channel; those mentioned or following are told so, each of itself."""

    name: ClassVar[str] = "posted"
    personal_fields: ClassVar[tuple[str, ...]] = ("mentions", "followers")
    room: Aside[Room]
    mentioned: Aside[Sequence[str]] = ()
    following: Aside[Sequence[str]] = ()
    place: Aside[Turn | None] = None
    channel_type: str
    channel_display_name: str
    channel_name: str
    sender_name: str
    team_id: str
    set_online: bool
    post: AsJson[Post]
    otherFile: str | None = None  # noqa: N815
    image: str | None = None

    def audience(self) -> Audience:
        """The members of the channel."""
        return self.room.audience()

    def personal(self) -> Mapping[str, Sequence[str]]:
        """Mentions and followers, each user learning only of itself."""
        fields: dict[str, Sequence[str]] = {}
        if self.mentioned:
            fields["mentions"] = self.mentioned
        if self.following:
            fields["followers"] = self.following
        return fields

    def asks_others_than(self) -> str:
        """Those whom it mentions and followers are to be told, and their clients say whether they were."""
        return self.post.user_id

    def turn(self) -> Turn | None:
        """Posts of a channel are published in the order in which they were stored, and once each."""
        return self.place

    def envelope_id(self) -> str:
        """The same for every attempt to write a post that has no turn."""
        return "" if self.place is not None else f"posted:{self.post.id}"


class PostEdited(Event, frozen=True, kw_only=True):
    """The text, the pin or the props of a post changed. For the members of its channel."""

    name: ClassVar[str] = "post_edited"
    room: Aside[Room]
    post: AsJson[Post]

    def audience(self) -> Audience:
        """The members of the channel."""
        return self.room.audience()


class PostDeleted(Event, frozen=True, kw_only=True):
    """A post was deleted. For the members of its channel; only administrators learn who did it."""

    name: ClassVar[str] = "post_deleted"
    room: Aside[Room]
    post: AsJson[Post]
    delete_by: str | None = None

    def audience(self) -> Audience:
        """The members of the channel: with delete_by those with manage_system, without it the others."""
        audience = self.room.audience()
        return Audience(
            channel_id=audience.channel_id,
            user_ids=audience.user_ids,
            sanitized=self.delete_by is None,
            sensitive=self.delete_by is not None,
        )


class EphemeralMessage(Event, frozen=True, kw_only=True):
    """A post that is stored nowhere. For one user."""

    name: ClassVar[str] = "ephemeral_message"
    user_id: Aside[str]
    post: AsJson[Post]

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id, channel_id=self.post.channel_id)


class PostUnread(Event, frozen=True, kw_only=True):
    """A user set a channel unread from a post on. For the user."""

    name: ClassVar[str] = "post_unread"
    user_id: Aside[str]
    channel_id: Aside[str]
    team_id: Aside[str]
    msg_count: int
    msg_count_root: int
    mention_count: int
    mention_count_root: int
    urgent_mention_count: int
    last_viewed_at: int
    post_id: str

    def audience(self) -> Audience:
        """The user; shows channel and team."""
        return Audience(user_id=self.user_id, channel_id=self.channel_id, team_id=self.team_id)
