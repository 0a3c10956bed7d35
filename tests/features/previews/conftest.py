"""Fixtures of the tests of previews."""

import pytest

from tests.features.previews.world import PAGE, SITE, Clients, Settings, World, picture
from tests.make import Make
from tests.receiver import Receiver


@pytest.fixture(autouse=True)
def site(settings: Settings, reachable: None) -> None:
    """Where the service is."""
    settings(ServiceSettings={"SiteURL": SITE})


@pytest.fixture
async def world(make: Make, client: Clients, receiver: Receiver) -> World:
    """A new world; outside are a page, a picture and nothing else."""
    receiver.answer(status=404)
    receiver.answer(path="/page", text=PAGE, headers={"content-type": "text/html; charset=utf-8"})
    receiver.answer(path="/bear.png", body=picture(64, 48), headers={"content-type": "image/png"})
    ada, bob, carol = await make.users(3)
    team = await make.team(members=[ada, bob, carol])
    town = await make.channel(team, members=[ada, bob])
    den = await make.channel(team, members=[ada, bob], type="P")
    return World(ada, bob, carol, team, town, den, client, receiver)
