"""People who do everything else than talk: what they have, how they ask, and how often they do what."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import httpx

from tests.chaos.people import Stage
from tests.clients_of import Client
from tests.make import Make, Person, Thing

PEOPLE = 16
CHANNELS = 4
AT_ONCE = 40
"""Actions under way; what comes then is left out."""
SIDE_BY_SIDE = 3
"""So often at the same time everything is done first, since what is done in threads takes memory in each of them."""
MOST_COMPLAINTS = 50
LONGEST = 60.0
REMEMBERED = 200

Action = Callable[["Crowd", Person], Awaitable[None]]
"""Something that a person does."""


_DOING: ContextVar[str] = ContextVar("doing", default="crowd")


class _FirstNode:
    """The words that build worlds speak to it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def client(self, token: str = "") -> Client:
        return Client(self._http, token)


class Crowd:
    """A team of people with a few channels, on all nodes.

    actions: how often what was done. skipped: how often something was not, since too much was under way. answers: how
    often which status was given. complaints: what no server may answer.
    """

    def __init__(self, stage: Stage, actions: Sequence[tuple[float, Action]]) -> None:
        self.stage = stage
        self.chance = random.Random("crowd")
        self.people: list[Person] = []
        self.team: Thing
        self.channels: list[Thing] = []
        self.lounge: Thing
        """Where people come and go."""
        self.secret: Thing
        """Where none of them may go."""
        self.posts: list[dict[str, Any]] = []
        """The newest ones, roots and replies, that are not deleted."""
        self.hook = ""
        self.actions: Counter[str] = Counter()
        self.skipped = 0
        self.answers: Counter[int] = Counter()
        self.complaints: list[str] = []
        self.ports = stage.installation.ports
        self._actions = actions
        self._only: int | None = None
        self._http: list[httpx.AsyncClient] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def gather(self) -> None:
        """Make the people, their team and their channels."""
        async with self.awake():
            make = Make(_FirstNode(self._http[0]))
            make.admin = self.stage.make.admin
            self.people = [await make.user("dweller") for _ in range(PEOPLE)]
            self.team = await make.team(self.people, name="dwellers")
            self.channels = [await make.channel(self.team, self.people) for _ in range(CHANNELS)]
            self.lounge = await make.channel(self.team)
            self.secret = await make.channel(self.team, type="P")
            body = {"channel_id": self.channels[0].id, "display_name": "bell"}
            self.hook = (await self.ask(make.admin, "POST", "/hooks/incoming", body, expect=201)).json()["id"]

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """Connections for the block; all that was begun ends with it."""
        self._http = [
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=httpx.Limits(max_connections=20))
            for port in self.ports
        ]
        try:
            yield
            async with asyncio.timeout(LONGEST):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for http in self._http:
                await http.aclose()

    async def live(self, rate: float) -> None:
        """Do so many things a second, at times of their own, until cancelled."""
        weights = [weight for weight, _ in self._actions]
        while True:
            await asyncio.sleep(min(5.0, self.chance.expovariate(rate)))
            _, action = self.chance.choices(self._actions, weights)[0]
            if len(self._tasks) < AT_ONCE:
                self._begin(action)
            else:
                self.skipped += 1

    async def do_everything(self) -> None:
        """Do all there is, on one node after the other."""
        for number in range(len(self.ports)):
            self._only = number
            for _, action in self._actions:
                for _ in range(SIDE_BY_SIDE):
                    self._begin(action)
                await asyncio.sleep(0.1)
            while self._tasks:
                await asyncio.wait(self._tasks)
        self._only = None

    def _begin(self, action: Action) -> None:
        task = asyncio.create_task(self._do(action, self.chance.choice(self.people)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, action: Action, person: Person) -> None:
        self.actions[action.__name__] += 1
        _DOING.set(action.__name__)
        try:
            async with asyncio.timeout(LONGEST):
                await action(self, person)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be told at the end
            self.complain(f"{type(error).__name__} {error}")

    def complain(self, what: str) -> None:
        """Note what must not be."""
        if len(self.complaints) < MOST_COMPLAINTS:
            self.complaints.append(f"{_DOING.get()}: {what}")

    # words for the actions

    def port(self) -> int:
        """That of any node."""
        return self.ports[self._node()]

    def _node(self) -> int:
        return self.chance.randrange(len(self.ports)) if self._only is None else self._only

    def place(self) -> Thing:
        """A channel that all are in."""
        return self.chance.choice(self.channels)

    def some_post(self) -> dict[str, Any] | None:
        """One of the newest posts."""
        return self.chance.choice(self.posts) if self.posts else None

    def said(self, post: dict[str, Any]) -> None:
        """Remember a post."""
        self.posts.append(post)
        del self.posts[:-REMEMBERED]

    def forget(self, post: dict[str, Any]) -> None:
        """A post is gone, and its replies are."""
        gone = post["id"]
        self.posts = [one for one in self.posts if gone not in (one["id"], one["root_id"])]

    async def ask(
        self,
        person: Person | None,
        method: str,
        path: str,
        body: object = None,
        *,
        expect: int | tuple[int, ...] = 200,
        **options: Any,
    ) -> httpx.Response:
        """Ask any node; another status than the expected ones is a complaint."""
        headers = {"Authorization": f"Bearer {person.token}"} if person else {}
        if self.chance.random() < 0.1:
            headers["Connection"] = "close"
        if isinstance(body, bytes):
            options["content"] = body
        elif body is not None:
            options["json"] = body
        url = path[1:] if path.startswith("//") else f"/api/v4{path}"
        reply = await self._http[self._node()].request(method, url, headers=headers, **options)
        self.answers[reply.status_code] += 1
        if reply.status_code not in (expect if isinstance(expect, tuple) else (expect,)):
            self.complain(f"{method} {path}: {reply.status_code} {reply.text[:200]}")
        return reply

    async def wander(self, least: float, most: float) -> None:
        """Wait for a while."""
        await asyncio.sleep(self.chance.uniform(least, most))
