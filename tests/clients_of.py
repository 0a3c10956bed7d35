"""Small clients for tests: REST replies and the events of a socket, in words that assertions need."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.published import check_frame
from tests.waiting import PATIENCE


class Reply:
    """An answer of the REST API."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.content = response.content
        self.text = response.text

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)

    @property
    def error_id(self) -> str:
        """The id of a refusal; also checks that the error body is whole."""
        body = self.json
        assert set(body) >= {"id", "message", "detailed_error", "request_id", "status_code"}, body
        assert body["status_code"] == self.status
        assert body["request_id"] == self.headers["x-request-id"]
        return str(body["id"])

    def ok(self, status: int = 200) -> Any:
        """The body, if the status is the expected one."""
        assert self.status == status, f"{self.status}: {self.text[:500]}"
        return self.json

    def __repr__(self) -> str:
        return f"<{self.status} {self.text[:300]}>"


class Client:
    """REST with one token; paths are below /api/v4 unless they start with http or //."""

    def __init__(self, http: httpx.AsyncClient, token: str = "") -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def request(self, method: str, path: str, body: object = None, **options: Any) -> Reply:
        """Send a request; `body` becomes JSON, bytes go as they are."""
        headers = {**self._headers, **options.pop("headers", {})}
        if isinstance(body, bytes):
            options["content"] = body
        elif body is not None:
            options["json"] = body
        url = path[1:] if path.startswith("//") else f"/api/v4{path}"
        return Reply(await self._http.request(method, url, headers=headers, **options))

    async def get(self, path: str, **options: Any) -> Reply:
        """GET."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Reply:
        """POST."""
        return await self.request("POST", path, body, **options)

    async def put(self, path: str, body: object = None, **options: Any) -> Reply:
        """PUT."""
        return await self.request("PUT", path, body, **options)

    async def patch(self, path: str, body: object = None, **options: Any) -> Reply:
        """PATCH."""
        return await self.request("PATCH", path, body, **options)

    async def delete(self, path: str, body: object = None, **options: Any) -> Reply:
        """DELETE."""
        return await self.request("DELETE", path, body, **options)


class Received:
    """An event as it came, which must fit its class; `data` with its JSON strings decoded."""

    def __init__(self, frame: dict[str, Any]) -> None:
        check_frame(frame)
        self.name: str = frame["event"]
        self.raw: dict[str, Any] = frame["data"]
        self.data = {key: _decoded(value) for key, value in self.raw.items()}
        self.broadcast: dict[str, Any] = frame["broadcast"]
        self.seq: int = frame["seq"]

    def __repr__(self) -> str:
        return f"<{self.seq} {self.name} {self.data}>"


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


class Marking(Protocol):
    """A node that can send a marker."""

    port: int

    async def mark(self, user_id: str) -> str:
        """Send it to the sockets of a user; its id."""


class Socket:
    """A WebSocket that checks that `seq` rises by one, and keeps what it has received in `seen`."""

    def __init__(self, node: Marking, connection: ClientConnection) -> None:
        self._node = node
        self.connection = connection
        self.seen: list[Received] = []
        self.replies: list[dict[str, Any]] = []
        self.connection_id = ""
        self.user_id = ""
        self.next_seq: int | None = None
        self._requests = itertools.count(1)

    @staticmethod
    @contextlib.asynccontextmanager
    async def open(node: Marking, token: str, query: str = "") -> AsyncIterator["Socket"]:
        """Connect with a bearer token; without a resume in `query` waits for hello."""
        url = f"ws://127.0.0.1:{node.port}/api/v4/websocket{query}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options: Any = {"compression": None, "max_size": None, "open_timeout": PATIENCE}
        async with connect(url, additional_headers=headers, **options) as connection:
            socket = Socket(node, connection)
            if token and "connection_id" not in query:
                hello = await socket.next("hello")
                socket.connection_id = hello.data["connection_id"]
                socket.user_id = hello.broadcast["user_id"]
            yield socket

    async def _receive(self, timeout: float) -> None:
        frame = json.loads(await asyncio.wait_for(self.connection.recv(), timeout))
        if "event" not in frame:
            self.replies.append(frame)
            return
        event = Received(frame)
        assert self.next_seq is None or event.seq == self.next_seq, f"seq {event.seq}, not {self.next_seq}: {event}"
        self.next_seq = event.seq + 1
        self.seen.append(event)

    async def next(self, name: str = "", timeout: float = PATIENCE) -> Received:
        """The next event (of this name, passing over others)."""
        while True:
            count = len(self.seen)
            await self._receive(timeout)
            if len(self.seen) > count and name in ("", self.seen[-1].name):
                return self.seen[-1]

    async def until_now(self, node: Marking | None = None) -> list[Received]:
        """All events from the last one taken until now: whatever was published before this call has arrived."""
        start = len(self.seen)
        marker = await (node or self._node).mark(self.user_id)
        while (await self.next("custom_tests_marker")).data["id"] != marker:
            pass  # another socket's of the user
        events = self.seen[start:-1]
        self.seen.pop()
        return [event for event in events if event.name != "custom_tests_marker"]

    async def names(self) -> list[str]:
        """The names of all events until now, but for those of the user's status, which changes a moment after the
        first socket has opened."""
        return [event.name for event in await self.until_now() if event.name != "status_change"]

    async def action(self, action: str, data: object = None, timeout: float = PATIENCE) -> dict[str, Any]:
        """Send a client action and give its reply; events that come meanwhile are kept in `seen`."""
        seq = next(self._requests)
        await self.connection.send(json.dumps({"seq": seq, "action": action, "data": data}))
        while not any(reply.get("seq_reply") == seq for reply in self.replies):
            await self._receive(timeout)
        return next(reply for reply in self.replies if reply.get("seq_reply") == seq)
