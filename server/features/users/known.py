"""People as this node remembers them: rows, and the JSON that lists show of them, which is made once."""

from collections.abc import Collection

import msgspec
from msgspec import Raw, Struct

from server.context import Context
from server.features.users import queries
from server.features.users.models import User
from server.features.users.visible import for_admins, for_others, sees_private

_encode = msgspec.json.Encoder().encode


class Known(Struct, frozen=True):
    """A user, and how it is shown to callers of each kind."""

    user: User
    shown: dict[tuple[bool, ...], Raw]


async def _known(ctx: Context, ids: Collection[str]) -> dict[str, Known]:
    async def load(missing: list[str]) -> dict[str, Known]:
        return {user.id: Known(user, {}) for user in await queries.users_by_ids(ctx.db, missing)}

    return await ctx.cache.get_many("known_user", "user", ids, load)


async def shown_in_lists(ctx: Context, ids: Collection[str], *, by_name: bool = False) -> list[Raw]:
    """Users as `sanitized_many` shows them to the caller, encoded; in the order of the ids, or by name.

    Unknown ids are left out. One statement, and none when all are known.
    """
    private, privacy = await sees_private(ctx), ctx.config.PrivacySettings
    kind = (True,) if private else (privacy.ShowEmailAddress, privacy.ShowFullName)
    known = await _known(ctx, ids)
    found = [known[user_id] for user_id in ids if user_id in known]
    if by_name:
        found.sort(key=lambda each: each.user.username)
    encoded: list[Raw] = []
    for each in found:
        raw = each.shown.get(kind)
        if raw is None:
            user = for_admins(each.user) if private else for_others(each.user, privacy)
            raw = each.shown[kind] = Raw(_encode(user))
        encoded.append(raw)
    return encoded
