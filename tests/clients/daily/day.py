"""Three people of a team who use mattermostautodriver on two nodes, and a record of each operation that they called."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import mattermostautodriver
from mattermostautodriver.exceptions import NotEnoughPermissions

from tests.contract.test_operations import Operation, public_operations
from tests.make import PASSWORD

Json = Any


class Record:
    """Which operations of daily use were called and answered well."""

    def __init__(self) -> None:
        names = re.compile(r"\{[^}]*\}")
        self._patterns = [
            (operation, re.compile(names.sub("[^/]+", operation.path)))
            for operation in sorted(public_operations(), key=lambda operation: operation.path.count("{"))
            if operation.tier == 1
        ]
        self.called: set[Operation] = set()

    def note(self, response: httpx.Response) -> None:
        """A hook of the client's: an answer came. A handshake that is no WebSocket's has no good answer."""
        path = response.request.url.path
        if response.status_code >= 400:
            return
        for operation, pattern in self._patterns:
            if operation.method == response.request.method and pattern.fullmatch(path):
                self.called.add(operation)
                return

    def missing(self) -> list[str]:
        """The operations that nobody called yet."""
        return [
            f"{operation.method} {operation.path}" for operation, _ in self._patterns if operation not in self.called
        ]


class Someone:
    """A person with the published driver, whose methods are used wherever it has one."""

    def __init__(self, port: int, username: str, record: Record) -> None:
        self.username = username
        self.email = f"{username}@example.org"
        self.port = port
        options = {
            "url": "127.0.0.1",
            "port": port,
            "scheme": "http",
            "login_id": username,
            "password": PASSWORD,
        }
        self.driver = mattermostautodriver.TypedDriver(options)
        self.driver.client.client.event_hooks["response"].append(record.note)
        self.id = ""

    def sign_up(self) -> None:
        """Make the account and log in."""
        self.id = self.driver.users.create_user(self.email, self.username, password=PASSWORD)["id"]
        self.log_in()

    def log_in(self) -> None:
        """Start a session."""
        assert self.driver.login()["id"] == self.id

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """What the driver has no method for, or one that can't say what is needed: by its own connection."""
        headers = {"authorization": f"Bearer {self.driver.client.token}", **options.pop("headers", {})}
        url = f"http://127.0.0.1:{self.port}{path}"
        response: httpx.Response = self.driver.client.client.request(method, url, headers=headers, **options)
        assert response.status_code < 400, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response


class Day:
    """What a day is lived with: people, their team and its channel, a program outside, and the post."""

    def __init__(self, ports: list[int], program: str, next_mail: Callable[[str], str]) -> None:
        self.record = Record()
        self.admin = Someone(ports[0], "admin", self.record)
        self.ada = Someone(ports[0], "ada", self.record)
        self.bob = Someone(ports[1], "bob", self.record)
        self.program = program
        """The address of a program outside that answers."""
        self.next_mail = next_mail
        """Waits for the next mail to an address: its text."""
        self.team: Json = None
        self.town: Json = None
        self.ports = ports

    def begin(self) -> None:
        """Sign everybody up and let them meet."""
        self.admin.sign_up()
        self.ada.sign_up()
        self.bob.sign_up()
        self.team = self.ada.driver.teams.create_team("kitchen", "Kitchen", "O")
        member = self.ada.driver.teams.add_team_member(self.team["id"], self.bob.id)
        assert (member["team_id"], member["user_id"]) == (self.team["id"], self.bob.id)
        self.town = self.ada.driver.channels.create_channel(self.team["id"], "town", "Town", "O")
        member = self.ada.driver.channels.add_channel_member(self.town["id"], self.bob.id)
        assert (member["channel_id"], member["user_id"]) == (self.town["id"], self.bob.id)

    def close(self) -> None:
        """Close the connections."""
        for person in (self.admin, self.ada, self.bob):
            person.driver.close()


@contextmanager
def refused() -> Iterator[None]:
    """What is done in the block must be refused for want of a permission."""
    try:
        yield
    except NotEnoughPermissions:
        return
    raise AssertionError("this should have been refused")


def ids(things: list[Json]) -> list[str]:
    """The ids of a list."""
    return [thing["id"] for thing in things]
