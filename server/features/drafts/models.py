"""Drafts on the wire."""

from typing import Any

from msgspec import Struct

from server.features.files.models import FileInfo
from server.features.posts.models import Metadata, Priority
from server.ids import Id, IdOrEmpty

MAX_DRAFTS = 1000
"""Of a user."""

MAX_BYTES = 8_000_000
"""Of the texts and props of all drafts of a user: they are read all at once."""

MAX_PROPS = 65_536
"""Bytes of the props as JSON."""

MAX_FILES = 10


class Draft(Struct, omit_defaults=True):
    """A draft; fields with a default are sent when they say something."""

    create_at: int
    update_at: int
    delete_at: int
    user_id: str
    channel_id: str
    root_id: str
    message: str
    props: dict[str, Any]
    type: str = ""
    file_ids: list[str] | None = None
    metadata: Metadata | None = None
    priority: Priority | None = None


class NewDraft(Struct, kw_only=True):
    """Body of POST /drafts. Author and times are the server's."""

    channel_id: Id
    root_id: IdOrEmpty = ""
    message: str = ""
    type: str = ""
    props: dict[str, Any] = {}
    file_ids: list[str] = []
    priority: Priority | None = None


class StoredDraft(Struct):
    """A row of drafts, with those of its files that can still be posted."""

    user_id: str
    channel_id: str
    root_id: str
    create_at: int
    update_at: int
    message: str
    type: str
    props: dict[str, Any]
    priority: dict[str, Any] | None
    files: list[Any] | None

    def shown(self, delete_at: int = 0) -> Draft:
        """As its writer sees it."""
        files = [FileInfo(**file) for file in self.files or ()]
        priority = Priority(**self.priority) if self.priority is not None else None
        metadata = Metadata(files=files or None, priority=priority)
        return Draft(
            create_at=self.create_at,
            update_at=self.update_at,
            delete_at=delete_at,
            user_id=self.user_id,
            channel_id=self.channel_id,
            root_id=self.root_id,
            message=self.message,
            props=self.props,
            type=self.type,
            file_ids=[file.id for file in files] or None,
            metadata=metadata if files or priority is not None else None,
            priority=priority,
        )
