"""What followers hear of threads."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.threads.models import ThreadResponse


class ThreadUpdated(Event, frozen=True, kw_only=True):
    """A thread got a reply. For one of its followers, with what that user has not read."""

    name: ClassVar[str] = "thread_updated"
    user_id: Aside[str]
    team_id: Aside[str]
    thread: AsJson[ThreadResponse]
    previous_unread_mentions: int
    previous_unread_replies: int

    def audience(self) -> Audience:
        """The follower."""
        return Audience(user_id=self.user_id, team_id=self.team_id)


class ThreadFollowChanged(Event, frozen=True, kw_only=True):
    """A user follows a thread from now on, or no longer. For that user."""

    name: ClassVar[str] = "thread_follow_changed"
    user_id: Aside[str]
    team_id: Aside[str]
    thread_id: str
    state: bool
    reply_count: int

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id, team_id=self.team_id)


class ThreadReadChanged(Event, frozen=True, kw_only=True):
    """A user read a thread, or set it unread. For that user; without thread_id it is all threads of the team."""

    name: ClassVar[str] = "thread_read_changed"
    user_id: Aside[str]
    team_id: Aside[str]
    timestamp: int
    thread_id: str | None = None
    channel_id: str | None = None
    unread_mentions: int | None = None
    unread_replies: int | None = None
    previous_unread_mentions: int | None = None
    previous_unread_replies: int | None = None

    def audience(self) -> Audience:
        """The user."""
        return Audience(user_id=self.user_id, team_id=self.team_id)
