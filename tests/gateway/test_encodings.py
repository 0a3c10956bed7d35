"""Every way of encoding brings the same events, whatever the seq, and published clients decode them."""

import asyncio
import base64
import contextlib
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgpack
import pytest

from server.gateway.connection import Connection
from server.gateway.frames import DEFLATE, JSON, MSGPACK, RSV1, Heads, joined, one_frame
from tests.clients.javascript import frames_program
from tests.gateway.conftest import GatewayNode, Stage, World, until
from tests.gateway.events import in_channel

SIZES = (1, 200, 250, 300, 5_000, 20, 70_000, 200_000, 3)
LATE = 4_000_000_000
"""A seq of ten digits, as after years."""


def body(size: int) -> bytes:
    return b'{"event":"e","data":{"text":"%b"},"broadcast":{},"seq":' % (
        b"lorem ipsum "[: size % 12] + b"abcdefg" * size
    )


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The first byte and the payload of each frame."""
    at = 0
    while at < len(data):
        first, size, start = data[at], data[at + 1], at + 2
        if size > 125:
            start += 2 if size == 126 else 8
            size = int.from_bytes(data[at + 2 : start])
        yield first, data[start : start + size]
        at = start + size
    assert at == len(data)


def decoded(data: bytes) -> list[dict[str, Any]]:
    found = []
    for first, payload in messages(data):
        if first & RSV1:
            payload = zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")
        found.append(msgpack.unpackb(payload) if first & 0x0F == 2 else json.loads(payload))
    return found


@pytest.mark.parametrize("codec", [JSON, MSGPACK, DEFLATE])
@pytest.mark.parametrize("first", [0, 3, 993, 999, 1000, 1995, 999_995, 123_456_789, LATE])
def test_frames_hold_the_event_and_its_seq(codec: int, first: int) -> None:
    bodies = [body(size) for size in SIZES]
    heads = [Heads(one).head(codec) for one in bodies]
    wanted = [json.loads(one + b"%d}" % seq) for seq, one in enumerate(bodies, first)]

    assert decoded(joined(codec, heads, first)) == wanted
    assert b"".join(one_frame(codec, head, seq) for seq, head in enumerate(heads, first)) == joined(codec, heads, first)


def test_many_frames_are_joined_over_several_thousands() -> None:
    heads = [Heads(body(1)).head(JSON)] * 3_500
    assert [event["seq"] for event in decoded(joined(JSON, heads, 700))] == list(range(700, 4_200))


def test_a_compressed_event_is_compressed_once_and_small() -> None:
    """Beside the event itself there are a header, a stored block with the seq, and a byte at its end."""
    one = body(300)
    heads = Heads(one)
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    alone = deflate.compress(one) + deflate.flush(zlib.Z_SYNC_FLUSH)

    head = heads.head(DEFLATE)
    assert heads.head(DEFLATE) is head
    assert len(one_frame(DEFLATE, head, LATE)) == len(alone) + 2 + 5 + 12 + 1
    assert head[0] & RSV1
    assert not Heads(body(20)).head(DEFLATE)[0] & RSV1


class Repeater:
    """The npm package `ws`, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._reading = asyncio.create_task(self._read())
        self.extensions: set[str] = set()
        self.events: list[dict[str, Any]] = []

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            content = base64.b64decode(said["data"])
            self.extensions.add(said["extension"])
            self.events.append(msgpack.unpackb(content) if said["binary"] else json.loads(content))

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert await asyncio.wait_for(self._process.wait(), 30) == 0
        await self._reading


@contextlib.asynccontextmanager
async def repeater(node: GatewayNode, token: str, query: str = "", deflate: str = "") -> AsyncIterator[Repeater]:
    url = f"ws://127.0.0.1:{node.port}/api/v4/websocket{query}"
    pipe = asyncio.subprocess.PIPE
    command = [*frames_program(), url, token, deflate]
    started = Repeater(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 22))
    try:
        await until(lambda: started.events)
        yield started
    finally:
        await started.stop()


async def test_published_clients_decode_the_same_events(stage: Stage, world: World) -> None:
    """`websockets` and `ws`, each with JSON, compressed JSON and msgpack; large and small events in one write."""
    node = await stage.node()
    ada = world.user("channel:c")
    plain = await stage.hello(node, ada)
    deflated = await stage.hello(node, ada, compression="deflate")
    packed = await stage.hello(node, ada, "?format=msgpack")
    async with (
        repeater(node, world.token(ada)) as other_plain,
        repeater(node, world.token(ada), deflate="deflate") as other_deflated,
        repeater(node, world.token(ada), "?format=msgpack") as other_packed,
    ):
        connections = node.gateway.hub.users[ada].connections
        for connection in connections:
            grow_old(connection)
        texts = [f"{number} grüß " * size for number, size in enumerate((1, 30, 40, 900, 9_000, 3) * 8)]
        await node.bus.publish([in_channel(text) for text in texts])
        heard: list[Callable[[], list[dict[str, Any]]]] = [
            lambda: plain.events,
            lambda: deflated.events,
            lambda: [msgpack.unpackb(raw) for raw in packed.raw if isinstance(raw, bytes)],
            lambda: other_plain.events,
            lambda: other_deflated.events,
            lambda: other_packed.events,
        ]
        await until(lambda: all(len(events()) == len(texts) + 1 for events in heard))

    assert deflated.socket.protocol.extensions
    assert other_deflated.extensions == {"permessage-deflate"}
    assert len(connections) == 6
    for events in heard:
        assert [event["data"]["text"] for event in events()[1:]] == texts
        assert [event["seq"] for event in events()[1:]] == list(range(LATE + 1, LATE + 1 + len(texts)))
        assert [event["broadcast"] for event in events()] == [event["broadcast"] for event in heard[0]()]


def grow_old(connection: Connection) -> None:
    """As if there had been many events between its hello and now."""
    assert (connection.first, connection.seq, connection.unsent) == (0, 1, 0)
    connection.begin_at(LATE)  # of the hello, as it were
    connection.seq += 1
