"""What those hear whom an urgent post goes on calling."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.posts.models import Post


class PersistentNotificationTriggered(Event, frozen=True, kw_only=True):
    """An urgent post still waits for an answer. For one of those whom it calls."""

    name: ClassVar[str] = "persistent_notification_triggered"
    user_id: Aside[str]
    channel_type: str
    channel_display_name: str
    channel_name: str
    sender_name: str
    team_id: str
    post: AsJson[Post]
    mentions: AsJson[list[str]]
    otherFile: str | None = None  # noqa: N815
    image: str | None = None

    def audience(self) -> Audience:
        """The user; shows channel and team."""
        return Audience(user_id=self.user_id, channel_id=self.post.channel_id, team_id=self.team_id)
