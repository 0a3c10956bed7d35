"""Who lives on an installation under faults: dozens of people in channels of every type, made once."""

import contextlib
from collections.abc import AsyncIterator

import httpx

from tests.chaos.installation import Installation
from tests.clients_of import Client
from tests.make import Make, Person, Thing

TLS = httpx.create_ssl_context()
"""For all clients, though none needs it: to make one for each would take longer than many a request."""
LISTENERS = 36
POSTERS = 6


class _FirstNode:
    """The words that build worlds speak to it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def client(self, token: str = "") -> Client:
        return Client(self._http, token)


class Place:
    """A channel and who is in it."""

    def __init__(self, id: str, kind: str, members: list[Person]) -> None:
        self.id = id
        self.kind = kind
        self.members = members


class Stage:
    """An installation with its people.

    All are in the first channel; two public and a private one have parts of them, and one group of three posters and
    four listeners talks through its people's own topics.
    """

    def __init__(self, installation: Installation, make: Make) -> None:
        self.installation = installation
        self.make = make
        self.listeners: list[Person] = []
        self.posters: list[Person] = []
        self.places: list[Place] = []
        self.team: Thing
        self.talks = 0

    @staticmethod
    @contextlib.asynccontextmanager
    async def open(**settings: str) -> AsyncIterator["Stage"]:
        """An installation of this block's own, with its people."""
        async with Installation.open(**settings) as installation:
            async with httpx.AsyncClient(base_url=installation.nodes[0].url, timeout=30) as http:
                stage = Stage(installation, Make(_FirstNode(http)))
                await stage._fill()
            yield stage

    async def _fill(self) -> None:
        make = self.make
        await make.sign_up_admin()
        self.posters = await make.users(POSTERS)
        self.listeners = await make.users(LISTENERS)
        self.team = team = await make.team([*self.posters, *self.listeners])
        for kind, share in (("O", 1), ("O", 2), ("O", 2), ("P", 3)):
            offset = len(self.places) % share
            members = [*self.posters, *self.listeners[offset::share]]
            channel = await make.channel(team, members, type=kind)
            self.places.append(Place(channel.id, kind, members))
        few = [*self.posters[:3], *self.listeners[:4]]
        poster = self.posters[0]
        reply = await make._as(poster).post("/channels/group", [one.id for one in few])
        self.places.append(Place(reply.ok(201)["id"], "G", few))

    def places_of(self, person: Person) -> list[Place]:
        """The channels that a person is in."""
        return [place for place in self.places if person in place.members]
