"""Keeps the favorites of the sidebar in step with the preference favorite_channel."""

from collections.abc import Sequence

from server.context import Change, Context
from server.features.preferences.models import Preference
from server.features.preferences.service import DELETED, FAVORITE_CHANNEL, SAVED
from server.features.sidebar.service import mirror


async def preferences_saved(ctx: Context, tx: Change, user_id: str, preferences: Sequence[Preference]) -> None:
    """A channel became a favorite, or is none any more."""
    about = [item for item in preferences if item.category == FAVORITE_CHANNEL]
    if about:
        favorites = [item.name for item in about if item.value == "true"]
        await mirror(ctx, tx, user_id, favorites, [item.name for item in about if item.value != "true"])


async def preferences_deleted(ctx: Context, tx: Change, user_id: str, preferences: Sequence[Preference]) -> None:
    """A channel is no favorite any more."""
    others = [item.name for item in preferences if item.category == FAVORITE_CHANNEL]
    if others:
        await mirror(ctx, tx, user_id, [], others)


def listen() -> None:
    """Hear of preferences from now on; a second call changes nothing."""
    for listeners, listener in (
        (SAVED.setdefault(FAVORITE_CHANNEL, []), preferences_saved),
        (DELETED, preferences_deleted),
    ):
        if listener not in listeners:
            listeners.append(listener)
