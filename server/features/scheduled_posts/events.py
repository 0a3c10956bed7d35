"""What authors hear of their scheduled posts."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.scheduled_posts.models import ScheduledPost


class ScheduledPostCreated(Event, frozen=True, kw_only=True):
    """A post was scheduled. For its author, but for the connection that did it."""

    name: ClassVar[str] = "scheduled_post_created"
    connection_id: Aside[str] = ""
    scheduledPost: AsJson[ScheduledPost]  # noqa: N815

    def audience(self) -> Audience:
        """The author."""
        return Audience(user_id=self.scheduledPost.user_id, omit_connection_id=self.connection_id)


class ScheduledPostUpdated(Event, frozen=True, kw_only=True):
    """A scheduled post was changed, or could not be sent. For its author, but for the connection that did it."""

    name: ClassVar[str] = "scheduled_post_updated"
    connection_id: Aside[str] = ""
    scheduledPost: AsJson[ScheduledPost]  # noqa: N815

    def audience(self) -> Audience:
        """The author."""
        return Audience(user_id=self.scheduledPost.user_id, omit_connection_id=self.connection_id)


class ScheduledPostDeleted(Event, frozen=True, kw_only=True):
    """A scheduled post was deleted or sent. For its author, but for the connection that did it."""

    name: ClassVar[str] = "scheduled_post_deleted"
    connection_id: Aside[str] = ""
    scheduledPost: AsJson[ScheduledPost]  # noqa: N815

    def audience(self) -> Audience:
        """The author."""
        return Audience(user_id=self.scheduledPost.user_id, omit_connection_id=self.connection_id)
