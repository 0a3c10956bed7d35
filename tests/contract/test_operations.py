"""The public API, operation by operation: what is served, and that README says just that."""

import re
from collections import Counter
from pathlib import Path

from msgspec import Struct

from server.app import ROUTERS
from server.http.router import RouteTree

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"

_NAME = re.compile(r"\{[^}]*\}")


class Operation(Struct, frozen=True):
    """One operation of API v4. Names of path parameters don't count."""

    tier: int
    area: str
    method: str
    path: str

    @property
    def place(self) -> str:
        """Method and path without names."""
        return place(self.method, self.path)


def place(method: str, path: str) -> str:
    return f"{method} {_NAME.sub('{}', path)}"


def public_operations() -> list[Operation]:
    lines = (HERE / "operations.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    return [Operation(int(tier), area, method, path) for tier, area, method, path, _ in rows]


def served_places() -> set[str]:
    places = {place(route.method, route.path) for route in RouteTree(ROUTERS).routes}
    heads = {each.replace("GET ", "HEAD ", 1) for each in places if each.startswith("GET ")}
    return places | heads


def table() -> str:
    """README's table: for each area of daily use, how many of its operations are served."""
    served = served_places()
    total: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for operation in public_operations():
        area = operation.area if operation.tier == 1 else f"tier {operation.tier}"
        total[area] += 1
        done[area] += operation.place in served
    areas = sorted(area for area in total if not area.startswith("tier"))
    lines = ["| area | operations served |", "|---|---|"]
    lines += [f"| {area} | {done[area]} of {total[area]} |" for area in areas]
    everyday = sum(done[area] for area in areas), sum(total[area] for area in areas)
    lines.append(f"| **daily use, all areas** | **{everyday[0]} of {everyday[1]}** |")
    lines.append(f"| administration and integration | {done['tier 2']} of {total['tier 2']} |")
    lines.append(f"| commercial and vendor services | {done['tier 3']} of {total['tier 3']} |")
    return "\n".join(lines)


def test_the_table_in_the_readme_is_true() -> None:
    assert table() in README.read_text(encoding="utf-8"), f"the table should be:\n{table()}"


def test_the_list_of_the_public_api_is_whole() -> None:
    tiers = Counter(operation.tier for operation in public_operations())

    assert tiers == {1: 256, 2: 302, 3: 103}


def test_every_route_says_who_may() -> None:
    lines = sorted(f"{route.method} {route.path} · {route.guard.text}" for route in RouteTree(ROUTERS).routes)
    listed = (HERE / "routes.txt").read_text(encoding="utf-8").splitlines()

    added = [line for line in lines if line not in listed]
    gone = [line for line in listed if line not in lines]
    assert (added, gone) == ([], []), "tests/contract/routes.txt lists every route with its guard"
