"""People by their names, from what nodes remember: right on each of them as soon as a change was answered."""

from collections.abc import Callable
from typing import Any

from tests.clients_of import Client
from tests.make import Make

Clients = Callable[..., Client]
Counted = Callable[..., Any]


async def test_names_are_remembered(client: Clients, counted: Counted, make: Make) -> None:
    ada, bob, carol = await make.users(3)
    names = [carol.username, f"@{bob.username.upper()}", bob.username, "nobody-has-this-name"]
    path = "/users/usernames"
    assert (await client(ada).post(path, [])).ok() == []
    (await client(ada).post(path, names)).ok()
    with counted(sql=1):  # nobody may have the name by now
        found = (await client(ada).post(path, names)).ok()
    with counted(sql=0):
        assert (await client(ada).post(path, names[:3])).ok() == found
        assert (await client(ada).post("/users/ids", [carol.id, bob.id])).ok() == found
    assert [user["username"] for user in found] == sorted((bob.username, carol.username))


async def test_a_name_that_changes_hands_is_the_new_owners_on_every_node(client: Clients, make: Make) -> None:
    ada, bob, carol = await make.users(3)
    name, other = bob.username, f"{bob.username}.x"

    async def owners(*names: str) -> list[list[str]]:
        found = [(await client(ada, node=node).post("/users/usernames", list(names))).ok() for node in (0, 1)]
        return [[user["id"] for user in users] for users in found]

    assert await owners(name, other) == [[bob.id]] * 2
    (await client(bob, node=1).put("/users/me/patch", {"username": other})).ok()
    assert await owners(name) == [[]] * 2
    assert await owners(other) == [[bob.id]] * 2
    (await client(carol).put("/users/me/patch", {"username": name})).ok()
    assert await owners(name, other) == [[carol.id, bob.id]] * 2
    (await client(carol, node=1).put("/users/me/patch", {"nickname": "the new one"})).ok()
    for node in (0, 1):
        (user,) = (await client(ada, node=node).post("/users/usernames", [name])).ok()
        assert user["nickname"] == "the new one"
