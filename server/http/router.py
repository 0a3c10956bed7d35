"""Routes: the signature of a handler is the contract of its operation, read once at import.

    router = Router("posts")

    @router.post("/posts", guard=signed_in, status=201)
    async def create_post(ctx: Context, body: NewPost, set_online: bool = True) -> Post: ...

Names of the path are its parts (`Id` is checked, "me" is the caller for {user_id}), `body` is decoded by its type,
`request` is the raw request for uploads, all else are query fields with their defaults. A handler returns
something that becomes JSON, None for {"status":"OK"}, or a Reply.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

from msgspec import Struct

from server.access.guards import Guard
from server.http.bodies import BodyDecoder
from server.http.params import Parse, path_parser, query_parser
from server.metrics import Times

Handler = Callable[..., Awaitable[Any]]

PREFIX = "/api/v4"
LARGE_BODY = 4 * 1024 * 1024
"""Bytes of a body that holds posts, preferences, categories or settings, whose own bounds are wider than most."""

_NAME = re.compile(r"\{([a-z_]+)\}")


class Query(Struct, frozen=True):
    """A query field of a handler."""

    name: str
    parse: Parse
    default: Any
    annotation: Any


class Route(Struct, kw_only=True, eq=False):
    """One operation: where it is, who may, what it takes and gives."""

    method: str
    path: str
    handler: Handler
    guard: Guard
    status: int
    area: str
    path_parsers: tuple[tuple[str, Parse], ...]
    """The names in the path, and how their values are read."""
    queries: tuple[Query, ...]
    body: BodyDecoder | None
    body_type: Any
    body_optional: bool
    takes_request: bool
    returns: Any
    body_limit: int
    """Bytes of its body, 0 for ServiceSettings.MaximumPayloadSizeBytes."""
    feature: str
    """A setting ("ServiceSettings.EnableCommands") that switches the route off: 501 then."""
    disabled_id: str
    form_too: bool
    """Whether the body may also be a form, since published clients send it so."""
    without_factor: bool
    """Open to users who lack the second factor that the settings ask for, as far as it is about themselves."""
    times: dict[int, Times] = {}
    """What answers of it took, by their status."""

    @property
    def operation(self) -> str:
        """Its name in OpenAPI."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """Its docstring: a sentence for users of the API."""
        return inspect.cleandoc(self.handler.__doc__ or "")


class Router:
    """The routes of one feature. Paths are below /api/v4 unless `prefix` says otherwise."""

    def __init__(self, area: str, prefix: str = PREFIX) -> None:
        self.area = area
        self.prefix = prefix
        self.routes: list[Route] = []

    def get(self, path: str, *, guard: Guard, **options: Any) -> Callable[[Handler], Handler]:
        """A route for GET (and HEAD)."""
        return self.route("GET", path, guard=guard, **options)

    def post(self, path: str, *, guard: Guard, **options: Any) -> Callable[[Handler], Handler]:
        """A route for POST."""
        return self.route("POST", path, guard=guard, **options)

    def put(self, path: str, *, guard: Guard, **options: Any) -> Callable[[Handler], Handler]:
        """A route for PUT."""
        return self.route("PUT", path, guard=guard, **options)

    def patch(self, path: str, *, guard: Guard, **options: Any) -> Callable[[Handler], Handler]:
        """A route for PATCH."""
        return self.route("PATCH", path, guard=guard, **options)

    def delete(self, path: str, *, guard: Guard, **options: Any) -> Callable[[Handler], Handler]:
        """A route for DELETE."""
        return self.route("DELETE", path, guard=guard, **options)

    def route(
        self,
        method: str,
        path: str,
        *,
        guard: Guard,
        status: int = 200,
        body_limit: int = 0,
        feature: str = "",
        disabled_id: str = "",
        form_too: bool = False,
        without_factor: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Register a handler; a signature that makes no sense raises TypeError at import."""

        def register(handler: Handler) -> Handler:
            self.routes.append(
                _read_signature(
                    handler,
                    method=method,
                    path=self.prefix + path,
                    guard=guard,
                    status=status,
                    area=self.area,
                    body_limit=body_limit,
                    feature=feature,
                    disabled_id=disabled_id,
                    form_too=form_too,
                    without_factor=without_factor,
                )
            )
            return handler

        return register


