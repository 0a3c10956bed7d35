"""Connections of a node that stops: what is on its way is answered, and then they end."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from server.engines.redis import Redis
from server.http.exchange import Exchange
from server.http.protocol import PARTING_SECONDS, BoundedHttp
from server.serve import Server
from tests.cli.running import ROOT
from tests.processes import NodeProcess

PING = b"GET /api/v4/system/ping HTTP/1.1\r\nhost: test\r\n\r\n"


async def test_a_request_that_comes_when_the_node_no_longer_listens_is_answered(
    fresh_database: str, redis_server: Redis, tmp_path: Path
) -> None:
    # On a busy machine the request would be on its way for longer than such a connection is kept.
    patience = "from server.http import protocol\nprotocol.PARTING_SECONDS = 20.0\n"
    (tmp_path / "sitecustomize.py").write_text(patience)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    node = NodeProcess(fresh_database, redis_server.url, tmp_path / "node.log", PYTHONPATH=path)
    try:
        await asyncio.to_thread(node.wait_until_up)
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(PING)
        first = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" not in first
        os.kill(node.pid, signal.SIGTERM)
        async with asyncio.timeout(30):
            while True:
                try:
                    _, other = await asyncio.open_connection("127.0.0.1", node.port)
                except ConnectionRefusedError:
                    break
                other.close()
                await asyncio.sleep(0.005)
        writer.write(PING)
        rest = await asyncio.wait_for(reader.read(), 30)
        writer.close()

        assert rest.count(b"HTTP/1.1 200 OK\r\n") == 1
        assert b"connection: close\r\n" in rest
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", node.port)
    finally:
        await asyncio.to_thread(node.stop)


async def say_hello(exchange: Exchange) -> None:
    """An application."""
    exchange.write_whole(200, b"", b"hello")


class Busy(asyncio.Protocol):
    """Keeps the loop from everything else when it is told to, while a request comes on another connection."""

    def __init__(self, client: socket.socket, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        self._client.sendall(PING)
        time.sleep(self._seconds)


def test_a_request_that_comes_in_time_is_answered_though_the_loop_is_late() -> None:
    """In production's loop timers come before what has arrived meanwhile."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answer = runner.run(asked_while_busy())

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close\r\n" in answer


async def asked_while_busy() -> bytes:
    """What is answered to a request that comes while the loop is busy, and until its connection should have ended."""
    loop = asyncio.get_running_loop()
    config, state = uvicorn.Config(say_hello, interface="asgi3", proxy_headers=False), ServerState()
    config.load()
    with contextlib.ExitStack() as stack:
        listening = await loop.create_server(lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0)
        stack.callback(listening.close)
        client = stack.enter_context(socket.create_connection(listening.sockets[0].getsockname(), 10))
        delaying = await loop.create_server(lambda: Busy(client, PARTING_SECONDS + 0.2), "127.0.0.1", 0)
        stack.callback(delaying.close)
        _, writer = await asyncio.open_connection(*delaying.sockets[0].getsockname())
        stack.callback(writer.close)
        while not state.connections:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        for connection in list(state.connections):
            connection.shutdown()
        writer.write(b"now")
        try:
            return await asyncio.to_thread(client.recv, 1000)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("clients", [1, 5])
def test_who_waits_to_be_accepted_when_the_node_stops_is_answered_and_parts(clients: int) -> None:
    """One of them is accepted before the node listens no more, and not known yet."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(asked_at_the_door(clients))

    assert [answer.count(b"HTTP/1.1 200 ") for answer in answers] == [1] * clients


async def asked_at_the_door(number: int) -> list[bytes]:
    """What so many clients are answered who connect and ask while the loop is busy, until it ends."""
    config = uvicorn.Config(
        say_hello, interface="asgi3", http=BoundedHttp, proxy_headers=False, lifespan="off", log_config=None
    )
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.setblocking(False)
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        address = listening.getsockname()
        clients = [stack.enter_context(socket.create_connection(address, 10)) for _ in range(number)]
        for client in clients:
            client.sendall(PING)
        server.leave()
        await asyncio.wait_for(serving, 30)  # much less than they may be silent for
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 10)
        return [heard(client) for client in clients]


def heard(client: socket.socket) -> bytes:
    """All that was sent to a client, until the end of its connection."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(1000):
            answer += data
    return answer
