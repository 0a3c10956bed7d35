"""People as this node remembers them: rows, and the JSON that lists show of them, which is made once."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

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
    show = await _view(ctx)
    known = await _known(ctx, ids)
    found = [known[user_id] for user_id in ids if user_id in known]
    if by_name:
        found.sort(key=lambda each: each.user.username)
    return [show(each) for each in found]


async def shown_by_id(ctx: Context, ids: Collection[str]) -> dict[str, Raw]:
    """The same by id."""
    show = await _view(ctx)
    return {user_id: show(each) for user_id, each in (await _known(ctx, ids)).items()}


async def shown_by_names(ctx: Context, usernames: Iterable[str], allowed: Collection[str] | None) -> list[Raw]:
    """Users by their exact names as `sanitized_many` shows them to the caller, encoded, by name.

    `allowed`: the ids of those whom the caller may know of, None for everyone. One statement, and none when all are
    known.
    """
    found: dict[str, Known] = {}
    missing: list[str] = []
    for name in usernames:
        known = ctx.cache.peek(("known_name", name), Known)
        if known is not None:
            found[name] = known
        else:
            missing.append(name)
    if missing:
        found |= await _known_by_names(ctx, missing)
    show = await _view(ctx)
    return [show(found[name]) for name in sorted(found) if allowed is None or found[name].user.id in allowed]


async def _known_by_names(ctx: Context, usernames: Sequence[str]) -> dict[str, Known]:
    owners: dict[Hashable, str] = {}

    async def load() -> dict[Hashable, Known]:
        loaded: dict[Hashable, Known] = {}
        for user in await queries.users_by_usernames(ctx.db, usernames):
            known = Known(user, {})
            for key in (("known_name", user.username), ("known_user", user.id)):
                owners[key] = user.id
                loaded[key] = known
        return loaded

    loaded = await ctx.cache.load_along(load, lambda key: (f"user:{owners[key]}",))
    return {each.user.username: each for each in loaded.values()}


async def _view(ctx: Context) -> Callable[[Known], Raw]:
    """Shows people as the caller sees them in lists."""
    private, privacy = await sees_private(ctx), ctx.config.PrivacySettings
    kind = (True,) if private else (privacy.ShowEmailAddress, privacy.ShowFullName)

    def show(known: Known) -> Raw:
        raw = known.shown.get(kind)
        if raw is None:
            user = for_admins(known.user) if private else for_others(known.user, privacy)
            raw = known.shown[kind] = Raw(_encode(user))
        return raw

    return show
