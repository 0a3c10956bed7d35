"""Two nodes that nobody else uses, so that all they do was asked for, and meters of what the first one does."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.engines.redis import Redis
from tests.clients_of import Socket
from tests.costs.calls import World
from tests.costs.metering import Meter
from tests.costs.wires import Wire, open_wires, upgrade
from tests.engines import Databases
from tests.nodes import start_node


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def world(
    databases: Databases, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A small team on nodes of its own; everybody is connected to the first one."""
    dsn, redis, files = databases.fresh(), f"{redis_server.url}?db=8", tmp_path_factory.mktemp("files")
    async with start_node(dsn, redis, files) as node, start_node(dsn, redis, files) as other:
        world = World(node, other)
        await world.build()
        others = [(Wire(keep=False), upgrade(each.token)) for each in (world.bob, world.carol)]
        await open_wires(node.node.gateway, others)
        async with Socket.open(node, world.ada.token) as world.socket:
            yield world
    databases.drop(dsn)


@pytest.fixture
def meter(world: World, monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Measures what the first node does."""
    return Meter(world.node, monkeypatch)
