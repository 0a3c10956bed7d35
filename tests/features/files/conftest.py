"""What tests of files share: a store of their own, people in a private channel, uploads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients_of import Client
from tests.features.files.uploading import Uploads, World
from tests.make import Make
from tests.nodes import TestNode


@pytest.fixture(autouse=True)
def store(settings: Callable[..., None], tmp_path: Path) -> Path:
    """The folder of the store."""
    settings(FileSettings={"Directory": str(tmp_path)})
    return tmp_path


async def new_world(make: Make) -> World:
    """Ada and Bob in a private channel, Carol in the team only."""
    ada, bob, carol = await make.users(3)
    team = await make.team([ada, bob, carol])
    room = await make.channel(team, [ada, bob], type="P")
    return World(ada, bob, carol, team, room)


@pytest.fixture
async def world(make: Make) -> World:
    """One of a test's own."""
    return await new_world(make)


@pytest.fixture(scope="module")
async def same_world(make: Make) -> World:
    """One world for all tests of a module that leave it as it is."""
    return await new_world(make)


@pytest.fixture
def upload(client: Callable[..., Client], two_nodes: tuple[TestNode, TestNode]) -> Uploads:
    """`await upload(ada, room, ("a.txt", b"text"))` gives the FileInfos."""
    return Uploads(client)
