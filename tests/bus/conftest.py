"""A Redis for each test that kills it, and listeners that write down what the bus passes on."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from server.bus.bus import Bus
from server.bus.envelope import Envelope
from server.engines.directory import DataDirectory
from server.engines.redis import FORGETFUL, Redis

_numbers = count(1)


class Listener:
    """Stands where the hub of the gateway would."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Envelope]] = []
        self.lost: list[Collection[str] | None] = []

    def deliver(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        self.events += [(topic, envelope) for envelope in envelopes]

    def batch_ended(self) -> None:
        pass

    def anew(self, topics: Collection[str] | None) -> None:
        self.lost.append(topics)

    @property
    def texts(self) -> list[str]:
        """What the events say, in the order of their arrival."""
        return [envelope.body.split(b'"text":"')[1].split(b'"')[0].decode() for _, envelope in self.events]


class Node:
    """A bus and what it heard."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard = Listener()
        bus.attach(self.heard)


NewNode = Callable[[], Awaitable[Node]]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def new_node(redis_server: Redis) -> AsyncIterator[NewNode]:
    """Makes nodes of a service of the test's own."""
    name = f"test{next(_numbers)}-"
    nodes: list[Node] = []

    async def make() -> Node:
        node = Node(Bus(redis_server.url, f"node{len(nodes)}", name=name))
        nodes.append(node)
        await node.bus.start()
        return node

    yield make
    for node in nodes:
        await node.bus.stop()


@pytest.fixture
def mortal_redis() -> Iterator[Redis]:
    """A running Redis that the test may stop and start."""
    path = Path(tempfile.mkdtemp(prefix="hubbub-test-"))
    with DataDirectory(path) as directory, Redis(directory, settings=FORGETFUL) as engine:
        yield engine
    shutil.rmtree(path, ignore_errors=True)
