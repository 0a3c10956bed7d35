"""Nodes with a bus and a gateway over one Redis, and WebSocket clients that write down what they get."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.bus.bus import Bus
from server.config import Config
from server.context import Context, Services, Session
from server.engines.redis import Redis
from server.errors import Busy, Forbidden
from server.gateway.actions import Actions
from server.gateway.gateway import Gateway
from server.http.exchange import Exchange
from server.http.protocol import BoundedHttp
from server.ids import new_id
from tests.waiting import PATIENCE

_numbers = count(1)


class World:
    """What the database would know: sessions by token, and the rooms of users."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.rooms: dict[str, list[str]] = {}
        self.admins: set[str] = set()
        self.before_rooms: Callable[[], Awaitable[object]] | None = None
        self.away = False
        """Whether nobody can be asked, as while the database is away."""

    def user(self, *rooms: str) -> str:
        """A new user, who is in these rooms."""
        user_id = new_id()
        self.rooms[user_id] = list(rooms)
        return user_id

    def token(self, user_id: str, expires_at: int = 0) -> str:
        """Sign a user in."""
        token = new_id()
        self.sessions[token] = Session(new_id(), user_id, 0, expires_at, 0, "", False, {}, "system_user", False)
        return token

    async def authenticate(self, token: str) -> Session | None:
        await asyncio.sleep(0)
        self._check()
        return self.sessions.get(token)

    def _check(self) -> None:
        if self.away:
            raise Busy("api.context.server_busy.app_error")

    async def topics_of(self, user_id: str) -> list[str]:
        if self.before_rooms is not None:
            await self.before_rooms()
        self._check()
        return list(self.rooms[user_id])

    async def is_admin(self, session: Session) -> bool:
        return session.user_id in self.admins

    def at_hand(self, token: str) -> tuple[Session, bool] | None:
        session = None if self.away else self.sessions.get(token)
        return (session, session.user_id in self.admins) if session is not None else None


class Echo(Struct):
    """Body of the test's action."""

    text: str
    times: int = 1


actions = Actions()


@actions.on("echo")
async def echo(ctx: Context, data: Echo) -> dict[str, object]:
    return {"text": data.text * data.times, "user": ctx.user_id, "connection": ctx.connection_id}


@actions.on("slow")
async def slow(ctx: Context) -> None:
    await asyncio.sleep(0.05)


@actions.on("forbidden")
async def forbidden(ctx: Context) -> None:
    raise Forbidden("api.context.permissions.app_error")


@actions.on("broken")
async def broken(ctx: Context) -> None:
    raise RuntimeError("a fault")


async def _no_app(exchange: Exchange) -> None:
    raise NotImplementedError("only upgrades are asked for")


class GatewayNode:
    """A node without the product: bus, gateway, and uvicorn in front of them."""

    def __init__(self, url: str, node_id: str, name: str, world: World, origins: list[str]) -> None:
        self.bus = Bus(url, node_id, name=name)
        self.gateway = Gateway(
            self.bus,
            actions,
            authenticate=world.authenticate,
            is_admin=world.is_admin,
            at_hand=world.at_hand,
            topics_of=world.topics_of,
            make_context=self._context,
            server_version=lambda: "1.2.3",
            allowed_origins=lambda: " ".join(origins),
        )
        gateway = self.gateway.protocol_class
        config = uvicorn.Config(_no_app, port=0, lifespan="off", log_level="error", http=BoundedHttp, ws=gateway)
        self._server = uvicorn.Server(config)
        self.port = 0

    def _context(self, session: Session, connection_id: str) -> Context:
        services = Services(config=Config(), db=None, bus=self.bus, cache=None, node_id="")  # type: ignore[arg-type]
        return Context(services=services, session=session, request_id=new_id(), connection_id=connection_id)

    async def start(self) -> None:
        await self.bus.start()
        await self.gateway.start()
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup()
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def crash(self) -> None:
        """End as by SIGKILL: nothing is said or saved any more."""
        await self.bus.stop()
        await self._leave(0)

    async def stop(self) -> None:
        await self._leave(0.02)
        await self.bus.stop()

    async def _leave(self, seconds: float) -> None:
        for server in self._server.servers:
            server.close()
        await self.gateway.drain(seconds)
        for connection in list(self._server.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0.01)


