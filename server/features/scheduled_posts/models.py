"""Scheduled posts on the wire, and as they are stored."""

from typing import Any, ClassVar

from msgspec import UNSET, Struct, UnsetType, field

from server.db import columns
from server.features.files.models import FileInfo
from server.features.posts.models import NewMetadata, Priority
from server.ids import Id
from server.jobs.job import Job

TIMER = "scheduled_posts"

MAX_WAITING = 1000
"""Scheduled posts that one user can have, with those that could not be sent."""
MAX_BYTES = 8_000_000
"""Of the texts and props of all of them: their author reads them all at once."""
MAX_LATE_MS = 5000
"""How long ago the wanted time may be when a request arrives: clocks differ and networks are slow."""
MAX_AHEAD_MS = 10 * 366 * 24 * 3600 * 1000
GIVEN_UP_AFTER_MS = 24 * 3600 * 1000
"""What could not be sent within a day after its time is not sent any more."""

UNKNOWN = "unknown"
CHANNEL_ARCHIVED = "channel_archived"
CHANNEL_NOT_FOUND = "channel_not_found"
USER_MISSING = "user_missing"
USER_DELETED = "user_deleted"
NO_CHANNEL_PERMISSION = "no_channel_permission"
NO_CHANNEL_MEMBER = "no_channel_member"
THREAD_DELETED = "thread_deleted"
UNABLE_TO_SEND = "unable_to_send"
INVALID_POST = "invalid_post"


class ScheduledMetadata(Struct, frozen=True, omit_defaults=True):
    """What comes along with a scheduled post."""

    files: list[FileInfo] | None = None
    priority: Priority | None = None


class ScheduledPost(Struct, kw_only=True):
    """A scheduled post as its author sees it."""

    id: str
    create_at: int
    update_at: int
    delete_at: int = 0
    user_id: str
    channel_id: str
    root_id: str
    message: str
    props: dict[str, Any]
    file_ids: list[str] | UnsetType = UNSET
    metadata: ScheduledMetadata = ScheduledMetadata()
    priority: Priority | UnsetType = UNSET
    scheduled_at: int
    processed_at: int
    error_code: str


class Scheduled(Struct, kw_only=True):
    """A row of scheduled_posts."""

    id: str
    create_at: int
    update_at: int
    user_id: str
    channel_id: str
    root_id: str
    message: str
    props: dict[str, Any]
    file_ids: list[str]
    priority: dict[str, Any] | None
    scheduled_at: int
    processed_at: int = 0
    error_code: str = ""
    post_id: str
    attempts: int = 0
    files: list[Any] | None = None
    """Those of the view `file_infos`, in the order of file_ids."""


SCHEDULED_COLUMNS = f"""{columns(Scheduled, "s", leave=("files",))},
           CASE WHEN s.file_ids <> '{{}}' THEN
               (SELECT jsonb_agg(to_jsonb(file) ORDER BY array_position(s.file_ids, file.id))
                  FROM file_infos AS file WHERE file.id = ANY(s.file_ids) AND file.delete_at = 0) END"""


class NewScheduledPost(Struct, kw_only=True):
    """Body of POST /posts/schedule. Ids, author and times of its making are the server's."""

    channel_id: Id
    scheduled_at: int
    root_id: str = ""
    message: str = ""
    props: dict[str, Any] = {}
    file_ids: list[str] = []
    priority: Priority | None = None
    metadata: NewMetadata | None = None


class ScheduledPostUpdate(Struct, kw_only=True):
    """Body of PUT /posts/schedule/{scheduled_post_id}: the whole post; channel and thread stay as they are."""

    scheduled_at: int
    message: str = ""
    props: dict[str, Any] = {}
    file_ids: list[str] = field(default_factory=list)
    priority: Priority | None = None
    metadata: NewMetadata | None = None


class TellOfFailure(Job, frozen=True, kw_only=True):
    """Tell an author that a scheduled post could not be sent."""

    name: ClassVar[str] = "tell_of_failed_scheduled_post"
    scheduled_post_id: str
