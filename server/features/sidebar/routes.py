"""Routes of the sidebar."""

from typing import Annotated

from msgspec import Meta

from server.access.guards import all_of, on_team, self_or
from server.access.permissions import Permission
from server.context import Context
from server.features.sidebar import listeners, service
from server.features.sidebar.models import (
    MAX_CATEGORIES,
    CategoryBody,
    OrderedSidebarCategories,
    SidebarCategory,
)
from server.http.router import LARGE_BODY, Router
from server.ids import Id

router = Router("categories")

listeners.listen()

PATH = "/users/{user_id}/teams/{team_id}/channels/categories"
OWN = all_of(self_or(), on_team(Permission.VIEW_TEAM))


@router.get(PATH, guard=OWN)
async def get_sidebar_categories_for_team_for_user(ctx: Context, user_id: Id, team_id: Id) -> OrderedSidebarCategories:
    """A user's sidebar categories in a team, with their channels."""
    return await service.get_categories(ctx, user_id, team_id)


@router.post(PATH, guard=OWN, body_limit=LARGE_BODY)
async def create_sidebar_category_for_team_for_user(
    ctx: Context, user_id: Id, team_id: Id, body: CategoryBody
) -> SidebarCategory:
    """Create a sidebar category."""
    return await service.create_category(ctx, user_id, team_id, body)


@router.put(PATH, guard=OWN, body_limit=LARGE_BODY)
async def update_sidebar_categories_for_team_for_user(
    ctx: Context,
    user_id: Id,
    team_id: Id,
    body: Annotated[list[CategoryBody], Meta(max_length=MAX_CATEGORIES)],
) -> list[SidebarCategory]:
    """Change sidebar categories, and move channels between them."""
    return await service.update_categories(ctx, user_id, team_id, body)


@router.get(PATH + "/order", guard=OWN)
async def get_sidebar_category_order_for_team_for_user(ctx: Context, user_id: Id, team_id: Id) -> list[str]:
    """The ids of a user's sidebar categories, in order."""
    return (await service.get_categories(ctx, user_id, team_id)).order


@router.put(PATH + "/order", guard=OWN)
async def update_sidebar_category_order_for_team_for_user(
    ctx: Context, user_id: Id, team_id: Id, body: Annotated[list[str], Meta(max_length=2 * MAX_CATEGORIES)]
) -> list[str]:
    """Put the sidebar categories in order; each must be named once."""
    await service.set_order(ctx, user_id, team_id, body)
    return body


@router.get(PATH + "/{category_id}", guard=OWN)
async def get_sidebar_category_for_team_for_user(
    ctx: Context, user_id: Id, team_id: Id, category_id: str
) -> SidebarCategory:
    """A sidebar category with its channels."""
    return await service.get_category(ctx, user_id, team_id, category_id)


@router.put(PATH + "/{category_id}", guard=OWN, body_limit=LARGE_BODY)
async def update_sidebar_category_for_team_for_user(
    ctx: Context, user_id: Id, team_id: Id, category_id: str, body: CategoryBody
) -> SidebarCategory:
    """Change a sidebar category."""
    body.id = category_id
    return (await service.update_categories(ctx, user_id, team_id, [body]))[0]


@router.delete(PATH + "/{category_id}", guard=OWN)
async def remove_sidebar_category_for_team_for_user(ctx: Context, user_id: Id, team_id: Id, category_id: str) -> None:
    """Remove a sidebar category of the user's own."""
    await service.delete_category(ctx, user_id, team_id, category_id)
