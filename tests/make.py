"""Builds worlds in words: users, teams and channels, made over the API, with defaults for what a test isn't about."""

import itertools
from typing import Any, Protocol

from tests.clients_of import Client

PASSWORD = "Sup3rsecret!"


class Reaching(Protocol):
    """A node that can be spoken to."""

    def client(self, token: str = "") -> Client:
        """A REST client."""


class Person:
    """A user with a session."""

    def __init__(self, user: dict[str, Any], token: str) -> None:
        self.id: str = user["id"]
        self.username: str = user["username"]
        self.email: str = user["email"]
        self.token = token
        self.password = PASSWORD

    def __repr__(self) -> str:
        return f"<{self.username} {self.id}>"


class Thing:
    """A team or a channel as it was made."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.id: str = body["id"]
        self.name: str = body["name"]
        self.body = body

    def __repr__(self) -> str:
        return f"<{self.name} {self.id}>"


class Make:
    """Everything is made by the administrator unless `owner` says otherwise."""

    admin: Person

    def __init__(self, node: Reaching) -> None:
        self._node = node
        self._numbers = itertools.count(1)

    def _as(self, person: Person | None) -> Client:
        return self._node.client((person or self.admin).token)

    def name(self, word: str) -> str:
        """A name that nobody has yet."""
        return f"{word}{next(self._numbers)}"

    async def sign_up_admin(self) -> None:
        """The first user, who becomes the system administrator."""
        self.admin = await self.user("admin")

    async def user(self, word: str = "user", **fields: Any) -> Person:
        """A new user who is logged in."""
        username = self.name(word)
        body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD, **fields}
        user = (await self._node.client().post("/users", body)).ok(201)
        return await self.login(user)

    async def login(self, user: dict[str, Any]) -> Person:
        """A person with a new session of an existing user."""
        login = {"login_id": user["username"], "password": PASSWORD}
        reply = await self._node.client().post("/users/login", login)
        reply.ok()
        return Person(user, reply.headers["token"])

    async def users(self, count: int) -> list[Person]:
        """Several users."""
        return [await self.user() for _ in range(count)]

    async def team(
        self, members: list[Person] | tuple[Person, ...] = (), *, owner: Person | None = None, **fields: Any
    ) -> Thing:
        """A team with these members; the owner made it and is its administrator."""
        name = self.name("team")
        body = {"name": name, "display_name": name.title(), "type": "O", **fields}
        team = Thing((await self._as(owner).post("/teams", body)).ok(201))
        for member in members:
            if member is not owner:
                await self.join_team(team, member)
        return team

    async def join_team(self, team: Thing, person: Person) -> None:
        """The administrator adds someone to a team."""
        (await self._as(None).post(f"/teams/{team.id}/members", {"team_id": team.id, "user_id": person.id})).ok(201)

    async def channel(
        self,
        team: Thing,
        members: list[Person] | tuple[Person, ...] = (),
        *,
        owner: Person | None = None,
        archived: bool = False,
        **fields: Any,
    ) -> Thing:
        """A public channel (type="P": private) with these members, who must be in the team."""
        name = self.name("channel")
        body = {"team_id": team.id, "name": name, "display_name": name.title(), "type": "O", **fields}
        channel = Thing((await self._as(owner).post("/channels", body)).ok(201))
        for member in members:
            if member is not owner:
                await self.join_channel(channel, member)
        if archived:
            (await self._as(owner).delete(f"/channels/{channel.id}")).ok()
        return channel

    async def join_channel(self, channel: Thing, person: Person) -> None:
        """The administrator adds someone to a channel."""
        (await self._as(None).post(f"/channels/{channel.id}/members", {"user_id": person.id})).ok(201)

    async def direct(self, one: Person, other: Person) -> Thing:
        """The direct channel of two users, made by the first."""
        return Thing((await self._as(one).post("/channels/direct", [one.id, other.id])).ok(201))

    async def group(self, owner: Person, *others: Person) -> Thing:
        """A group channel, made by the first."""
        ids = [owner.id, *(other.id for other in others)]
        return Thing((await self._as(owner).post("/channels/group", ids)).ok(201))

    async def post(self, author: Person, channel: Thing, message: str = "hello", **fields: Any) -> dict[str, Any]:
        """A post."""
        body = {"channel_id": channel.id, "message": message, **fields}
        post: dict[str, Any] = (await self._as(author).post("/posts", body)).ok(201)
        return post
