"""The first steps of an administrator, and what clients ask of parts that are not there."""

from collections.abc import Callable
from typing import Any

from server.db import SQL
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]

FORGET = SQL(
    "DELETE FROM systems WHERE name IN ('FirstAdminSetupComplete', 'OrganizationName', 'FirstAdminVisitMarketplace')"
)
NOTED = SQL("SELECT value FROM systems WHERE name = 'OrganizationName'")


async def test_the_first_steps_are_done_once(make: Make, client: Clients, admin: Person, node: TestNode) -> None:
    path = "/system/onboarding/complete"
    await node.services.db.run(FORGET)
    ada = client(await make.user())
    before = (await client(admin).get(path)).ok()
    refused = [await ada.get(path), await ada.post(path, {"organization": "Ada's", "install_plugins": []})]
    done = (await client(admin).post(path, {"organization": " Gardeners ", "install_plugins": []})).ok()
    again = (await client(admin, node=1).post(path, {"organization": "Others"})).ok()

    assert before == {"name": "FirstAdminSetupComplete", "value": "false"}
    assert [reply.status for reply in refused] == [403, 403]
    assert done == again == {"status": "OK"}
    assert (await client(admin, node=1).get(path)).ok() == {"name": "FirstAdminSetupComplete", "value": "true"}
    assert await node.services.db.value(NOTED) == "Gardeners"


async def test_a_visit_is_told_to_administrators(
    make: Make, client: Clients, admin: Person, node: TestNode, socket: Callable[..., Any]
) -> None:
    path = "/plugins/marketplace/first_admin_visit"
    await node.services.db.run(FORGET)
    bob = await make.user()
    before = (await client(admin).get(path)).ok()
    refused = [await client(bob).get(path), await client(bob).post(path, {})]
    async with socket(admin, node=1) as of_admin, socket(bob) as of_bob:
        (await client(admin).post(path, {"name": "FirstAdminVisitMarketplace", "value": "true"})).ok()
        event = await of_admin.next("first_admin_visit_marketplace_status_received")
        assert event.name not in await of_bob.names()

    assert before == {"name": "FirstAdminVisitMarketplace", "value": "false"}
    assert [reply.status for reply in refused] == [403, 403]
    assert event.raw == {"firstAdminVisitMarketplaceStatus": "true"}
    assert (await client(admin, node=1).get(path)).ok()["value"] == "true"


async def test_what_is_not_there_is_said_to_those_who_may_know(make: Make, client: Clients) -> None:
    ada, eve = await make.users(2)
    team = await make.team([ada])
    den = await make.channel(team, [ada], type="P")
    everyone = {
        "/custom_profile_attributes/fields": [],
        "/agents": {"agents": []},
        "/agents/status": {"available": False, "reason": "app.agents.bridge.not_available.plugin_not_active"},
        "/llmservices": {"services": []},
        "/trial-license/prev": {"IsLicensed": "false"},
        f"/users/{ada.id}/custom_profile_attributes": {},
    }
    members = {
        f"/teams/{team.id}/channels/managed_categories": {},
        f"/teams/{team.id}/access_control/attributes": {},
        f"/channels/{den.id}/access_control/attributes": {},
        f"/content_flagging/team/{team.id}/status": {"enabled": False},
    }

    for path, answer in {**everyone, **members}.items():
        assert (await client(ada).get(path)).ok() == answer
        assert (await client().get(path)).status == 401
        assert (await client(eve).get(path)).status == (403 if path in members else 200), path


async def test_news_that_nobody_has_can_be_seen(make: Make, client: Clients) -> None:
    ada = client(await make.user())

    assert (await ada.put("/system/notices/view", ["some_notice"])).ok() == {"status": "OK"}
    assert (await ada.put("/system/notices/view", ["x"] * 1001)).status == 400
    assert (await ada.put("/system/notices/view", "x")).status == 400
    assert (await client().put("/system/notices/view", [])).status == 401
