"""Whatever a client sends that fits the OpenAPI document, or just misses it: no answer is a failure of the server.

All operations that are served are in the document, and answers are such as it says.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test

from server.app import ROUTERS
from server.config.client import VERSION
from server.engines.redis import Redis
from server.http.openapi import openapi
from server.http.router import RouteTree
from tests.cli.running import request
from tests.engines import Databases
from tests.make import PASSWORD
from tests.processes import NodeProcess
from tests.waiting import PATIENCE

EXAMPLES = 4

ROUTES = RouteTree(ROUTERS).routes
OPERATIONS = [(route.method, route.path) for route in ROUTES]

schema = schemathesis.openapi.from_dict(openapi(ROUTES, VERSION))


ROLES = ("admin", "member", "admin", "")
"""Who sends the examples of an operation, in turn: the first finds most of what is behind it; "" has no login."""


class Visitor:
    """A node of its own with accounts; they log in again when an example has ended their session."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self._session = requests.Session()
        self._ids = {name: self._sign_up(name) for name in ("admin", "member")}
        self._tokens: dict[str, str] = {}
        self._turns: Counter[str] = Counter()
        team = {"name": "visitors", "display_name": "Visitors", "type": "O"}
        made = self._post("admin", "/teams", team)
        self._post("admin", f"/teams/{made['id']}/members", {"team_id": made["id"], "user_id": self._ids["member"]})

    def _sign_up(self, name: str) -> str:
        account = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        return str(request(self.node.port, "POST", "/users", account)[1]["id"])

    def _post(self, role: str, path: str, body: object) -> Any:
        status, made, _ = request(self.node.port, "POST", path, body, self._token(role))
        assert status == 201, made
        return made

    def _token(self, role: str) -> str:
        if role and not self._tokens.get(role):
            login = {"id": self._ids[role], "password": PASSWORD}
            self._tokens[role] = request(self.node.port, "POST", "/users/login", login)[2]["token"]
        return self._tokens.get(role, "")

    def send(self, case: schemathesis.Case[Any]) -> schemathesis.Response:
        """Call the operation as the next of the roles."""
        role = ROLES[self._turns[case.operation.label] % len(ROLES)]
        self._turns[case.operation.label] += 1
        token = self._token(role)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = case.call(base_url=self.node.url, headers=headers, session=self._session, timeout=PATIENCE)
        if answer.status_code == 401:
            self._tokens[role] = ""
        return answer


@pytest.fixture(scope="module")
def visitor(databases: Databases, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """The people of a node of its own, so that what the examples break is nobody else's."""
    log: Path = tmp_path_factory.mktemp("any_input") / "node.log"
    node = NodeProcess(databases.fresh(), f"{redis_server.url}?db=5", log)
    try:
        node.wait_until_up()
        yield Visitor(node)
    finally:
        node.stop()


def test_every_operation_is_asked() -> None:
    found = cast(list[Ok[Any]], list(schema.get_all_operations()))

    assert sorted(each.ok().label for each in found) == sorted(f"{method} {path}" for method, path in OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_no_input_is_answered_with_a_failure(method: str, path: str, visitor: Visitor) -> None:
    """As `schema.parametrize()` does it, but that makes the examples of all operations before the first test.

    Each of the processes that run the tests did so, and then asked about its own share of them.
    """
    ask = build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=no_input_is_answered_with_a_failure,
        given_kwargs={},
        feedback=FeedbackSources(),
    )

    ask(visitor=visitor)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def no_input_is_answered_with_a_failure(case: schemathesis.Case[Any], visitor: Visitor) -> None:
    answer = visitor.send(case)

    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    (request_id,) = answer.headers["x-request-id"]
    if not 300 <= answer.status_code < 400:
        case.operation.validate_response(answer)
    if answer.status_code >= 400:
        body = answer.json()
        assert body["status_code"] == answer.status_code
        assert body["id"]
        assert body["message"]
        assert body["request_id"] == request_id
