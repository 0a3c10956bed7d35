"""The sidebar of a user in a team: reading it, and changing categories, their channels and their order."""

import re
from collections.abc import Iterable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from server.context import Change, Context
from server.errors import BadRequest, NotFound, invalid_body, invalid_url
from server.features.channels.role_service import set_muted
from server.features.preferences.models import Preference
from server.features.preferences.service import FAVORITE_CHANNEL, put, take
from server.features.sidebar import queries
from server.features.sidebar.events import (
    SidebarCategoryCreated,
    SidebarCategoryDeleted,
    SidebarCategoryOrderUpdated,
    SidebarCategoryUpdated,
)
from server.features.sidebar.models import (
    CUSTOM,
    DIRECT_MESSAGES,
    FAVORITES,
    MAX_CATEGORIES,
    MAX_DISPLAY_NAME,
    CategoryBody,
    OrderedSidebarCategories,
    Placed,
    SidebarCategory,
)
from server.ids import is_id, new_id

REFUSAL = "app.channel.sidebar_categories.app_error"

_DEFAULT_ID = re.compile(r"(favorites|channels|direct_messages)_[A-Za-z0-9]{26}_[A-Za-z0-9]{26}")


def check_id(category_id: str) -> None:
    """Refuse what no category can be called."""
    if not is_id(category_id) and not _DEFAULT_ID.fullmatch(category_id):
        raise invalid_url("category_id")


async def get_categories(ctx: Context, user_id: str, team_id: str) -> OrderedSidebarCategories:
    """All categories with their channels; the default ones are made when they are first asked for."""
    categories = await queries.categories_in(ctx.db, user_id, team_id)
    if not categories:
        await _make_defaults(ctx, user_id, team_id)
        categories = await queries.categories_in(ctx.db, user_id, team_id)
    _fill(categories, await queries.placed_in(ctx.db, user_id, team_id))
    return OrderedSidebarCategories(categories, [category.id for category in categories])


async def get_category(ctx: Context, user_id: str, team_id: str, category_id: str) -> SidebarCategory:
    """One category with its channels; raises NotFound."""
    check_id(category_id)
    return _find((await get_categories(ctx, user_id, team_id)).categories, category_id)


async def _make_defaults(ctx: Context, user_id: str, team_id: str) -> None:
    async with ctx.begin() as tx:
        await queries.insert_defaults(tx, user_id, team_id)


def _fill(categories: Sequence[SidebarCategory], placed: Iterable[Placed]) -> None:
    by_id = {category.id: category for category in categories}
    by_type = {category.type: category for category in categories if category.type != CUSTOM}
    for category in categories:
        category.channel_ids = []
    for channel in placed:
        category_or_none = by_id.get(channel.category_id) or by_type.get(channel.home)
        if category_or_none is not None:
            category_or_none.channel_ids.append(channel.channel_id)


def _find(categories: Iterable[SidebarCategory], category_id: str) -> SidebarCategory:
    for category in categories:
        if category.id == category_id:
            return category
    raise NotFound(REFUSAL, "There is no such category.")


async def _locked(ctx: Context, tx: Change, user_id: str, team_id: str) -> list[SidebarCategory]:
    """All categories with their channels, kept from other changes."""
    categories = await queries.lock_categories(tx, user_id, team_id)
    if not categories:
        await queries.insert_defaults(tx, user_id, team_id)
        categories = await queries.lock_categories(tx, user_id, team_id)
    if not categories:
        raise NotFound("app.team.get_member.missing.app_error", "The user is not in this team.")
    _fill(categories, await queries.placed_in(tx, user_id, team_id))
    return categories


def _check_owner(user_id: str, team_id: str, body: CategoryBody) -> None:
    if body.user_id not in ("", "me", user_id) or body.team_id not in ("", team_id):
        raise invalid_body("category")


async def create_category(ctx: Context, user_id: str, team_id: str, body: CategoryBody) -> SidebarCategory:
    """Make a category behind the favorites, and put channels into it."""
    _check_owner(user_id, team_id, body)
    async with ctx.begin() as tx:
        before = await _locked(ctx, tx, user_id, team_id)
        if len(before) >= MAX_CATEGORIES:
            raise BadRequest(REFUSAL, f"There can be {MAX_CATEGORIES} categories at most.")
        blank = SidebarCategory(new_id(), user_id, team_id, 0, "", CUSTOM, "", False, False, [])
        wanted = _changed(blank, body)
        _check_display_name(wanted.display_name)
        await queries.insert_category(tx, wanted)
        await _place(tx, wanted, body, before)
        order = [category.id for category in before]
        order.insert(1 if before[0].type == FAVORITES else 0, wanted.id)
        await queries.set_order(tx, order)
        after = await _after(ctx, tx, user_id, team_id, before)
        tx.publish(SidebarCategoryCreated(user_id=user_id, team_id=team_id, category_id=wanted.id))
    return _find(after, wanted.id)


