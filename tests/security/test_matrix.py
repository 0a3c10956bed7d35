"""Every operation asked by every role, about somebody else's things: who may is what matrix.txt says.

A failure prints the lines as they are now; each is a decision to be made before it goes into the table.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from server.app import ROUTERS
from server.http.router import Route, RouteTree
from tests.clients_of import Reply
from tests.contract.conformity import Conformity
from tests.make import Make
from tests.nodes import TestNode, forget_stored_settings
from tests.receiver import receiving
from tests.security.lines_of import OWN, PUBLIC, asked_of, names_of, parts_of_path
from tests.security.requests_of import SETTINGS
from tests.security.world import ROLES, World, build_world

TABLE = Path(__file__).parent / "matrix.txt"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(node: TestNode, make: Make) -> AsyncIterator[World]:
    """The team and its people."""
    async with receiving() as program:
        program.answer(json={})
        yield await build_world(node, make, program)


async def ask(world: World, route: Route, name: str, role: str) -> Reply:
    """Make the request of a line as a role, between what comes before and after."""
    asked = asked_of(name)
    for method, path, body in asked.before(world, role) if asked.before else ():
        assert (await world.admin.request(method, path, body)).status < 300
    world.made = await asked.maker(world, role) if asked.maker else {}
    parts = parts_of_path(world, role, public=name.endswith(PUBLIC), own=name.endswith(OWN))
    parts |= {key: value(world, role) for key, value in asked.path.items()} | world.made
    path = route.path.format(**parts)
    if asked.query:
        path += f"?{asked.query(world, role)}"
    body = asked.body(world, role) if asked.body else None
    caller = world.client(role)
    if asked.spare_session:
        caller = world.node.client(await world.spare_token_of(role))
    form = asked.form(world, role) if asked.form else {}
    reply = await caller.request(route.method, path_for(path), body, **form)
    if (asked.undo and reply.status < 300) or asked.before:
        for method, path, body in asked.undo(world, role) if asked.undo else ():
            await world.admin.request(method, path, body)
    if asked.ends_all and reply.status < 300:
        await world.sign_in_again()
    return reply


def path_for(path: str) -> str:
    """A whole path as the client takes it."""
    return path.removeprefix("/api/v4") if path.startswith("/api/v4") else f"/{path}"


def check(name: str, role: str, reply: Reply) -> None:
    """No failure, and refusals in API v4's form."""
    assert reply.status < 500, f"{name} as {role}: {reply}"
    if reply.status >= 400:
        assert reply.error_id, f"{name} as {role}: {reply}"
    if role == "nobody" and reply.status == 401:
        assert reply.error_id == "api.context.session_expired.app_error", f"{name}: {reply}"


@pytest.mark.timeout(240)
async def test_who_may_is_what_the_table_says(
    world: World, settings: Callable[..., None], two_nodes: tuple[TestNode, TestNode]
) -> None:
    settings(**SETTINGS)
    table = dict(line.split(": ", 1) for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    found: dict[str, str] = {}
    routes = RouteTree(ROUTERS).routes
    conformity, faults = Conformity(routes), []
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        for name in names_of(route):
            statuses = []
            for role in ROLES:
                reply = await ask(world, route, name, role)
                check(name, role, reply)
                statuses.append(str(reply.status))
                if fault := conformity.fault(route, reply):
                    faults.append(f"{name} as {role}: {fault}")
            found[name] = " ".join(statuses)

    await forget_stored_settings(two_nodes, world.admin)
    changed = [f"{name}: {statuses}" for name, statuses in found.items() if table.get(name) != statuses]
    gone = [name for name in table if name not in found]
    assert faults == [], "\n".join(["answers that the OpenAPI document does not know:", *faults])
    assert (changed, gone) == ([], []), "\n".join(["matrix.txt should say:", *changed])
