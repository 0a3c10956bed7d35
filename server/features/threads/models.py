"""Threads on the wire: a root post with replies, as one of its followers sees it."""

from typing import Any

from msgspec import Raw, Struct

from server.features.posts.models import Post
from server.features.users.models import User


class OnlyId(Struct, frozen=True):
    """A participant of whom just the id is told."""

    id: str


Participant = User | OnlyId | Raw
"""Who takes part in a thread; `Raw` is a user that is encoded already."""


class ThreadResponse(Struct):
    """A thread of a user; `id` is that of the root post."""

    id: str
    reply_count: int
    last_reply_at: int
    last_viewed_at: int
    participants: list[Any]
    """Each a `Participant`, as it comes from the database the id of one; a union of Structs has no schema."""
    post: Post
    unread_replies: int
    unread_mentions: int
    is_urgent: bool
    delete_at: int
    is_following: bool = True


class Totals(Struct):
    """What a user follows in a team, and how much of it is unread."""

    total: int = 0
    total_unread_threads: int = 0
    total_unread_mentions: int = 0
    total_unread_urgent_mentions: int = 0


class UserThreads(Struct):
    """A page of the threads that a user follows."""

    total: int
    total_unread_threads: int
    total_unread_mentions: int
    total_unread_urgent_mentions: int
    threads: list[ThreadResponse] | None


class ThreadState(Struct):
    """A user's place in a thread; the fields are columns of queries."""

    reply_count: int
    last_reply_at: int
    delete_at: int
    participants: list[str]
    last_viewed_at: int
    unread_replies: int
    unread_mentions: int
    following: bool


class Follower(Struct):
    """What a follower of a thread has not read of it."""

    user_id: str
    last_viewed_at: int
    unread_replies: int
    unread_mentions: int


class Filter(Struct, kw_only=True):
    """Which threads of a user are asked for."""

    since: int = 0
    before: str = ""
    after: str = ""
    deleted: bool = False
    unread: bool = False
    exclude_direct: bool = False
    limit: int = 30


Row = tuple[ThreadState, Any]
