"""A small world for tests of posts, and the types of the fixtures that they use."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from tests.clients_of import Client
from tests.make import Make, Person, Thing
from tests.nodes import TestNode

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]
Counted = Callable[..., Any]
Nodes = tuple[TestNode, TestNode]
Members = Callable[[Person, Thing], Awaitable[dict[str, int]]]


class World(Struct):
    """Ada and Bob share a public channel; Carol is in their team only."""

    ada: Person
    bob: Person
    carol: Person
    team: Thing
    town: Thing


async def new_world(make: Make) -> World:
    """A new world."""
    ada, bob, carol = await make.users(3)
    team = await make.team(members=[ada, bob, carol])
    return World(ada, bob, carol, team, await make.channel(team, members=[ada, bob]))