async def update_categories(
    ctx: Context, user_id: str, team_id: str, bodies: Sequence[CategoryBody]
) -> list[SidebarCategory]:
    """Change categories and move channels between them; the changed ones, in the order of the bodies."""
    for body in bodies:
        _check_owner(user_id, team_id, body)
        check_id(body.id)
    async with ctx.begin() as tx:
        before = await _locked(ctx, tx, user_id, team_id)
        for body in bodies:
            old = _find(before, body.id)
            wanted = _changed(old, body)
            if wanted.type == CUSTOM:
                _check_display_name(wanted.display_name)
            await queries.update_category(tx, wanted)
            await _place(tx, wanted, body, before)
        after = await _after(ctx, tx, user_id, team_id, before)
        changed = [_find(after, category_id) for category_id in dict.fromkeys(body.id for body in bodies)]
        tx.publish(SidebarCategoryUpdated(user_id=user_id, team_id=team_id, categories=changed))
    return changed


def _changed(old: SidebarCategory, body: CategoryBody) -> SidebarCategory:
    """The names of default categories stay, and direct messages can't be muted as a whole."""
    names = ["sorting", "collapsed"]
    names += ["display_name"] * (old.type == CUSTOM) + ["muted"] * (old.type != DIRECT_MESSAGES)
    changes = {name: getattr(body, name) for name in names if getattr(body, name) is not UNSET}
    return replace(old, **changes)


def _check_display_name(display_name: str) -> None:
    if not display_name.strip() or len(display_name) > MAX_DISPLAY_NAME:
        raise invalid_body("display_name")


async def _place(tx: Change, category: SidebarCategory, body: CategoryBody, before: Iterable[SidebarCategory]) -> None:
    """Put those of the body's channels into a category that the user has in this sidebar."""
    if not isinstance(body.channel_ids, list):
        return
    own = {channel_id for shown in before for channel_id in shown.channel_ids}
    await queries.place_channels(tx, category, [id_ for id_ in dict.fromkeys(body.channel_ids) if id_ in own])


async def _after(
    ctx: Context, tx: Change, user_id: str, team_id: str, before: Sequence[SidebarCategory]
) -> list[SidebarCategory]:
    """The categories as they are now, with favorites and muted channels brought in line with them."""
    after = await queries.categories_in(tx, user_id, team_id)
    _fill(after, await queries.placed_in(tx, user_id, team_id))
    old, new = _favorites(before), _favorites(after)
    added = [_favorite(user_id, channel_id) for channel_id in sorted(new - old)]
    removed = [_favorite(user_id, channel_id) for channel_id in sorted(old - new)]
    if added:
        await put(ctx, tx, user_id, added)
    if removed:
        await take(ctx, tx, user_id, removed)
    await mirror(ctx, tx, user_id, sorted(new - old), sorted(old - new))
    was, now = _muted(before), _muted(after)
    for muted in (True, False):
        moved = [channel_id for channel_id, value in now.items() if value is muted and was.get(channel_id) is not muted]
        if moved:
            await set_muted(ctx, tx, user_id, moved, muted)
    return after


def _favorites(categories: Iterable[SidebarCategory]) -> set[str]:
    return {channel_id for category in categories if category.type == FAVORITES for channel_id in category.channel_ids}


def _favorite(user_id: str, channel_id: str) -> Preference:
    return Preference(user_id, FAVORITE_CHANNEL, channel_id, "true")


def _muted(categories: Iterable[SidebarCategory]) -> dict[str, bool]:
    return {channel_id: category.muted for category in categories for channel_id in category.channel_ids}


async def delete_category(ctx: Context, user_id: str, team_id: str, category_id: str) -> None:
    """Remove a category of the user's own; its channels go back to where they came from."""
    check_id(category_id)
    async with ctx.begin() as tx:
        category = _find(await _locked(ctx, tx, user_id, team_id), category_id)
        if category.type != CUSTOM:
            raise BadRequest(REFUSAL, "This category can't be removed.")
        await queries.delete_category(tx, category_id)
        tx.publish(SidebarCategoryDeleted(user_id=user_id, team_id=team_id, category_id=category_id))


async def set_order(ctx: Context, user_id: str, team_id: str, order: Sequence[str]) -> None:
    """Show the categories in this order, which must name each of them once."""
    async with ctx.begin() as tx:
        categories = await _locked(ctx, tx, user_id, team_id)
        if sorted(order) != sorted(category.id for category in categories):
            raise BadRequest(REFUSAL, "The order must name every category once.")
        await queries.set_order(tx, order)
        tx.publish(SidebarCategoryOrderUpdated(user_id=user_id, team_id=team_id, order=list(order)))


async def mirror(ctx: Context, tx: Change, user_id: str, favorites: Sequence[str], others: Sequence[str]) -> None:
    """Preferences made channels favorites, or not: show them there."""
    moved = await queries.add_favorites(tx, user_id, favorites) if favorites else 0
    moved += await queries.remove_favorites(tx, user_id, others) if others else 0
    if moved:
        tx.publish(SidebarCategoryUpdated(user_id=user_id, team_id=""))
