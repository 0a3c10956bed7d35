"""The server as the state machine sees it: four users with sockets on two nodes, and calls that wait for the answer."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from tests.clients_of import Received, Reply, Socket
from tests.make import Make, Person, Thing
from tests.nodes import TestNode

T = TypeVar("T")

PATIENCE = 120
"""Seconds after which what is asked, many requests perhaps, is given up."""


class Bridge:
    """Runs what is asynchronous on the loop of the nodes, for a machine that runs in another thread."""

    def __init__(self, nodes: tuple[TestNode, TestNode], make: Make) -> None:
        self.nodes = nodes
        self.make = make
        self._loop = asyncio.get_running_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


class Town:
    """A fresh world: two teams that all four are in, a public and a private channel, a direct and a group one."""

    teams: tuple[Thing, Thing]
    channels: tuple[Thing, Thing]
    direct: Thing
    group: Thing

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.make = bridge.make
        self.people: list[Person] = []
        self.sockets: list[Socket] = []
        self._open = contextlib.AsyncExitStack()

    async def build(self, words: Sequence[str], collapsed: Sequence[bool], any_reply: Sequence[bool]) -> None:
        """Make it."""
        make = self.make
        for word, in_threads, any_one in zip(words, collapsed, any_reply, strict=True):
            person = await make.user("state")
            self.people.append(person)
            props = {"mention_keys": word, "comments": "any" if any_one else "never"}
            client = self.client(len(self.people) - 1, 0)
            (await client.put("/users/me/patch", {"notify_props": props})).ok()
            if not in_threads:
                choice = {"user_id": person.id, "category": "display_settings", "name": "collapsed_reply_threads"}
                (await client.put("/users/me/preferences", [{**choice, "value": "off"}])).ok()
        self.teams = (await make.team(self.people), await make.team(self.people))
        first, *others = self.people
        public = await make.channel(self.teams[0], others[:2], owner=first)
        private = await make.channel(self.teams[0], others, owner=first, type="P")
        self.channels = (public, private)
        self.direct = await make.direct(first, others[0])
        self.group = await make.group(first, others[0], others[1])
        for number, person in enumerate(self.people):
            opened = Socket.open(self._bridge.nodes[number % 2], person.token)
            self.sockets.append(await self._open.enter_async_context(opened))
        await self.heard()

    async def close(self) -> None:
        """Close the sockets."""
        await self._open.aclose()

    def client(self, number: int, node: int) -> Any:
        """REST as one of the users, at one of the nodes."""
        return self._bridge.nodes[node].client(self.people[number].token)

    def admin(self, node: int) -> Any:
        """REST as the administrator."""
        return self._bridge.nodes[node].client(self.make.admin.token)

    async def heard(self) -> list[list[Received]]:
        """What each user has received since the last call; both nodes know then what was done before."""
        return await asyncio.gather(*(socket.until_now() for socket in self.sockets))

    async def of_all(self, path: str) -> list[Any]:
        """The answers to a path for each of the users, whose id stands in it; of the nodes in turn."""

        async def ask(number: int) -> Reply:
            reply: Reply = await self.client(number, number % 2).get(path.format(user_id=self.people[number].id))
            return reply

        return [reply.ok() for reply in await asyncio.gather(*(ask(number) for number in range(len(self.people))))]
