"""What the writer's other connections hear of drafts."""

from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event
from server.features.drafts.models import Draft


class DraftCreated(Event, frozen=True, kw_only=True):
    """Something was begun. For its writer, but for the connection that did it."""

    name: ClassVar[str] = "draft_created"
    connection_id: Aside[str]
    draft: AsJson[Draft]

    def audience(self) -> Audience:
        """The writer."""
        return _writer(self.draft, self.connection_id)


class DraftUpdated(Event, frozen=True, kw_only=True):
    """A draft says something else. For its writer, but for the connection that did it."""

    name: ClassVar[str] = "draft_updated"
    connection_id: Aside[str]
    draft: AsJson[Draft]

    def audience(self) -> Audience:
        """The writer."""
        return _writer(self.draft, self.connection_id)


class DraftDeleted(Event, frozen=True, kw_only=True):
    """A draft is gone. For its writer, but for the connection that did it."""

    name: ClassVar[str] = "draft_deleted"
    connection_id: Aside[str]
    draft: AsJson[Draft]

    def audience(self) -> Audience:
        """The writer."""
        return _writer(self.draft, self.connection_id)


def _writer(draft: Draft, connection_id: str) -> Audience:
    return Audience(user_id=draft.user_id, channel_id=draft.channel_id, omit_connection_id=connection_id)
