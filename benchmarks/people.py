"""People for benchmarks: the administrator, users with sessions, a team and channels, made over REST."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from benchmarks.rest import Connection

PASSWORD = "Bench-Passw0rd!"  # noqa: S105 - of made-up accounts
AT_ONCE = 4
BATCH = 100

T = TypeVar("T")
S = TypeVar("S")


class Person(Struct, frozen=True):
    """A user with a session."""

    id: str
    username: str
    token: str


class People:
    """Makes what a benchmark needs; everything is made by the administrator, the first user of the service."""

    def __init__(self, url: str, admin: Person) -> None:
        self.url = url
        self.admin = admin
        self._names = itertools.count(1)
        self._connections = [Connection(url) for _ in range(AT_ONCE)]

    @classmethod
    async def of(cls, url: str) -> "People":
        """Sign up the administrator of a new service."""
        return cls(url, await make_user(Connection(url), "admin", ""))

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the administrator is answered. RestError when refused."""
        return (await self._connections[0].call(method, path, self.admin.token, body)).json

    async def users(self, count: int) -> list[Person]:
        """New users; each costs two hashes of a password, some 50 ms of CPU."""
        names = [f"bench{number:05d}" for number in itertools.islice(self._names, count)]
        return await self._each(names, lambda connection, name: make_user(connection, name, self.admin.token))

    async def team(self, members: Sequence[Person]) -> str:
        """A team with these members; its id."""
        name = f"team{next(self._names)}"
        team = await self.ask("POST", "/teams", {"name": name, "display_name": name, "type": "O"})
        path = f"/teams/{team['id']}/members/batch"
        for at in range(0, len(members), BATCH):
            batch = [{"team_id": team["id"], "user_id": member.id} for member in members[at : at + BATCH]]
            await self.ask("POST", path, batch)
        return str(team["id"])

    async def channel(self, team_id: str, members: Sequence[Person], kind: str = "O") -> str:
        """A channel with these members, who are in the team; its id."""
        return (await self.channels(team_id, [members], kind))[0]

    async def channels(self, team_id: str, members: Iterable[Sequence[Person]], kind: str = "O") -> list[str]:
        """A channel for each group of members; their ids."""

        async def make(connection: Connection, group: Sequence[Person]) -> str:
            name = f"channel{next(self._names)}"
            body = {"team_id": team_id, "name": name, "display_name": name, "type": kind}
            channel = (await connection.call("POST", "/channels", self.admin.token, body)).json
            path = f"/channels/{channel['id']}/members"
            for at in range(0, len(group), BATCH):
                ids = [member.id for member in group[at : at + BATCH]]
                await connection.call("POST", path, self.admin.token, {"user_ids": ids})
            return str(channel["id"])

        return await self._each(list(members), make)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    async def _each(self, items: list[S], make: Callable[[Connection, S], Awaitable[T]]) -> list[T]:
        """Make something of each item, a few at once."""
        made: dict[int, T] = {}
        waiting = iter(enumerate(items))

        async def work(connection: Connection) -> None:
            for at, item in waiting:
                made[at] = await make(connection, item)

        await asyncio.gather(*(work(connection) for connection in self._connections))
        return [made[at] for at in range(len(items))]


async def make_user(connection: Connection, username: str, token: str) -> Person:
    """Sign a user up, with the token of an administrator or none, and in."""
    body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
    user = (await connection.call("POST", "/users", token, body)).json
    return await sign_in(connection, user["id"], username)


async def sign_in(connection: Connection, user_id: str, username: str, password: str = PASSWORD) -> Person:
    """A new session of a user."""
    answer = await connection.call("POST", "/users/login", "", {"login_id": username, "password": password})
    return Person(user_id, username, answer.headers[b"token"].decode())
