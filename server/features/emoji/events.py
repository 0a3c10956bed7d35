"""What clients hear of custom emojis."""

from typing import ClassVar

from server.bus.event import AsJson, Audience, Event
from server.features.emoji.models import Emoji


class EmojiAdded(Event, frozen=True, kw_only=True):
    """There is a new custom emoji. For everyone."""

    name: ClassVar[str] = "emoji_added"
    emoji: AsJson[Emoji]

    def audience(self) -> Audience:
        """Everyone."""
        return Audience()
