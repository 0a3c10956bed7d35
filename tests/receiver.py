"""A program outside that the server calls: keeps every request, and answers as it is told, in good and in bad ways.

    async def test_x(receiver):
        receiver.answer(json={"text": "hello"})
        ... make the server call f"{receiver.url}/some/path" ...
        asked = await receiver.next()
        asked.method, asked.path, asked.query, asked.headers, asked.form, asked.json

It speaks plain HTTP/1.1 on 127.0.0.1, so tests allow that address to the server: the fixture `reachable` does.
"""

import asyncio
import contextlib
import json as json_module
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from msgspec import Struct

from tests.waiting import PATIENCE


class Asked(Struct):
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    """By lower-case names."""
    body: bytes

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The fields of the query, each with all its values."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        """The fields of a form in the body, each with all its values."""
        assert self.headers["content-type"] == "application/x-www-form-urlencoded", self.headers
        return parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json_module.loads(self.body)


class Told(Struct, kw_only=True):
    """How a request is answered. `after`: seconds until the answer begins, `when`: what must have come before."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""
    after: float = 0
    when: asyncio.Event | None = None
    size: int = 0
    """So many bytes instead of the body, without saying before how many there will be."""
    endless: bool = False
    """A byte now and then, for ever."""
    hangs: bool = False
    """No answer at all, for ever."""
    breaks: bool = False
    """The connection ends in the middle of the body."""


Answer = Told | Callable[[Asked], Told]


class Receiver:
    """The program: `requests` holds all that came, `next()` waits for one more."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Asked] = []
        self.connections = 0
        self._answers: dict[str, Answer] = {"": Told()}
        self._queue: asyncio.Queue[Asked] = asyncio.Queue()

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def answer(
        self,
        *,
        path: str = "",
        by: Callable[[Asked], Told] | None = None,
        json: object = None,
        text: str | None = None,
        location: str = "",
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> None:
        """From now on answer so: to every request, or to those of a path.

        `json` and `text` are the body with its content type, `location` redirects (302 unless `status` says
        otherwise), `by` decides by the request; for the rest see Told.
        """
        if by is not None:
            self._answers[path] = by
            return
        fields = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            how["body"] = json_module.dumps(json).encode()
            fields.setdefault("content-type", "application/json")
        elif text is not None:
            how["body"] = text.encode()
            fields.setdefault("content-type", "text/plain; charset=utf-8")
        if location:
            fields["location"] = location
            how.setdefault("status", 302)
        self._answers[path] = Told(headers=fields, **how)

    async def next(self, timeout: float = PATIENCE) -> Asked:
        """The next request that nobody took yet."""
        return await asyncio.wait_for(self._queue.get(), timeout)

    def nothing(self) -> bool:
        """Whether all requests that came were taken."""
        return self._queue.empty()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (asked := await _read(reader)) is not None:
                self.requests.append(asked)
                self._queue.put_nowait(asked)
                answer = self._answers.get(asked.path) or self._answers[""]
                if not await _tell(writer, answer(asked) if callable(answer) else answer):
                    break
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    line = (await reader.readline()).decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while raw := (await reader.readline()).decode("latin-1").strip():
        name, _, value = raw.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(line[0], line[1], headers, body)


async def _tell(writer: asyncio.StreamWriter, told: Told) -> bool:
    """Send an answer; whether the connection goes on."""
    await asyncio.sleep(told.after)
    if told.when is not None:
        await told.when.wait()
    if told.hangs:
        await asyncio.sleep(3600)
    unbounded = told.endless or told.size
    length = {} if unbounded else {"content-length": str(len(told.body) * (2 if told.breaks else 1))}
    headers = {**told.headers, **length, "connection": "close" if unbounded or told.breaks else "keep-alive"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {told.status} Told\r\n{head}\r\n".encode("latin-1"))
    while told.endless:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)
    left = told.size
    while left > 0:
        writer.write(b" " * min(left, 65536))
        await writer.drain()
        left -= 65536
    if not unbounded:
        writer.write(told.body)
    await writer.drain()
    return not (unbounded or told.breaks)


_PORTS = set[int]()
"""On which there were receivers."""


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a port that no other one of this process had; ends with the block, also what hangs.

    Nodes remember what addresses gave and which of them were slow, and try again later what failed.
    """
    receiver = Receiver()
    serving: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    while (port := server.sockets[0].getsockname()[1]) in _PORTS:
        server.close()
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
    _PORTS.add(port)
    receiver.port = port
    try:
        yield receiver
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver for one test."""
    async with receiving() as started:
        yield started


@pytest.fixture
def reachable(settings: Callable[..., None]) -> None:
    """Lets the nodes call 127.0.0.1, where receivers are, until the test ends."""
    settings(ServiceSettings={"AllowedUntrustedInternalConnections": "127.0.0.1"})
