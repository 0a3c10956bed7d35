"""A client that listens as a good one does: it resumes where it was, here or elsewhere, and fetches what the server
can't replay."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import httpx
import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.chaos.people import TLS
from tests.make import Person

BACK_OFF = 0.1
PAGE = 100


class _Data(Struct, frozen=True):
    connection_id: str = ""
    post: str = ""


class _Frame(Struct):
    event: str = ""
    data: _Data = _Data()
    seq: int = -1


class Heard(Struct, frozen=True):
    """A post as it arrived."""

    id: str
    channel_id: str
    message: str
    create_at: int
    type: str = ""


_frames = msgspec.json.Decoder(_Frame)
_posts = msgspec.json.Decoder(Heard)


class Listener:
    """All connections of one person's client, one after the other.

    live: posts in the order of their arrival, with the time of it. fetched: what was read over REST, by id, after the
    server said that the client must start anew. drops: connections that ended against the client's will. resumed,
    anew: how many of those after them went on exactly, and how many had to fetch. faults: what no server may do.
    """

    def __init__(self, person: Person, ports: Sequence[int], first: int, channels: Sequence[str]) -> None:
        self.person = person
        self.live: list[tuple[float, Heard]] = []
        self.fetched: dict[str, Heard] = {}
        self.drops = 0
        self.resumed = 0
        self.anew = 0
        self.faults: list[str] = []
        self.connected = asyncio.Event()
        self.live_since = 0.0
        """When the first event of the present connection came; 0 while there is none."""
        self.port = 0
        """Where it is connected."""
        self._ports = [*ports[first:], *ports[:first]]
        self._channels = channels
        self._socket: ClientConnection | None = None
        self._id = ""
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def known(self) -> set[str]:
        """The ids of all posts that it was told of or has fetched."""
        return {heard.id for _, heard in self.live} | set(self.fetched)

    async def listen(self) -> None:
        """Stay connected until cancelled."""
        headers = {"Authorization": f"Bearer {self.person.token}"}
        try:
            while True:
                self.port = self._ports[0]
                query = f"?connection_id={self._id}&sequence_number={self._next}" if self._id else ""
                url = f"ws://127.0.0.1:{self.port}/api/v4/websocket{query}"
                with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                    async with connect(url, additional_headers=headers, open_timeout=5, compression=None) as socket:
                        self._socket = socket
                        async for text in socket:
                            self._take(str(text))
                self._socket = None
                if self.live_since:
                    self.drops += 1
                self.live_since = 0.0
                self._ports.append(self._ports.pop(0))
                await asyncio.sleep(BACK_OFF)
        finally:
            for task in self._tasks:
                task.cancel()

    async def break_off(self, *, politely: bool, here: bool) -> None:
        """End the present connection, with a goodbye or without; the next one is made `here` or at the next node."""
        socket = self._socket
        if socket is None:
            return
        if here:
            self._ports.insert(0, self._ports.pop())
        if politely:
            await socket.close()
        else:
            socket.transport.abort()

    async def settle(self) -> None:
        """Wait for what is being fetched."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _take(self, text: str) -> None:
        frame = _frames.decode(text)
        if not frame.event:
            return
        first, self.live_since = not self.live_since, self.live_since or time.monotonic()
        if frame.event == "hello" and frame.data.connection_id != self._id:
            if self._id:
                self.anew += 1
                self._fetch_missed()
            self._id, self._next = frame.data.connection_id, 0
        elif first:
            self.resumed += 1
        if frame.seq != self._next:
            self.faults.append(f"{self.person.username}: seq {frame.seq} instead of {self._next}")
        self._next = frame.seq + 1
        self.connected.set()
        if frame.event == "posted":
            self.live.append((time.monotonic(), _posts.decode(frame.data.post)))

    def _fetch_missed(self) -> None:
        # What is known at this moment: posts that arrive from now on say nothing about those that were missed.
        task = asyncio.create_task(self._fetch(self.known()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, known: set[str]) -> None:
        """Read each channel back to the newest post that was known before."""
        headers = {"Authorization": f"Bearer {self.person.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=10, verify=TLS) as http:
            for channel in self._channels:
                page = 0
                while True:
                    path = f"/api/v4/channels/{channel}/posts?per_page={PAGE}&page={page}"
                    posts = await self._get(http, path)
                    self.fetched |= {post.id: post for post in posts}
                    if len(posts) < PAGE or any(post.id in known for post in posts):
                        break
                    page += 1

    async def _get(self, http: httpx.AsyncClient, path: str) -> list[Heard]:
        for attempt in range(100):
            port = self._ports[attempt % len(self._ports)]
            with contextlib.suppress(httpx.TransportError):
                reply = await http.get(f"http://127.0.0.1:{port}{path}")
                if reply.status_code == httpx.codes.OK:
                    return list(msgspec.json.decode(reply.content, type=_Page).posts.values())
                if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    self.faults.append(f"{self.person.username}: {path} answered {reply.status_code}")
                    return []
            await asyncio.sleep(BACK_OFF)
        self.faults.append(f"{self.person.username}: {path} was never answered")
        return []


class _Page(Struct):
    posts: dict[str, Heard]
