"""Forgets who is called by replies when a user changes how threads are shown."""

from collections.abc import Sequence

from server.context import Change, Context
from server.features.preferences.models import Preference
from server.features.preferences.service import DELETED, SAVED
from server.features.threads.collapsed import CATEGORY, NAME
from server.features.users.queries import channel_ids_of


async def preferences_changed(ctx: Context, tx: Change, user_id: str, preferences: Sequence[Preference]) -> None:
    """Threads are collapsed for a user from now on, or no longer."""
    if any((item.category, item.name) == (CATEGORY, NAME) for item in preferences):
        tx.invalidate(*(f"mentions:{channel_id}" for channel_id in await channel_ids_of(tx, user_id)))


def listen() -> None:
    """Hear of preferences from now on; a second call changes nothing."""
    for listeners in (SAVED.setdefault(CATEGORY, []), DELETED):
        if preferences_changed not in listeners:
            listeners.append(preferences_changed)
