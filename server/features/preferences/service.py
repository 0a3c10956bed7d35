"""Setting and removing preferences, with what some categories mean to the server."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from server.access import grants
from server.context import Change, Context
from server.errors import BadRequest, Forbidden, NotFound, forbidden, invalid_body
from server.features.preferences import queries
from server.features.preferences.events import PreferencesChanged, PreferencesDeleted
from server.features.preferences.models import Preference
from server.ids import is_id

FLAGGED_POST = "flagged_post"
FAVORITE_CHANNEL = "favorite_channel"
THEME = "theme"

MAX_CATEGORY = 32
MAX_NAME = 32
MAX_VALUE = 20_000
MAX_PREFERENCES = 20_000
MAX_BYTES = 4_000_000
"""How many preferences one user can have, and bytes in the values of all of them: they are read in one answer."""

FEW = 20
SHORT = 10_000
"""Preferences, and characters in the values of all of them, that are written with no regard to what the user writes
elsewhere at the same moment …"""
SPARE = 2_000
SPARE_BYTES = 500_000
"""… where that leaves room for so many more."""

Listener = Callable[[Context, Change, str, Sequence[Preference]], Awaitable[None]]

SAVED: dict[str, list[Listener]] = {}
"""By category: called with the user id and what was set along with one of it, inside the transaction."""
DELETED: list[Listener] = []
"""Called with the user id and what was removed, inside the transaction."""

_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NOT_COLORS = frozenset({"image", "type", "codeTheme"})


async def save(ctx: Context, user_id: str, preferences: Sequence[Preference]) -> None:
    """Set preferences of a user; of two with the same name the last counts."""
    if any(item.user_id != user_id for item in preferences):
        raise Forbidden("api.preference.update_preferences.set.app_error")
    for item in preferences:
        _check(item)
        await _check_name(ctx, item)
    wanted = {(item.category, item.name): _tidied(item) for item in preferences}
    saved = list(wanted.values())
    listeners = dict.fromkeys(listener for item in saved for listener in SAVED.get(item.category, ()))
    # What nobody listens to is remembered nowhere, so there is nothing to forget: one statement does.
    if not listeners and len(saved) <= FEW and sum(len(item.value) for item in saved) <= SHORT:
        max_count, max_bytes = MAX_PREFERENCES - SPARE, MAX_BYTES - SPARE_BYTES
        with ctx.owing([f"user:{user_id}"]):
            if await queries.add_preferences(ctx.db, user_id, saved, max_count, max_bytes):
                await ctx.tell((), [PreferencesChanged(user_id=user_id, preferences=saved)])
                return
    async with ctx.begin() as tx:
        await queries.lock_owner(tx, user_id)
        await put(ctx, tx, user_id, saved)
        for listener in listeners:
            await listener(ctx, tx, user_id, saved)


async def put(ctx: Context, tx: Change, user_id: str, preferences: Sequence[Preference]) -> None:
    """Set preferences as the server's own doing: without the checks and the listeners of `save`."""
    if not await queries.upsert_preferences(tx, user_id, preferences):
        raise NotFound("app.user.missing_account.const")
    count, size = await queries.size_of_preferences(tx, user_id)
    if count > MAX_PREFERENCES or size > MAX_BYTES:
        raise BadRequest("app.preference.save.too_many.app_error", "There are too many preferences.")
    tx.invalidate(f"preferences:{user_id}")
    tx.publish(PreferencesChanged(user_id=user_id, preferences=list(preferences)))


async def delete(ctx: Context, user_id: str, preferences: Sequence[Preference]) -> None:
    """Remove preferences of a user; those that are not there are passed over."""
    if any(item.user_id != user_id for item in preferences):
        raise Forbidden("api.preference.delete_preferences.delete.app_error")
    async with ctx.begin() as tx:
        await take(ctx, tx, user_id, preferences)
        for listener in DELETED:
            await listener(ctx, tx, user_id, preferences)


async def take(ctx: Context, tx: Change, user_id: str, preferences: Sequence[Preference]) -> None:
    """Remove preferences as the server's own doing: without the listeners of `delete`."""
    await queries.delete_preferences(tx, user_id, preferences)
    tx.invalidate(f"preferences:{user_id}")
    tx.publish(PreferencesDeleted(user_id=user_id, preferences=list(preferences)))


def _check(item: Preference) -> None:
    if not 1 <= len(item.category) <= MAX_CATEGORY:
        raise BadRequest("model.preference.is_valid.category.app_error", "Invalid category.")
    if len(item.name) > MAX_NAME:
        raise BadRequest("model.preference.is_valid.name.app_error", "Invalid name.")
    if len(item.value) > MAX_VALUE:
        raise BadRequest("model.preference.is_valid.value.app_error", "The value is too long.")


async def _check_name(ctx: Context, item: Preference) -> None:
    """Posts and channels that a preference names must be there and readable."""
    if item.category == FLAGGED_POST:
        channel_id = await grants.post_channel_id(ctx, item.name) if is_id(item.name) else None
        if channel_id is None:
            raise invalid_body("preference.name")
        if not await grants.may_read_channel(ctx, channel_id):
            raise forbidden()
    elif item.category == FAVORITE_CHANNEL:
        if not is_id(item.name) or await grants.channel_place(ctx, item.name) is None:
            raise invalid_body("preference.name")
        if not await grants.may_see_channel(ctx, item.name):
            raise forbidden()


def _tidied(item: Preference) -> Preference:
    """A theme is an object of colours; what is none becomes white. Everything else stays as it is."""
    if item.category != THEME:
        return item
    try:
        theme: Any = msgspec.json.decode(item.value, type=dict[str, str])
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        raise BadRequest("model.preference.is_valid.theme.app_error", "Invalid theme.") from None
    tidy = {key: value if key in _NOT_COLORS or _COLOR.fullmatch(value) else "#ffffff" for key, value in theme.items()}
    if tidy == theme:
        return item
    return Preference(item.user_id, item.category, item.name, msgspec.json.encode(tidy).decode())
