"""Custom emojis on the wire, and what is remembered of them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from server.db import columns
from server.jobs.job import Job

MAX_EMOJIS = 20_000
"""Custom emojis that there can be; every node remembers all of them."""

MAX_FOUND = 200
MAX_COMPLETED = 100
"""Emojis in an answer to a search, and to a name that is being typed."""

Names = Annotated[list[str], Meta(max_length=1000)]
"""Body of POST /emoji/names."""


class Emoji(Struct, frozen=True):
    """A custom emoji; the fields are columns of the table."""

    id: str
    create_at: int
    update_at: int
    delete_at: int
    creator_id: str
    name: str


EMOJI_COLUMNS = columns(Emoji)


class Customs(Struct, frozen=True):
    """All custom emojis, by name and by id."""

    by_name: Mapping[str, Emoji]
    animated: Mapping[str, bool]
    """Of those that are there, by id, whether the picture is a GIF."""


class NewEmoji(Struct, kw_only=True):
    """The form field `emoji` of POST /emoji."""

    name: str
    creator_id: str = ""


class EmojiSearch(Struct, frozen=True):
    """Body of POST /emoji/search."""

    term: str
    prefix_only: str | bool = False

    @property
    def only_prefix(self) -> bool:
        """Whether names have to start with the term."""
        return self.prefix_only in (True, "true", "1", "t")


class RemoveReactions(Job, frozen=True, kw_only=True):
    """Take a deleted emoji from the posts that it was put to until then."""

    name: ClassVar[str] = "remove_emoji_reactions"
    emoji_name: str
    until: int
