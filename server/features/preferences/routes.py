"""Routes of preferences."""

import re

from server.access.guards import self_or
from server.context import Context
from server.errors import BadRequest, NotFound, invalid_url
from server.features.preferences import queries, service
from server.features.preferences.models import Preference, Preferences
from server.http.router import LARGE_BODY, Router
from server.ids import Id

# What a category or a name must look like to be asked for by path; others are found in the list of all.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}[A-Za-z0-9]")

router = Router("preferences")


def _check_word(name: str, text: str) -> None:
    if not _WORD.fullmatch(text):
        raise invalid_url(name)


@router.get("/users/{user_id}/preferences", guard=self_or())
async def get_preferences(ctx: Context, user_id: Id) -> list[Preference]:
    """All preferences of a user."""
    return await queries.preferences_of(ctx.db, user_id)


@router.put("/users/{user_id}/preferences", guard=self_or(), body_limit=LARGE_BODY)
async def update_preferences(ctx: Context, user_id: Id, body: Preferences) -> None:
    """Set preferences of a user, at most 100 at once."""
    await service.save(ctx, user_id, body)


@router.post("/users/{user_id}/preferences/delete", guard=self_or(), body_limit=LARGE_BODY)
async def delete_preferences(ctx: Context, user_id: Id, body: Preferences) -> None:
    """Remove preferences of a user by category and name, at most 100 at once."""
    await service.delete(ctx, user_id, body)


@router.get("/users/{user_id}/preferences/{category}", guard=self_or())
async def get_preferences_by_category(ctx: Context, user_id: Id, category: str) -> list[Preference]:
    """The preferences of a user in one category."""
    _check_word("category", category)
    found = await queries.preferences_in(ctx.db, user_id, category)
    if not found:
        raise NotFound("api.preference.preferences_category.get.app_error", "There are no such preferences.")
    return found


@router.get("/users/{user_id}/preferences/{category}/name/{preference_name}", guard=self_or())
async def get_preferences_by_category_by_name(
    ctx: Context, user_id: Id, category: str, preference_name: str
) -> Preference:
    """One preference of a user."""
    _check_word("category", category)
    _check_word("preference_name", preference_name)
    found = await queries.preference(ctx.db, user_id, category, preference_name)
    if found is None:
        raise BadRequest("app.preference.get.app_error", "There is no such preference.")
    return found
