"""Files on the wire: what clients are told of one, of an upload, and of an upload in parts."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.ids import Id

MAX_AT_ONCE = 10
"""Files in one form: a post takes no more."""


class FileInfo(Struct, omit_defaults=True):
    """A file; those with defaults come last and are sent when they say something. Fields as in the view file_infos."""

    id: str
    user_id: str
    channel_id: str
    create_at: int
    update_at: int
    delete_at: int
    name: str
    extension: str
    size: int
    mime_type: str
    mini_preview: str | None
    remote_id: str
    archived: bool
    post_id: str = ""
    width: int = 0
    height: int = 0
    has_preview_image: bool = False

    @property
    def is_image(self) -> bool:
        """Whether it is a picture by its name."""
        return self.mime_type.startswith("image/")


class StoredFile(Struct):
    """A file, and whether thumbnail and preview of it are stored."""

    info: FileInfo
    pictured: bool = False
    bookmark_id: str = ""
    """The bookmark that shows it, "" for none."""

    @property
    def is_attached(self) -> bool:
        """Whether a post or a bookmark has it, so that the readers of the channel may read it."""
        return bool(self.info.post_id or self.bookmark_id)


class FileUploadResponse(Struct):
    """What was uploaded, in the order of the form, and what its sender calls each."""

    file_infos: list[FileInfo]
    client_ids: list[str]


class FileLink(Struct):
    """An address that needs no login."""

    link: str


class NewUpload(Struct, kw_only=True):
    """Body of POST /uploads: a file that will come in parts."""

    channel_id: Id
    filename: Annotated[str, Meta(min_length=1)]
    file_size: Annotated[int, Meta(ge=1)]
    type: Literal["", "attachment"] = ""


class UploadSession(Struct):
    """An upload in parts; `file_offset` is where the next part begins."""

    id: str
    type: str
    create_at: int
    user_id: str
    channel_id: str
    filename: str
    file_size: int
    file_offset: int = 0
    remote_id: str = ""
    req_file_id: str = ""
