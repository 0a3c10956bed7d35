"""The OpenAPI document, made from the routes: what a handler's signature says is what the document says."""

import re
from functools import reduce
from operator import or_
from types import NoneType
from typing import Any, get_args

import msgspec
from msgspec import Struct

from server.http.reply import Reply
from server.http.router import Route

_REF = "#/components/schemas/{name}"
_NAME = re.compile(r"\{([a-z_]+)\}")


class StatusOK(Struct):
    """What an operation answers that has nothing else to say."""

    status: str = "OK"


class ErrorBody(Struct):
    """Every refusal: `id` is for programs, `message` for people."""

    id: str
    message: str
    detailed_error: str
    request_id: str
    status_code: int


def openapi(routes: list[Route], version: str) -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    types = _types(routes)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF, schema_hook=_anything)
    by_type = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hubbub",
            "version": version,
            "description": "Team messaging that speaks the Mattermost API v4.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": area} for area in sorted({route.area for route in routes})],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _anything(kind: Any) -> dict[str, Any]:
    """The schema of what msgspec has none for: `object` is any JSON."""
    return {"description": "Any JSON."}


def _key(kind: Any) -> str:
    return repr(kind)


def _types(routes: list[Route]) -> list[Any]:
    found: dict[str, Any] = {}
    for kind in [StatusOK, ErrorBody, *(kind for route in routes for kind in _own_types(route))]:
        found.setdefault(_key(kind), kind)
    return list(found.values())


def _own_types(route: Route) -> list[Any]:
    kinds = [query.annotation for query in route.queries]
    if route.body_type is not None:
        kinds.append(route.body_type)
    if _is_json(_returned(route)):
        kinds.append(_returned(route))
    return kinds


def _returned(route: Route) -> Any:
    """What a handler gives when all is well: `Thing` of `Thing | Reply`, whose Reply is for other statuses.

    Also of `Thing | None`, where None is answered as by those that return nothing.
    """
    options = get_args(route.returns)
    if Reply not in options and NoneType not in options:
        return route.returns
    return reduce(or_, [kind for kind in options if kind not in (Reply, NoneType)])


def _is_json(kind: Any) -> bool:
    return kind is not None and kind is not NoneType and kind is not Reply


def _operation(route: Route, by_type: dict[str, Any]) -> dict[str, Any]:
    lines = route.summary.split("\n\n", 1)
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [route.area],
        "summary": " ".join(lines[0].split()),
        "description": f"Who may: {route.guard.text}." + (f"\n\n{lines[1]}" if len(lines) > 1 else ""),
        "parameters": [*_path_parameters(route), *_query_parameters(route, by_type)],
        "responses": _responses(route, by_type),
    }
    if not route.guard.public:
        operation["security"] = [{"token": []}]
    if route.body_type is not None:
        content = {"application/json": {"schema": by_type[_key(route.body_type)]}}
        operation["requestBody"] = {"required": not route.body_optional, "content": content}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAME.findall(route.path)
    ]


def _query_parameters(route: Route, by_type: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = []
    for query in route.queries:
        schema = dict(by_type[_key(query.annotation)])
        required = query.default is ...
        if not required and query.default is not None:
            schema["default"] = query.default
        parameters.append({"name": query.name, "in": "query", "required": required, "schema": schema})
    return parameters


def _responses(route: Route, by_type: dict[str, Any]) -> dict[str, Any]:
    if route.returns is Reply:
        content: dict[str, Any] = {"*/*": {}}
    else:
        kind = _returned(route) if _is_json(_returned(route)) else StatusOK
        schema = by_type[_key(kind)]
        if NoneType in get_args(route.returns):
            schema = {"anyOf": [schema, by_type[_key(StatusOK)]]}
        content = {"application/json": {"schema": schema}}
    error = {"application/json": {"schema": {"$ref": _REF.format(name="ErrorBody")}}}
    return {
        str(route.status): {"description": "Done", "content": content},
        "default": {"description": "Refused", "content": error},
    }
