"""Custom statuses: an emoji and a few words in the props of the user, and the last five of them to pick again."""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from server.context import Context
from server.errors import BadRequest, invalid_body
from server.features.preferences import queries
from server.features.preferences.models import Preference
from server.features.preferences.service import put
from server.features.users.service import change_props

PROP = "customStatus"
CATEGORY, RECENT = "custom_status", "recent_custom_statuses"
MAX_RECENT = 5
MAX_TEXT = 100
DEFAULT_EMOJI = "speech_balloon"
NEVER = "0001-01-01T00:00:00Z"
"""How "no end" is written."""

DURATIONS = frozenset(
    {"thirty_minutes", "one_hour", "four_hours", "today", "this_week", "date_and_time", "custom_date_time"}
)


class CustomStatus(Struct, frozen=True, kw_only=True):
    """A custom status; expires_at is RFC 3339, with a duration only."""

    emoji: str = ""
    text: str = ""
    duration: str = ""
    expires_at: str = NEVER


_decode_recent = msgspec.json.Decoder(list[CustomStatus]).decode


async def set_custom_status(ctx: Context, user_id: str, given: CustomStatus) -> None:
    """Set the custom status of a user and put it first among the recent ones."""
    status = _checked(given, ctx.now())
    await change_props(ctx, user_id, {PROP: msgspec.json.encode(status).decode()})
    recent = await _recent(ctx, user_id)
    others = [item for item in recent if (item.emoji, item.text) != (status.emoji, status.text)]
    await _store(ctx, user_id, [status, *others][:MAX_RECENT])


async def remove_custom_status(ctx: Context, user_id: str) -> None:
    """Take the custom status of a user away.

    The prop stays, empty: clients put what they hear over what they know, and an event without it would change nothing.
    """
    await change_props(ctx, user_id, {PROP: ""})


async def forget_recent(ctx: Context, user_id: str, given: CustomStatus) -> None:
    """Take one of the recent custom statuses out of the list."""
    recent = await _recent(ctx, user_id)
    others = [item for item in recent if (item.emoji, item.text) != (given.emoji, given.text)]
    if len(others) == len(recent):
        raise BadRequest(
            "api.custom_status.recent_custom_statuses.delete.app_error", "This is not among the recent custom statuses."
        )
    await _store(ctx, user_id, others)


def _checked(given: CustomStatus, now: int) -> CustomStatus:
    if (not given.emoji and not given.text) or len(given.emoji) > 64:
        raise invalid_body("custom_status")
    end = _ends_at(given.expires_at)
    if (given.duration and (given.duration not in DURATIONS or end is None)) or (end is not None and end < now):
        raise invalid_body("custom_status")
    return CustomStatus(
        emoji=given.emoji or DEFAULT_EMOJI,
        text=given.text[:MAX_TEXT],
        duration=given.duration,
        expires_at=given.expires_at if end is not None else NEVER,
    )


def _ends_at(text: str) -> int | None:
    """Milliseconds since the epoch, None for no end; raises BadRequest."""
    if text in ("", NEVER):
        return None
    try:
        end = datetime.fromisoformat(text) if len(text) <= 40 else None
    except ValueError:
        end = None
    if end is None:
        raise invalid_body("custom_status")
    try:
        return int((end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp() * 1000)
    except (OverflowError, ValueError):
        raise invalid_body("custom_status") from None


async def _recent(ctx: Context, user_id: str) -> list[CustomStatus]:
    stored = await queries.preference(ctx.db, user_id, CATEGORY, RECENT)
    try:
        return _decode_recent(stored.value) if stored is not None else []
    except (msgspec.ValidationError, msgspec.DecodeError):
        return []  # clients may write this preference, too


async def _store(ctx: Context, user_id: str, recent: list[CustomStatus]) -> None:
    value = msgspec.json.encode(recent).decode()
    async with ctx.begin() as tx:
        await put(ctx, tx, user_id, [Preference(user_id, CATEGORY, RECENT, value)])