def _read_signature(handler: Handler, *, path: str, **options: Any) -> Route:
    hints = get_type_hints(handler, include_extras=True)
    names = _NAME.findall(path)
    parsers: dict[str, Parse] = {}
    queries: list[Query] = []
    body_type: Any = None
    body_optional = takes_request = False
    for position, parameter in enumerate(inspect.signature(handler).parameters.values()):
        name, annotation = parameter.name, hints.get(parameter.name)
        if position == 0:
            if name != "ctx":
                raise TypeError(f"{handler.__qualname__}: the first parameter is ctx")
        elif name in names:
            parsers[name] = path_parser(annotation)
        elif name == "body":
            body_type, body_optional = annotation, parameter.default is not inspect.Parameter.empty
        elif name == "request":
            takes_request = True
        elif parameter.default is inspect.Parameter.empty:
            queries.append(Query(name, query_parser(annotation), ..., annotation))
        else:
            queries.append(Query(name, query_parser(annotation), parameter.default, annotation))
    missing = set(names) - set(parsers)
    if missing:
        raise TypeError(f"{handler.__qualname__}: no parameter for {sorted(missing)}")
    if not handler.__doc__:
        raise TypeError(f"{handler.__qualname__}: a docstring is the operation's summary")
    return Route(
        path=path,
        handler=handler,
        path_parsers=tuple((name, parsers[name]) for name in names),
        queries=tuple(queries),
        body=BodyDecoder(body_type) if body_type is not None else None,
        body_type=body_type,
        body_optional=body_optional,
        takes_request=takes_request,
        returns=hints.get("return"),
        times={},
        **options,
    )


class _Node:
    __slots__ = ("any", "fixed", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.routes: dict[str, Route] = {}


class RouteTree:
    """All routes as a tree of path segments; fixed names win over parameters."""

    def __init__(self, routers: list[Router]) -> None:
        self._root = _Node()
        self.routes: list[Route] = []
        for router in routers:
            for route in router.routes:
                self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.fixed.setdefault(segment, _Node())
        if route.method in node.routes:
            raise TypeError(f"{route.method} {route.path} is there twice")
        node.routes[route.method] = route
        self.routes.append(route)

    def find(self, segments: list[str]) -> tuple[dict[str, Route], list[str]] | None:
        """The routes at a path by method, and the values of its parameters in order."""
        values: list[str] = []
        node = self._root
        for segment in segments:
            below = node.fixed.get(segment)
            if below is None:
                below = node.any
                values.append(segment)
                if below is None or not segment:
                    break
            node = below
        else:
            if node.routes:
                return node.routes, values
        return self._find_slowly(segments)

    def _find_slowly(self, segments: list[str]) -> tuple[dict[str, Route], list[str]] | None:
        """The same, where a fixed name may lead nowhere: then the segment is the value of a parameter."""
        values: list[str] = []
        node = self._walk(self._root, segments, 0, values)
        return (node.routes, values) if node is not None else None

    def _walk(self, node: _Node, segments: list[str], at: int, values: list[str]) -> _Node | None:
        if at == len(segments):
            return node if node.routes else None
        segment = segments[at]
        fixed = node.fixed.get(segment)
        if fixed is not None:
            found = self._walk(fixed, segments, at + 1, values)
            if found is not None:
                return found
        if node.any is not None and segment:
            values.append(segment)
            found = self._walk(node.any, segments, at + 1, values)
            if found is not None:
                return found
            values.pop()
        return None
