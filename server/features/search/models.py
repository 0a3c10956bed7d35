"""Searching on the wire: what is asked, and lists of what was found."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from server.features.files.models import FileInfo
from server.features.posts.models import Post
from server.jobs.job import Job


class SearchParameter(Struct, kw_only=True):
    """Body of the searches for posts and files. `time_zone_offset` is seconds east of UTC, for days."""

    terms: Annotated[str, Meta(min_length=1)]
    is_or_search: bool = False
    time_zone_offset: int = 0
    include_deleted_channels: bool = False
    page: Annotated[int, Meta(ge=0)] = 0
    per_page: Annotated[int, Meta(ge=0)] = 60


class PostSearchResults(Struct):
    """Posts that were found, newest first. What in them was found is not said."""

    order: list[str]
    posts: dict[str, Post]
    next_post_id: str
    prev_post_id: str
    first_inaccessible_post_time: int
    matches: dict[str, list[str]] = field(default_factory=dict)


class FileInfoList(Struct):
    """Files that were found, newest first."""

    order: list[str]
    file_infos: dict[str, FileInfo]
    next_file_info_id: str = ""
    prev_file_info_id: str = ""
    first_inaccessible_file_time: int = 0


class ReadText(Job, frozen=True):
    """Find an uploaded file by the text in it, too."""

    name: ClassVar[str] = "search.read_text"
    file_id: str
    after: int = 0
    """Milliseconds from now."""

    @property
    def delay(self) -> int:
        """A while, when too many files are being read."""
        return self.after
