"""Who takes part in threads, as readers are shown them."""

from collections.abc import Iterable, Mapping

from server.context import Context
from server.features.threads.models import OnlyId, Participant
from server.features.users.known import shown_by_id
from server.features.users.lookup import get_user
from server.features.users.visible import for_others


async def participants_for(ctx: Context, ids: Iterable[str], *, extended: bool) -> Mapping[str, Participant]:
    """Participants by id: whole users as the caller may see them, encoded, or only their ids."""
    wanted = dict.fromkeys(ids)
    if not extended or not wanted:
        return {user_id: OnlyId(user_id) for user_id in wanted}
    return await shown_by_id(ctx, wanted)


async def participants_for_all(ctx: Context, ids: Iterable[str]) -> list[Participant]:
    """Participants as everybody may see them, for events."""
    found: list[Participant] = []
    for user_id in ids:
        user = await get_user(ctx, user_id)
        found.append(for_others(user, ctx.config.PrivacySettings) if user is not None else OnlyId(user_id))
    return found
