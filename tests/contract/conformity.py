"""Whether an answer is what the OpenAPI document says that an operation answers."""

import json
from typing import Any

import jsonschema_rs

from server.config.client import VERSION
from server.http.openapi import openapi
from server.http.router import Route
from tests.clients_of import Reply

JSON = "application/json"


class Conformity:
    """Knows the document of some routes."""

    def __init__(self, routes: list[Route]) -> None:
        self._document = openapi(routes, VERSION)
        self._validators: dict[tuple[str, str, str], Any] = {}

    def fault(self, route: Route, reply: Reply) -> str:
        """What of an answer the document does not allow, "" for nothing. Redirections and 304 say nothing."""
        if 300 <= reply.status < 400:
            return ""
        responses = self._document["paths"][route.path][route.method.lower()]["responses"]
        status = str(reply.status) if reply.status < 300 else "default"
        if status not in responses:
            return f"{status} is not declared"
        content = responses[status]["content"]
        if JSON not in content:
            return ""
        if reply.headers.get("content-type") != JSON:
            return f"the content type is {reply.headers.get('content-type')}"
        return self._fault_of((route.path, route.method, status), content[JSON]["schema"], json.loads(reply.content))

    def _fault_of(self, place: tuple[str, str, str], schema: dict[str, Any], value: object) -> str:
        validator = self._validators.get(place)
        if validator is None:
            whole = {**schema, "components": self._document["components"]}
            validator = self._validators[place] = jsonschema_rs.validator_for(whole)
        return "; ".join(f"{error.instance_path}: {error.message[:300]}" for error in validator.iter_errors(value))
