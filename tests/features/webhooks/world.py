"""A small world for tests of webhooks, and the types of the fixtures that they use."""

import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tests.clients_of import Client, Reply
from tests.make import Person, Thing

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
Json = dict[str, Any]

URL = "https://robot.example.org/called"


class World(Struct):
    """Ada administers a team in which Bob is a member; both are in a channel, Eve is in the team only."""

    ada: Person
    bob: Person
    eve: Person
    team: Thing
    town: Thing
    client: Clients

    async def hook(self, channel: Thing | None = None, person: Person | None = None, **fields: Any) -> Json:
        """A hook of Ada's for the channel."""
        body = {"channel_id": (channel or self.town).id, "display_name": "Alerts", **fields}
        hook: Json = (await self.client(person or self.ada).post("/hooks/incoming", body)).ok(201)
        return hook

    async def outgoing(self, *words: str, url: str = URL, person: Person | None = None, **fields: Any) -> Json:
        """An outgoing hook of Ada's for her team."""
        body = {"team_id": self.team.id, "trigger_words": words, "callback_urls": [url], "display_name": "Robot"}
        hook: Json = (await self.client(person or self.ada).post("/hooks/outgoing", {**body, **fields})).ok(201)
        return hook

    async def send(self, hook: Json, payload: object, **options: Any) -> Reply:
        """What a program sends, as JSON."""
        return await self.client().post(f"//hooks/{hook['id']}", payload, **options)

    async def sent(self, hook: Json, payload: object) -> Json:
        """The post that a payload became."""
        delivered = await self.send(hook, payload)
        assert (delivered.status, delivered.text) == (200, "ok"), delivered
        return (await self.posts())[0]

    async def posts(self, channel: Thing | None = None) -> list[Json]:
        """The posts of webhooks in a channel, newest first."""
        listed = (await self.client(self.ada).get(f"/channels/{(channel or self.town).id}/posts")).ok()
        posts = [listed["posts"][post_id] for post_id in listed["order"]]
        return [post for post in posts if post["props"].get("from_webhook")]


def as_go_writes(value: object) -> bytes:
    """JSON as Go's encoder makes it: compact, with <, > and & escaped, and a line break at the end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode() + b"\n"
