"""The page at `/` and the OpenAPI document."""

from functools import cache
from html import escape
from pathlib import Path

import msgspec

from server import __version__
from server.access.guards import anyone
from server.config.client import VERSION
from server.context import Context
from server.errors import ApiError
from server.features.welcome.nodes import LivingNode, living_nodes
from server.http.openapi import openapi
from server.http.reply import Reply
from server.http.router import Router, RouteTree

router = Router("system")
page_router = Router("system", prefix="")

# Everything that the page needs is in it, so nothing else may be loaded or run.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Document:
    """The OpenAPI document as JSON, made at its first use."""

    def __init__(self, tree: RouteTree) -> None:
        self._tree = tree
        self._content = b""

    def content(self) -> bytes:
        """The document's bytes."""
        self._content = self._content or msgspec.json.encode(openapi(self._tree.routes, VERSION))
        return self._content


@router.get("/openapi.json", guard=anyone)
async def get_openapi(ctx: Context) -> Reply:
    """The description of all operations that this server has, as OpenAPI 3.1."""
    document: Document = ctx.part(Document)
    return Reply(content=document.content(), headers=(("Cache-Control", "no-cache"),))


@cache
def _template() -> str:
    return Path(__file__).with_name("page.html").read_text(encoding="utf-8")


@page_router.get("/", guard=anyone)
async def get_welcome_page(ctx: Context) -> Reply:
    """A page for people: that the server is up, its nodes, how to connect, and the API reference."""
    try:
        nodes = await living_nodes(ctx.db)
        state = "up"
    except ApiError:
        nodes, state = [], "up, but its database does not answer"
    rows = "".join(_row(node, ctx.services.node_id, ctx.now()) for node in nodes)
    values = {
        "state": state,
        "site_name": ctx.config.TeamSettings.SiteName,
        "version": __version__,
        "api_version": VERSION,
        "rows": rows or "<tr><td colspan=4>none known</td></tr>",
    }
    page = _template()
    for name, value in values.items():
        page = page.replace(f"{{{{{name}}}}}", value if name == "rows" else escape(value))
    headers = (
        ("Content-Security-Policy", _POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    )
    return Reply(content=page.encode(), media_type="text/html; charset=utf-8", headers=headers)


def _row(node: LivingNode, here: str, now: int) -> str:
    minutes = max(0, now - node.started_at) // 60_000
    days, hours = minutes // 1440, minutes // 60 % 24
    age = f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"
    cells = [node.id + (" (this one)" if node.id == here else ""), node.address, node.version, age]
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
