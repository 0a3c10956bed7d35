"""A small world for tests of actions and dialogs, and the types of the fixtures that they use."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tests.clients_of import Client, Reply
from tests.make import Person, Thing

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
Json = dict[str, Any]


class World(Struct):
    """Ada administers a team in which Bob is a member; both are in a private channel, Eve is in the team only."""

    ada: Person
    bob: Person
    eve: Person
    team: Thing
    town: Thing
    client: Clients

    async def poll(self, url: str, **fields: Any) -> Json:
        """A post of Ada's with a button "yes" and a menu "pick" that call an address."""
        button = {"id": "yes", "name": "Yes", "type": "button", "integration": {"url": url, "context": {"vote": 1}}}
        menu = {
            "id": "pick",
            "name": "Pick",
            "type": "select",
            "options": [{"text": "One", "value": "1"}],
            "integration": {"url": url, "context": {"secret": "shh"}},
        }
        attachment = {"text": "Lunch?", "actions": [button, menu]}
        body = {"channel_id": self.town.id, "message": "a poll", "props": {"attachments": [attachment]}, **fields}
        post: Json = (await self.client(self.ada).post("/posts", body)).ok(201)
        return post

    async def click(self, person: Person, post: Json, action_id: str = "yes", **body: Any) -> Reply:
        """Somebody presses a button."""
        return await self.client(person).post(f"/posts/{post['id']}/actions/{action_id}", body or None)

    async def read(self, post: Json) -> Json:
        """The post as Bob reads it now."""
        shown: Json = (await self.client(self.bob).get(f"/posts/{post['id']}")).ok()
        return shown
