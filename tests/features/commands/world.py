"""A small world for tests of slash commands, and the types of the fixtures that they use."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tests.clients_of import Client, Received, Reply, Socket
from tests.make import Make, Person, Thing

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
Json = dict[str, Any]


class World(Struct):
    """Ada administers a team in which Bob is a member; both are in a channel, Eve is in the team only."""

    ada: Person
    bob: Person
    eve: Person
    team: Thing
    town: Thing
    client: Clients

    async def command(self, url: str = "http://example.org/x", person: Person | None = None, **fields: Any) -> Json:
        """A command of Ada's that posts to an address."""
        body = {"team_id": self.team.id, "trigger": "deploy", "method": "P", "url": url, **fields}
        command: Json = (await self.client(person or self.ada).post("/commands", body)).ok(201)
        return command

    async def run(self, person: Person, line: str, channel: Thing | None = None, node: int = 0, **fields: Any) -> Reply:
        """Someone runs a line in the town, or in another channel."""
        body = {"channel_id": (channel or self.town).id, "command": line, **fields}
        return await self.client(person, node=node).post("/commands/execute", body)

    async def done(self, person: Person, line: str, channel: Thing | None = None, **fields: Any) -> Json:
        """The answer to a line that is carried out, or refused in words."""
        answer: Json = (await self.run(person, line, channel, **fields)).ok()
        return answer

    async def posts(self, channel: Thing | None = None, person: Person | None = None) -> list[Json]:
        """The posts of people and programs in a channel, newest first."""
        listed = (await self.client(person or self.ada).get(f"/channels/{(channel or self.town).id}/posts")).ok()
        posts = [listed["posts"][post_id] for post_id in listed["order"]]
        return [post for post in posts if not post["type"].startswith("system_")]

    async def guest(self, make: Make, *channels: Thing) -> Person:
        """A guest in the team and in these channels only."""
        gus = await make.user("guest")
        (await self.client(make.admin).put(f"/users/{gus.id}/roles", {"roles": "system_guest"})).ok()
        await make.join_team(self.team, gus)
        for channel in channels:
            await make.join_channel(channel, gus)
        return gus


def said(events: list[Received]) -> list[str]:
    """The texts that a user was shown alone."""
    return [event.data["post"]["message"] for event in events if event.name == "ephemeral_message"]


async def heard(events: Socket) -> list[str]:
    """The texts that a user was shown alone until now."""
    return said(await events.until_now())
