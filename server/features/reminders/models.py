"""What travels about reminders, and how they are stored."""

from msgspec import Struct

TIMER = "reminders"
POST_TYPE = "reminder"

MAX_REMINDERS = 1000
"""Reminders that one user can wait for."""
MAX_LATE_SECONDS = 60
"""How long ago the wanted time may be when a request arrives: clocks differ."""
MAX_AHEAD_SECONDS = 10 * 366 * 24 * 3600


class NewReminder(Struct, kw_only=True):
    """Body of POST /users/{user_id}/posts/{post_id}/reminder."""

    target_time: int
    """In seconds."""


class Reminder(Struct):
    """A row of post_reminders."""

    user_id: str
    post_id: str
    target_time: int
    message_id: str
    attempts: int = 0


class Reminded(Struct):
    """What a reminder says of its post."""

    username: str
    """Of its author."""
    team_name: str
    channel_id: str
