"""Reactions on the wire."""

from typing import Annotated

from msgspec import Meta, Struct

from server.db import columns
from server.ids import Id


class Reaction(Struct):
    """An emoji that someone put to a post; the fields are the columns of the table."""

    user_id: str
    post_id: str
    emoji_name: str
    create_at: int
    update_at: int
    delete_at: int
    remote_id: str
    channel_id: str


REACTION_COLUMNS = columns(Reaction)


class NewReaction(Struct, kw_only=True):
    """Body of POST /reactions."""

    user_id: Id
    post_id: Id
    emoji_name: str


PostIds = Annotated[list[Id], Meta(min_length=1, max_length=1000)]
"""Body of POST /posts/ids/reactions."""
