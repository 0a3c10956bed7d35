"""Routes: found by a tree, and refused at import when their signature makes no sense."""

import pytest

from server.access.guards import anyone
from server.context import Context
from server.http.router import Router, RouteTree
from server.ids import Id


def make_router() -> Router:
    router = Router("tests")

    @router.get("/teams/{team_id}", guard=anyone)
    async def get_team(ctx: Context, team_id: Id) -> None:
        """A team."""

    @router.get("/teams/name/{name}", guard=anyone)
    async def get_team_by_name(ctx: Context, name: str) -> None:
        """A team by its name."""

    @router.get("/teams/{team_id}/members", guard=anyone)
    async def get_members(ctx: Context, team_id: Id) -> None:
        """Members."""

    return router


def found(path: str) -> tuple[str, list[str]] | None:
    match = RouteTree([make_router()]).find(path.strip("/").split("/"))
    return (match[0]["GET"].operation, match[1]) if match else None


def test_fixed_names_win_and_give_way_where_they_lead_nowhere() -> None:
    assert found("/api/v4/teams/abc") == ("get_team", ["abc"])
    assert found("/api/v4/teams/name/x") == ("get_team_by_name", ["x"])
    assert found("/api/v4/teams/name/members") == ("get_team_by_name", ["members"])
    assert found("/api/v4/teams/abc/members") == ("get_members", ["abc"])
    assert found("/api/v4/teams/name") == ("get_team", ["name"])
    assert found("/api/v4/teams") is None
    assert found("/api/v4/teams//members") is None


def test_the_same_route_twice_is_refused() -> None:
    with pytest.raises(TypeError, match="twice"):
        RouteTree([make_router(), make_router()])


def test_a_route_without_a_summary_is_refused() -> None:
    router = Router("tests")

    async def silent(ctx: Context) -> None: ...

    with pytest.raises(TypeError, match="docstring"):
        router.get("/silent", guard=anyone)(silent)


def test_a_route_that_forgets_a_part_of_its_path_is_refused() -> None:
    router = Router("tests")

    async def forgetful(ctx: Context) -> None:
        """Forgets."""

    with pytest.raises(TypeError, match="team_id"):
        router.get("/teams/{team_id}", guard=anyone)(forgetful)
