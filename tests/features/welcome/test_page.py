"""The page at `/` and the OpenAPI document."""

import re
from collections.abc import Callable
from typing import Any

from server import __version__
from server.app import ROUTERS
from server.features.welcome.nodes import BEAT_SECONDS, living_nodes
from server.http.router import RouteTree
from server.ids import now_ms
from tests.clients_of import Client
from tests.nodes import TestNode


async def test_the_page_shows_all_nodes_and_their_versions(
    client: Callable[..., Client], two_nodes: tuple[TestNode, TestNode]
) -> None:
    page = await client().get("//")

    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for each in two_nodes:
        assert each.services.node_id in page.text
    assert f"{two_nodes[0].services.node_id} (this one)" in page.text
    assert f"<td>{__version__}</td>" in page.text
    assert "{{" not in page.text.replace("{user_id}", "")


async def test_the_page_loads_nothing_from_elsewhere(client: Callable[..., Client]) -> None:
    page = await client().get("//")

    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert re.findall(r"""(?:src|href)=["']?(\S+?)["' >]""", page.text) == ["/api/v4/openapi.json"]


async def test_a_name_can_not_bring_markup(client: Callable[..., Client], settings: Callable[..., None]) -> None:
    settings(TeamSettings={"SiteName": "<script>x</script>"})

    page = await client().get("//")

    assert "<script>x" not in page.text
    assert "&lt;script&gt;x" in page.text


async def test_a_node_that_fell_silent_is_left_out(node: TestNode) -> None:
    db = node.services.db
    silent = now_ms() - int(BEAT_SECONDS * 4000)
    connection = await db.connect()
    try:
        await connection.execute("INSERT INTO nodes VALUES ('silent', '', '', $1, $1)", silent)
        ids = [each.id for each in await living_nodes(db)]
        await connection.execute("DELETE FROM nodes WHERE id = 'silent'")
    finally:
        await connection.close()

    assert node.services.node_id in ids
    assert "silent" not in ids


async def test_the_document_has_every_route(client: Callable[..., Client]) -> None:
    document: dict[str, Any] = (await client().get("/openapi.json")).ok()

    served = {(route.path, route.method.lower()) for route in RouteTree(ROUTERS).routes}
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == served
    create = document["paths"]["/api/v4/posts"]["post"]
    assert create["security"] == [{"token": []}]
    assert "201" in create["responses"]
    assert "security" not in document["paths"]["/api/v4/users/login"]["post"]