class Client:
    """A WebSocket client that keeps all that it got."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.raw: list[str | bytes] = []
        self.close_code: int | None = None
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                self.raw.append(message)
                if isinstance(message, str):
                    self.frames.append(json.loads(message))
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code

    @property
    def events(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "event" in frame]

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "event" not in frame]

    @property
    def texts(self) -> list[str]:
        """What the events said."""
        return [event["data"]["text"] for event in self.events if "text" in event["data"]]

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    @property
    def id(self) -> str:
        """The connection id of the last hello."""
        return str([event for event in self.events if event["event"] == "hello"][-1]["data"]["connection_id"])

    async def ask(self, action: str, data: object = None, seq: int = 1) -> dict[str, Any]:
        """Send a request and wait for the next reply."""
        before = len(self.replies)
        await self.socket.send(json.dumps({"seq": seq, "action": action, "data": data}))
        await until(lambda: len(self.replies) > before)
        return self.replies[before]

    async def wait(self, events: int) -> None:
        """Wait until so many events have come."""
        await until(lambda: len(self.events) >= events)

    async def wait_raw(self, messages: int) -> None:
        """Wait until so many messages have come, events or replies of any form."""
        await until(lambda: len(self.raw) >= messages)

    async def wait_closed(self) -> None:
        """Wait until the server has closed the connection."""
        await until(lambda: self.close_code is not None)

    async def drop(self) -> None:
        """Lose the connection without a word."""
        self.socket.transport.abort()
        await asyncio.wait([self._reading])

    async def close(self) -> None:
        await self.socket.close()
        await asyncio.wait([self._reading])


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Stage:
    """The nodes, the world and the clients of one test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"gateway{next(_numbers)}-"
        self.world = World()
        self.origins: list[str] = []
        self.nodes: list[GatewayNode] = []
        self.clients: list[Client] = []

    async def node(self) -> GatewayNode:
        node = GatewayNode(self.url, f"node{len(self.nodes)}", self.name, self.world, self.origins)
        self.nodes.append(node)
        await node.start()
        return node

    async def open(self, node: GatewayNode, token: str = "", query: str = "", **options: Any) -> Client:
        """A client whose upgrade is done."""
        if token:
            options["additional_headers"] = {"Authorization": f"Bearer {token}"}
        options = {"compression": None, "ping_interval": None, "max_size": None, "open_timeout": PATIENCE} | options
        socket = await connect(f"ws://127.0.0.1:{node.port}/api/v4/websocket{query}", **options)
        client = Client(socket)
        self.clients.append(client)
        return client

    async def hello(self, node: GatewayNode, user_id: str, query: str = "", **options: Any) -> Client:
        """A client of the user that has got its hello."""
        client = await self.open(node, self.world.token(user_id), query, **options)
        await until(lambda: client.raw)
        return client

    async def resume(self, node: GatewayNode, user_id: str, old: Client, seq: int | None = None) -> Client:
        """Come back for the connection of a client."""
        wanted = old.seqs[-1] + 1 if seq is None else seq
        token = self.world.token(user_id)
        return await self.open(node, token, f"?connection_id={old.id}&sequence_number={wanted}")


@pytest_asyncio.fixture
async def stage(redis_server: Redis) -> AsyncIterator[Stage]:
    stage = Stage(redis_server.url)
    yield stage
    await clear(stage)


async def clear(stage: Stage) -> None:
    """Close what a test opened."""
    for client in stage.clients:
        await client.drop()
    for node in stage.nodes:
        await node.stop()


@pytest.fixture(autouse=True)
def fast_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a second for the next round of saving, or five for a client that doesn't answer a close."""
    monkeypatch.setattr("server.gateway.gateway.CLOSE_SECONDS", 0.5)
    monkeypatch.setattr("server.gateway.gateway.TICK_SECONDS", 0.1)
    monkeypatch.setattr("server.gateway.resume.MARK_SECONDS", 0.0)


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.world
