"""Roles over HTTP."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from server.access.roles import DEFAULT_ROLES
from server.features.roles.service import seed_roles
from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make, Person

Clients = Callable[..., Client]


@pytest_asyncio.fixture
async def channel_user(admin: Person, client: Clients) -> AsyncIterator[dict[str, Any]]:
    """The role of channel members; what a test changes is put back."""
    role: dict[str, Any] = (await client(admin).get("/roles/name/channel_user")).ok()
    yield role
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()


async def test_all_built_in_roles_are_there_and_only_administrators_list_them(
    make: Make, admin: Person, client: Clients
) -> None:
    ada = await make.user()

    roles = {role["name"]: role for role in (await client(admin).get("/roles")).ok()}

    assert set(roles) >= set(DEFAULT_ROLES)
    assert roles["system_user"]["display_name"] == "authentication.roles.global_user.name"
    assert roles["channel_user"]["scheme_managed"] is True
    assert roles["channel_user"]["built_in"] is True
    assert roles["team_user"]["permissions"] == list(DEFAULT_ROLES["team_user"].permissions)
    assert (await client(ada).get("/roles")).status == 403


async def test_a_role_is_found_by_id_and_by_name(make: Make, client: Clients) -> None:
    ada = await make.user()

    by_name = (await client(ada).get("/roles/name/team_user")).ok()

    assert (await client(ada).get(f"/roles/{by_name['id']}")).ok() == by_name
    assert (await client(ada).get(f"/roles/{new_id()}")).error_id == "app.role.get_by_name.app_error"
    assert (await client(ada).get("/roles/name/nobody")).status == 404
    assert (await client(ada).get("/roles/name/No-Name")).status == 400
    assert (await client(ada).get("/roles/short")).status == 400
    assert (await client().get("/roles/name/team_user")).status == 401


async def test_roles_are_found_by_names_and_unknown_ones_left_out(make: Make, client: Clients) -> None:
    ada = await make.user()

    roles = (await client(ada).post("/roles/names", ["team_user", "nobody", " ", "channel_user"])).ok()

    assert [role["name"] for role in roles] == ["channel_user", "team_user"]


@pytest.mark.parametrize("body", [[], [""], ["A-B"], [None], [1], {}, "team_user", [f"r{n}" for n in range(101)]])
async def test_odd_lists_of_names_are_refused(body: object, make: Make, client: Clients) -> None:
    ada = await make.user()

    assert (await client(ada).post("/roles/names", body)).status == 400


async def test_a_patch_holds_on_all_nodes_and_everyone_hears_of_it(
    channel_user: dict[str, Any], make: Make, admin: Person, client: Clients, socket: Any
) -> None:
    ada = await make.user()
    fewer = [name for name in channel_user["permissions"] if name != "add_reaction"]

    async with socket(ada, node=1) as events:
        patched = (await client(admin).put(f"/roles/{channel_user['id']}/patch", {"permissions": fewer})).ok()
        event = await events.next("role_updated")

    assert patched["permissions"] == fewer
    assert patched["update_at"] > channel_user["update_at"]
    assert event.data["role"] == patched
    assert (await client(ada, node=1).get("/roles/name/channel_user")).ok() == patched


async def test_a_lost_permission_is_refused_on_the_other_node_within_a_second(
    channel_user: dict[str, Any], make: Make, admin: Person, client: Clients
) -> None:
    ada = await make.user()
    team = await make.team([ada])
    channel = await make.channel(team, [ada])
    fewer = [name for name in channel_user["permissions"] if name != "create_post"]
    await make.post(ada, channel)

    (await client(admin).put(f"/roles/{channel_user['id']}/patch", {"permissions": fewer})).ok()
    refused = await client(ada, node=1).post("/posts", {"channel_id": channel.id, "message": "hello?"})

    assert refused.status == 403


async def test_console_permissions_bring_what_their_pages_need(make: Make, admin: Person, client: Clients) -> None:
    role = (await client(admin).get("/roles/name/system_user_manager")).ok()
    wanted = [*role["permissions"], "sysconsole_write_environment_smtp"]

    patched = (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": wanted})).ok()

    assert patched["permissions"] == [*wanted, "test_email"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()


async def test_only_administrators_of_permissions_may_patch(
    channel_user: dict[str, Any], make: Make, client: Clients
) -> None:
    ada = await make.user()

    assert (await client(ada).put(f"/roles/{channel_user['id']}/patch", {"permissions": []})).status == 403
    assert (await client(ada).put(f"/roles/{new_id()}/patch", {"permissions": []})).status == 404


async def test_a_manager_edits_roles_of_members_but_not_those_of_administrators_nor_above_his_own(
    channel_user: dict[str, Any], make: Make, admin: Person, client: Clients
) -> None:
    manager = await make.user()
    roles = {"roles": "system_user system_manager"}
    (await client(admin).put(f"/users/{manager.id}/roles", roles)).ok()
    system_manager = (await client(manager).get("/roles/name/system_manager")).ok()

    fewer = {"permissions": channel_user["permissions"][:-1]}
    more = {"permissions": [*channel_user["permissions"], "create_user_access_token"]}

    assert (await client(manager).put(f"/roles/{channel_user['id']}/patch", fewer)).status == 200
    assert (await client(manager).put(f"/roles/{channel_user['id']}/patch", more)).status == 403
    assert (await client(manager).put(f"/roles/{system_manager['id']}/patch", fewer)).status == 403


@pytest.mark.parametrize(
    ("permissions", "status", "id"),
    [
        (["made_up"], 400, "app.role.save.invalid_role.app_error"),
        (["manage_system"], 501, "api.roles.patch_roles.not_allowed_permission.error"),
        ([1], 400, "api.context.invalid_body_param.app_error"),
        ("create_post", 400, "api.context.invalid_body_param.app_error"),
        (["x" * 65], 400, "api.context.invalid_body_param.app_error"),
        (["create_post\0"], 400, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_odd_permissions_are_refused(
    permissions: object, status: int, id: str, channel_user: dict[str, Any], admin: Person, client: Clients
) -> None:
    reply = await client(admin).put(f"/roles/{channel_user['id']}/patch", {"permissions": permissions})

    assert (reply.status, reply.error_id) == (status, id)
    assert (await client(admin).get("/roles/name/channel_user")).ok()["permissions"] == channel_user["permissions"]


async def test_deprecated_permissions_are_kept_but_an_empty_patch_changes_nothing(
    channel_user: dict[str, Any], admin: Person, client: Clients
) -> None:
    with_old = [*channel_user["permissions"], "manage_webhooks"]

    patched = (await client(admin).put(f"/roles/{channel_user['id']}/patch", {"permissions": with_old})).ok()

    assert patched["permissions"] == with_old
    assert (await client(admin).put(f"/roles/{channel_user['id']}/patch", {})).ok() == patched
    assert (await client(admin).put(f"/roles/{channel_user['id']}/patch", {"permissions": None})).ok() == patched


async def test_the_administrators_role_cannot_lose_what_makes_administrators(admin: Person, client: Clients) -> None:
    role = (await client(admin).get("/roles/name/system_admin")).ok()

    reply = await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": []})

    assert reply.status == 501


async def test_roles_are_seeded_once(node: Any) -> None:
    assert await seed_roles(node.services.db, 1) == 0
