"""The simulated client against a server that misbehaves on purpose: everything wrong becomes a statistic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import gevent
import pytest
from websockets.asyncio.server import ServerConnection, serve

from loadtest.client import CallFailed, Disconnected, Frame, Refused, Rest, ServerFailed, Socket, TimedOut, label
from tests.waiting import PATIENCE

HELLO = '{"event":"hello","data":{"connection_id":"%s"},"broadcast":{},"seq":0}'
EVENT = '{"event":"typing","data":{"user_id":"u"},"broadcast":{"channel_id":"town"},"seq":%10d}'
Result = TypeVar("Result")
PONG = '{"status":"OK","data":{"text":"pong"},"seq_reply":1}'


class Reports(list[tuple[str, str, Exception | None]]):
    """What Locust would be told."""

    def __call__(
        self, *, request_type: str, name: str, exception: Exception | None, response_time: float | None, **_: Any
    ) -> None:
        assert response_time is None or response_time >= 0
        self.append((request_type, name, exception))


class Ear:
    """Listens to a socket."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_hello(self) -> None:
        self.heard.append("hello")

    def on_event(self, frame: Frame, data: bytes) -> None:
        assert frame.broadcast is not None
        self.heard.append((frame.event, frame.seq, frame.broadcast.channel_id))

    def on_gap(self, expected: int, got: int) -> None:
        self.heard.append(("gap", expected, got))

    def on_closed(self) -> None:
        self.heard.append("closed")

    def wait_for(self, count: int) -> list[object]:
        with gevent.Timeout(PATIENCE):
            while len(self.heard) < count:
                gevent.sleep(0.01)
        return self.heard


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says the same to everybody, or nothing at all and waits."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n{}")
            if answer == b"wait":
                await reader.read()
            writer.write(answer)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def speaking(*talks: list[str]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server of WebSockets: what it says on the first connection, the second …; and the paths asked for."""
    paths: list[str] = []

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        paths.append(connection.request.path)
        for line in talks[len(paths) - 1]:
            if line == "close":
                return
            if line == PONG:
                await connection.recv()
            await connection.send(line)
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", paths


async def beside(work: Callable[[], Result]) -> Result:
    """Work of gevent's, in a thread of its own that leaves nothing behind."""

    def run() -> Result:
        try:
            return work()
        finally:
            gevent.get_hub().destroy()

    return await asyncio.to_thread(run)


@pytest.mark.parametrize(
    ("answer", "failure", "text"),
    [
        (b'HTTP/1.1 503 X\r\nContent-Length: 11\r\n\r\n{"id":"a.b"', ServerFailed, "503"),
        (b'HTTP/1.1 503 X\r\nContent-Length: 12\r\n\r\n{"id":"a.b"}', ServerFailed, "503 a.b"),
        (b"HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n", ServerFailed, "429"),
        (b'HTTP/1.1 404 X\r\nContent-Length: 12\r\n\r\n{"id":"c.d"}', Refused, "404 c.d"),
        (b"nonsense\r\n\r\n", Disconnected, "HTTPParseError"),
        (b"", Disconnected, "HTTPConnectionClosed"),
        (b"wait", TimedOut, "no answer in time"),
    ],
)
async def test_a_call_that_fails_is_counted_by_what_went_wrong(
    answer: bytes, failure: type[CallFailed], text: str
) -> None:
    reports = Reports()
    async with answering(answer) as url:

        def call() -> None:
            with contextlib.closing(Rest(url, reports, timeout=0.5 if failure is TimedOut else PATIENCE)) as rest:
                rest.post("/channels/{}/posts?since={}", "c", 7, body={})

        with pytest.raises(failure, match=text):
            await beside(call)

    assert [(kind, name, type(exception)) for kind, name, exception in reports] == [
        ("POST", "/channels/{}/posts?since", failure)
    ]


async def test_nobody_listening_is_a_broken_connection() -> None:
    async with answering(b"") as url:
        pass

    def call() -> None:
        with contextlib.closing(Rest(url, None)) as rest:
            rest.get("/users/me")

    with pytest.raises(Disconnected):
        await beside(call)


def test_calls_are_counted_without_the_values_of_their_queries() -> None:
    assert label("/channels/{}/posts?since={}&collapsedThreads=true") == "/channels/{}/posts?since&collapsedThreads"


async def test_a_hole_in_the_numbers_of_events_is_noticed() -> None:
    ear, reports = Ear(), Reports()
    async with speaking([HELLO % "one", EVENT % 1, EVENT % 3, EVENT % 4]) as (url, _):

        def listen() -> list[object]:
            socket = Socket(url, "token", ear, reports, timeout=PATIENCE)
            assert not socket.open()
            heard = ear.wait_for(5)
            socket.drop()
            return heard

        assert await beside(listen) == [
            "hello",
            ("typing", 1, "town"),
            ("gap", 2, 3),
            ("typing", 3, "town"),
            ("typing", 4, "town"),
        ]
    assert reports == [("WS", "connect", None)]


async def test_a_resumed_connection_goes_on_and_one_that_is_not_begins_anew() -> None:
    ear, reports = Ear(), Reports()
    talks = [HELLO % "one", EVENT % 1], [EVENT % 2, PONG], [HELLO % "two", PONG]
    async with speaking(*talks) as (url, paths):

        def come_and_go() -> list[bool]:
            socket = Socket(url, "token", ear, reports, timeout=PATIENCE)
            socket.open()
            ear.wait_for(2)
            socket.drop()
            again = [socket.open()]
            socket.drop()
            again.append(socket.open())
            socket.drop()
            return again

        assert await beside(come_and_go) == [True, False]
    assert ear.heard == ["hello", ("typing", 1, "town"), ("typing", 2, "town"), "hello"]
    assert [path.partition("?")[2] for path in paths] == [
        "posted_ack=true",
        "posted_ack=true&connection_id=one&sequence_number=2",
        "posted_ack=true&connection_id=one&sequence_number=3",
    ]
    assert [name for _, name, _ in reports] == ["connect", "resume", "reconnect anew"]


async def test_a_server_that_hangs_up_is_noticed_and_one_that_says_nothing_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ear, reports = Ear(), Reports()
    connect = Socket._connect

    def connect_and_hurry(socket: Socket, url: str) -> None:
        connect(socket, url)
        socket._timeout = 0.3

    async with speaking([HELLO % "one", "close"], []) as (url, _):

        def listen() -> None:
            Socket(url, "token", ear, reports, timeout=PATIENCE).open()
            ear.wait_for(2)
            monkeypatch.setattr(Socket, "_connect", connect_and_hurry)
            Socket(url, "token", ear, reports, timeout=PATIENCE).open()

        with pytest.raises(TimedOut, match="neither hello nor an answer"):
            await beside(listen)
    assert ear.heard == ["hello", "closed"]
    assert {(name, type(exception)) for _, name, exception in reports} == {
        ("connect", type(None)),
        ("closed by the server", type(None)),
        ("connect", TimedOut),
    }
