"""Lists of people that are remembered: what changes shows at once, and each caller gets the own view."""

from collections.abc import Callable
from typing import Any

from tests.clients_of import Client
from tests.make import Make, Person

Clients = Callable[..., Client]


async def listed(client: Client, team_id: str) -> dict[str, dict[str, Any]]:
    return {user["username"]: user for user in (await client.get(f"/users?in_team={team_id}")).ok()}


async def test_a_change_shows_in_the_next_list(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    assert (await listed(client(ada), team.id))[bob.username]["nickname"] == ""

    (await client(bob).put("/users/me/patch", {"nickname": "Bobby"})).ok()

    assert (await listed(client(ada), team.id))[bob.username]["nickname"] == "Bobby"
    assert [user["nickname"] for user in (await client(ada).post("/users/ids", [bob.id])).ok()] == ["Bobby"]


async def test_what_administrators_see_is_not_shown_to_others(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])

    for _ in range(2):
        assert "notify_props" in (await listed(client(admin), team.id))[bob.username]
        assert "notify_props" not in (await listed(client(ada), team.id))[bob.username]
        assert "notify_props" not in (await client(ada).post("/users/ids", [bob.id])).ok()[0]


async def test_known_people_cost_no_statement(make: Make, client: Clients, counted: Any) -> None:
    ada, bob, eve = await make.users(3)
    wanted = [eve.id, bob.id, eve.id, "0" * 26]
    first = (await client(ada).post("/users/ids", wanted[:3])).ok()

    with counted(sql=0):
        assert (await client(ada).post("/users/ids", wanted[:3])).ok() == first
    assert [user["username"] for user in (await client(ada).post("/users/ids", wanted)).ok()] == sorted(
        [eve.username, bob.username]
    )
