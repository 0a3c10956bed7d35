"""Daily use is served whole: no operation of it is missing, and none is answered without its feature."""

from server.app import ROUTERS
from server.features.system import empty_lists
from server.http.router import Route, RouteTree
from tests.contract.test_operations import place, public_operations, served_places

# What is true for every server of this kind: it has no plugins, and its product has no news to spread.
TRUTHFULLY_EMPTY = {"GET /api/v4/plugins/webapp", "GET /api/v4/system/notices/{}"}


def daily_operations() -> list[str]:
    """The operations that chat clients and bots use every day."""
    return [operation.place for operation in public_operations() if operation.tier == 1]


def placeholders() -> list[Route]:
    """Routes that answer for features that aren't there."""
    return [route for route in RouteTree(ROUTERS).routes if route.handler.__module__ == empty_lists.__name__]


def test_every_operation_of_daily_use_is_served() -> None:
    served = served_places()

    assert [operation for operation in daily_operations() if operation not in served] == []


def test_only_what_no_server_has_is_answered_empty() -> None:
    assert {place(route.method, route.path) for route in placeholders()} == TRUTHFULLY_EMPTY


def test_every_operation_of_daily_use_has_a_handler_of_its_own() -> None:
    daily = set(daily_operations())
    routes = [route for route in RouteTree(ROUTERS).routes if place(route.method, route.path) in daily]
    handlers = [route.handler for route in routes]

    assert len(routes) > 200
    assert len(set(handlers)) == len(handlers)
