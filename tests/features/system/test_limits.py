"""The limits of the server, which clients ask for at their start."""

from collections.abc import Callable

from tests.clients_of import Client
from tests.make import Make, Person

Clients = Callable[..., Client]


async def test_administrators_learn_how_many_accounts_there_are_and_that_there_is_no_limit(
    make: Make, client: Clients, admin: Person
) -> None:
    before = (await client(admin).get("/limits/server")).ok()
    gone, _ = await make.users(2)
    (await client(admin).delete(f"/users/{gone.id}")).ok()
    after = (await client(admin).get("/limits/server")).ok()

    assert after["activeUserCount"] == before["activeUserCount"] + 1 > 1
    assert after["activeUserCount"] == (await client(admin).get("/users/stats")).ok()["total_users_count"]
    assert {name for name, value in after.items() if value} == {"activeUserCount"}
    assert set(after) == {
        "activeUserCount",
        "maxUsersLimit",
        "maxUsersHardLimit",
        "lastAccessiblePostTime",
        "postHistoryLimit",
        "singleChannelGuestCount",
        "singleChannelGuestLimit",
    }


async def test_everyone_else_learns_no_numbers_of_accounts(make: Make, client: Clients) -> None:
    limits = (await client(await make.user()).get("/limits/server")).ok()

    assert not any(limits.values())
    assert (await client().get("/limits/server")).status == 401
