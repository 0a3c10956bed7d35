"""Two nodes that nobody else uses, so that all they do was asked for, and meters of what the first one does."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from server.engines.redis import Redis
from tests.costs.calls import World
from tests.costs.metering import Meter
from tests.costs.wires import Wire, open_wires, upgrade
from tests.engines import Databases
from tests.nodes import start_node


@pytest.fixture(scope="package")
def world_patch() -> Iterator[pytest.MonkeyPatch]:
    """Changes what holds as long as the world does."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def world(
    databases: Databases, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory, world_patch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """A small team on nodes of its own; everybody is connected to the first one."""
    dsn, redis, files = databases.fresh(), f"{redis_server.url}?db=8", tmp_path_factory.mktemp("files")
    large = {"MM_TEAMSETTINGS_MAXUSERSPERTEAM": "10000"}
    async with start_node(dsn, redis, files, **large) as node, start_node(dsn, redis, files, **large) as other:
        world_patch.setattr("server.gateway.gateway.SILENCE_SECONDS", 3600.0)  # wires answer no pings
        world = World(node, other)
        await world.build()
        wires = [(Wire(), upgrade(each.token)) for each in (world.ada, world.bob, world.carol)]
        world.socket, *_ = await open_wires(node.node.gateway, wires)
        world.wire = wires[0][0]
        yield world
    databases.drop(dsn)


@pytest.fixture
def meter(world: World, monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Measures what the first node does."""
    return Meter(world.node, monkeypatch)
