"""What is done at a node beside the talk: people made, sessions ended, posts scheduled; and clients that ask around
while something is broken, and write down every answer that no server may give."""

import asyncio
import contextlib
import copy
import time
from collections.abc import AsyncIterator

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from server.db.pulse import STALL_SECONDS
from server.ids import now_ms
from tests.chaos.installation import ChaosNode
from tests.chaos.people import TLS, Stage
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person

TRY_AGAIN = 1013
"""The code that closes a socket which may come back."""
LONGEST = 10.0
"""No request may take longer, whatever is away: clients give up after 15 seconds and more."""


class _Visited:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def client(self, token: str = "") -> Client:
        return Client(self._http, token)


@contextlib.asynccontextmanager
async def visiting(stage: Stage, node: ChaosNode) -> AsyncIterator[Make]:
    """The words that build worlds, spoken to this node."""
    async with httpx.AsyncClient(base_url=node.url, timeout=30, verify=TLS) as http:
        make = copy.copy(stage.make)
        make._node = _Visited(http)
        yield make


async def newcomers(stage: Stage, count: int) -> list[Person]:
    """People who take no part in the talk, each with a session that no node has looked at since it was made."""
    async with visiting(stage, stage.installation.nodes[0]) as make:
        return await make.users(count)


async def seconds_until_a_scheduled_post_is_sent(stage: Stage, patience: float = 20.0) -> float:
    """Schedule a post for in a second; how much later than that it was there."""
    channel, message = stage.places[0], f"scheduled {now_ms()}"
    async with visiting(stage, stage.installation.nodes[-1]) as make:
        at = now_ms() + 1000
        body = {"channel_id": channel.id, "message": message, "scheduled_at": at}
        (await make._as(stage.posters[0]).post("/posts/schedule", body)).ok(201)
    due = time.monotonic() + 1
    while True:
        found = await stage.installation.rows("SELECT count(*) FROM posts WHERE message = $1", message)
        if found[0]["count"]:
            return max(0.0, time.monotonic() - due)
        assert time.monotonic() - due < patience, "a scheduled post was not sent"
        await asyncio.sleep(0.05)


class Visitors:
    """Clients that ask every node all sorts of things, again and again.

    faults: answers that no server may give. refused: kinds of requests that were answered with a proper 503. unready:
    ports of the nodes that said that they are not ready, for want of the database. slowest: seconds.
    """

    def __init__(self, stage: Stage, people: list[Person]) -> None:
        self.faults: list[str] = []
        self.refused: set[str] = set()
        self.unready: set[int] = set()
        self.slowest = 0.0
        self._stage = stage
        self._people = people
        self._done = asyncio.Event()

    @contextlib.asynccontextmanager
    async def about(self) -> AsyncIterator["Visitors"]:
        """They ask until the end of the block."""
        nodes = self._stage.installation.nodes
        tasks = [asyncio.create_task(self._visit(node, one)) for node, one in zip(nodes, self._people, strict=True)]
        tasks += [asyncio.create_task(self._look_after(node)) for node in nodes]
        try:
            yield self
            self._done.set()
            async with asyncio.timeout(30):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _visit(self, node: ChaosNode, person: Person) -> None:
        channel = self._stage.places[0].id
        poster = self._stage.posters[node.number - 1]
        login = {"login_id": person.username, "password": PASSWORD}
        async with httpx.AsyncClient(base_url=node.url, timeout=LONGEST * 2, verify=TLS) as http:
            known, unknown, stranger = Client(http, poster.token), Client(http, person.token), Client(http)
            while not self._done.is_set():
                await asyncio.gather(
                    self._ask("login", stranger, "POST", "/users/login", login),
                    self._ask("posts", known, "GET", f"/channels/{channel}/posts?per_page=5"),
                    self._ask("upload", known, "POST", f"/files?channel_id={channel}&filename=a.txt", b"a" * 5000),
                    self._ask("preferences", known, "GET", "/users/me/preferences"),
                    self._ask("a session that the node does not know", unknown, "GET", "/users/me"),
                    self._sign_in(node, person),
                )
                await asyncio.sleep(0.3)

    async def _ask(self, what: str, client: Client, method: str, path: str, body: object = None) -> None:
        begun = time.monotonic()
        try:
            reply = await client.request(method, path, body)
        except httpx.TransportError as error:
            self.faults.append(f"{what}: {error!r} after {time.monotonic() - begun:.1f} s")
            return
        self._time(what, begun)
        self._judge(what, reply)

    def _time(self, what: str, begun: float) -> None:
        seconds = time.monotonic() - begun
        self.slowest = max(self.slowest, seconds)
        if seconds > LONGEST:
            self.faults.append(f"{what}: {seconds:.1f} s")

    def _judge(self, what: str, reply: Reply) -> None:
        if reply.status == httpx.codes.SERVICE_UNAVAILABLE:
            self.refused.add(what)
            if not reply.headers.get("retry-after", "").isdigit():
                self.faults.append(f"{what}: a 503 without Retry-After")
            if not reply.error_id.endswith(".app_error"):
                self.faults.append(f"{what}: an odd error, {reply}")
        elif not reply.status < httpx.codes.MULTIPLE_CHOICES:
            self.faults.append(f"{what}: {reply}")

    async def _sign_in(self, node: ChaosNode, person: Person) -> None:
        """A new socket gets its hello, waits, or is told to come back; nobody is signed out."""
        url = f"ws://127.0.0.1:{node.port}/api/v4/websocket"
        headers = {"Authorization": f"Bearer {person.token}"}
        try:
            async with connect(url, additional_headers=headers, open_timeout=LONGEST) as socket:
                try:
                    await asyncio.wait_for(socket.recv(), 2.0)
                except TimeoutError:
                    self.refused.add("socket")
                except WebSocketException:
                    self.refused.add("socket")
                    if socket.close_code != TRY_AGAIN:
                        self.faults.append(f"a socket was closed, {socket.close_code} {socket.close_reason}")
        except (OSError, WebSocketException) as error:
            self.faults.append(f"a socket could not be opened: {error!r}")

    async def _look_after(self, node: ChaosNode) -> None:
        """Ask as a load balancer does, and as who restarts what is dead."""
        async with httpx.AsyncClient(base_url=node.url, timeout=LONGEST, verify=TLS) as http:
            while not self._done.is_set():
                begun = time.monotonic()
                live = await http.get("/health/live")
                self._time("live", begun)
                if live.status_code != httpx.codes.OK or live.elapsed.total_seconds() > STALL_SECONDS:
                    self.faults.append(f"live: {live.status_code} after {live.elapsed}")
                ready = await http.get("/health/ready")
                if ready.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    self.unready.add(node.port)
                    if ready.json() != {"status": "UNHEALTHY", "database": "UNHEALTHY", "bus": "OK"}:
                        self.faults.append(f"not ready: {ready.text}")
                await asyncio.sleep(0.1)
