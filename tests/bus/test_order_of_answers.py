"""Who is told that signals are published can be sure that they are under way to all nodes."""

import asyncio
import select
import socket
from collections.abc import Iterator

import pytest

from server.bus.signals import NODES, Invalidate
from server.engines.redis import Redis
from tests.bus.conftest import NewNode, Node

LISTENERS = 50
"""It takes Redis a while to write to so many."""


def heard(listeners: list[socket.socket]) -> int:
    """To how many something has come, which is taken."""
    waiting = select.poll()
    for listener in listeners:
        waiting.register(listener, select.POLLIN)
    came = {number for number, _ in waiting.poll(0)}
    for listener in listeners:
        if listener.fileno() in came:
            listener.recv(1 << 20)
    return len(came)


@pytest.fixture
def listeners(redis_server: Redis) -> Iterator[list[socket.socket]]:
    """Connections to Redis that wait to be subscribed."""
    made = []
    for _ in range(LISTENERS):
        listener = socket.socket(socket.AF_UNIX)
        listener.connect(str(redis_server.socket))
        made.append(listener)
    yield made
    for listener in made:
        listener.close()


async def subscribe(node: Node, listeners: list[socket.socket]) -> None:
    """Let them hear what all nodes hear."""
    for listener in listeners:
        listener.sendall(b"SUBSCRIBE %b\r\n" % node.bus.names.channel(NODES))
        await asyncio.to_thread(listener.recv, 1 << 10)


@pytest.mark.parametrize("tags", [("user:a",), tuple(f"user:{number}" for number in range(20_000))])
async def test_signals_have_left_redis_when_they_are_published(
    new_node: NewNode, listeners: list[socket.socket], tags: tuple[str, ...]
) -> None:
    node = await new_node()
    await subscribe(node, listeners)
    for _ in range(20):
        assert await node.bus.publish([Invalidate(tags=tags)])
        assert heard(listeners) == LISTENERS
        await asyncio.sleep(0.01)
        heard(listeners)
