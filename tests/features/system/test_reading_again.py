"""Settings that are read again from the database."""

from collections.abc import Callable

from server.features.system.store import ConfigStore
from tests.nodes import TestNode


async def test_changes_of_one_test_stay_until_it_ends(node: TestNode, settings: Callable[..., None]) -> None:
    settings(TeamSettings={"MaxUsersPerTeam": 3})
    store = node.services.extras[ConfigStore]
    assert isinstance(store, ConfigStore)

    await store.reload()

    assert node.services.config.TeamSettings.MaxUsersPerTeam == 3
