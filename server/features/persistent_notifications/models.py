"""Whom an urgent post goes on calling."""

from msgspec import Struct


class Calling(Struct):
    """A row of persistent_notifications whose time has come, and what has become of its post."""

    post_id: str
    sent_count: int
    lives: bool
    """Whether its post is there, in a channel that is not archived."""
    waiting: list[str]
    """Receivers, members still, who have neither replied nor reacted nor acknowledged."""
