"""Settings that are read again from the database."""

from collections.abc import Callable

from server.bus.bus import Bus
from server.cache import Cache
from server.config import Config, Overrides
from server.context import Services
from server.db import Pool
from server.features.system.store import ConfigStore
from tests.nodes import TestNode


async def test_changes_of_one_test_stay_until_it_ends(node: TestNode, settings: Callable[..., None]) -> None:
    settings(TeamSettings={"MaxUsersPerTeam": 3})
    store = node.services.extras[ConfigStore]
    assert isinstance(store, ConfigStore)

    await store.reload()

    assert node.services.config.TeamSettings.MaxUsersPerTeam == 3


async def test_a_node_that_stops_does_not_read_them_because_its_bus_has_stopped() -> None:
    bus, db = Bus("redis://127.0.0.1:1", "node"), Pool("postgresql://127.0.0.1:1/none")
    store = ConfigStore(Services(config=Config(), db=db, bus=bus, cache=Cache(), node_id="node"), Overrides({}))

    await store.stop()
    bus.linked(up=False)

    assert store._reloading is None
