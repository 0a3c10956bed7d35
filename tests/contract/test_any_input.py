"""Whatever a client sends that fits the OpenAPI document, or just misses it: no answer is a failure of the server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from server.app import ROUTERS
from server.config.client import VERSION
from server.engines.redis import Redis
from server.http.openapi import openapi
from server.http.router import RouteTree
from tests.engines import Databases
from tests.make import PASSWORD
from tests.processes import NodeProcess

EXAMPLES = 4

schema = schemathesis.openapi.from_dict(openapi(RouteTree(ROUTERS).routes, VERSION))


class Visitor:
    """A node of its own and an administrator's session; logs in again when an example has ended the session."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        account = {"username": "visitor", "email": "visitor@example.org", "password": PASSWORD}
        self._user_id = httpx.post(f"{node.url}/api/v4/users", json=account).json()["id"]
        self._session = requests.Session()
        self.token = ""

    def send(self, case: schemathesis.Case[Any]) -> schemathesis.Response:
        """Call the operation as the administrator."""
        if not self.token:
            reply = httpx.post(f"{self.node.url}/api/v4/users/login", json={"id": self._user_id, "password": PASSWORD})
            self.token = reply.headers["token"]
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = case.call(base_url=self.node.url, headers=headers, session=self._session)
        if answer.status_code == 401:
            self.token = ""
        return answer


@pytest.fixture(scope="module")
def visitor(databases: Databases, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """An administrator of a node of its own, so that what the examples break is nobody else's."""
    log: Path = tmp_path_factory.mktemp("any_input") / "node.log"
    node = NodeProcess(databases.fresh(), f"{redis_server.url}?db=5", log)
    try:
        node.wait_until_up()
        yield Visitor(node)
    finally:
        node.stop()


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_input_is_answered_with_a_failure(case: schemathesis.Case[Any], visitor: Visitor) -> None:
    answer = visitor.send(case)

    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    (request_id,) = answer.headers["x-request-id"]
    if answer.status_code >= 400:
        body = answer.json()
        assert body["status_code"] == answer.status_code
        assert body["id"]
        assert body["message"]
        assert body["request_id"] == request_id
