"""Bots that become people and people who become bots: the account stays, who gets in changes."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
FORBIDDEN = (403, "api.context.permissions.app_error")


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True, "EnableUserAccessTokens": True})


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.error_id


async def test_a_bot_becomes_a_person(make: Make, client: Clients, admin: Person, node: TestNode) -> None:
    ada, name = await make.user(), make.name("bot")
    bot = (await client(admin).post("/bots", {"username": name, "description": "robot"})).ok(201)["user_id"]
    token = (await client(admin).post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
    team = await make.team()
    (await client(admin).post(f"/teams/{team.id}/members", {"team_id": team.id, "user_id": bot})).ok(201)
    path = f"/bots/{bot}/convert_to_user"
    body = {"password": PASSWORD, "email": f"{name}@example.org", "first_name": "Robo"}

    assert refusal(await client(ada).post(path, body)) == FORBIDDEN
    assert refusal(await node.client(token).post(path, body)) == FORBIDDEN
    assert (await client(admin).post(path, {"email": f"{name}@example.org"})).status == 400
    assert (await client(admin).post(path, {**body, "password": "short"})).status == 400
    assert (await client(admin).post(path, {**body, "email": ada.email})).status == 400
    assert (await client(admin).get(f"/bots/{bot}")).status == 200
    user = (await client(admin).post(path, body)).ok()

    assert (user["id"], user["email"], user["first_name"], user["roles"]) == (bot, body["email"], "Robo", "system_user")
    assert "is_bot" not in user
    assert "bot_description" not in user
    person = await make.login(user)
    assert [one["id"] for one in (await client(person, node=1).get("/users/me/teams")).ok()] == [team.id]
    assert (await client(admin).get(f"/bots/{bot}?include_deleted=true")).status == 404
    assert (await client(admin).post(path, body)).status == 404
    assert (await client(admin).post(f"/bots/{ada.id}/convert_to_user", body)).status == 404


async def test_a_bot_becomes_an_administrator_when_that_is_wanted(make: Make, client: Clients, admin: Person) -> None:
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]

    user = (await client(admin).post(f"/bots/{bot}/convert_to_user?set_system_admin=true", {"password": PASSWORD})).ok()

    assert user["roles"] == "system_user system_admin"
    boss = await make.login(user)
    assert (await client(boss).get("/audits")).status == 200
    (await client(admin).put(f"/users/{bot}/roles", {"roles": "system_user"})).ok()


async def test_a_person_becomes_a_bot_and_is_out(make: Make, client: Clients, admin: Person, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team([ada, bob])
    channel = await make.channel(team, [ada, bob])
    post = await make.post(ada, channel, "when I was a person")
    path = f"/users/{ada.id}/convert_to_bot"

    assert refusal(await client(bob).post(path)) == FORBIDDEN
    assert (await client(admin).post(f"/users/{admin.id}/convert_to_bot")).status == 400
    async with socket(ada, node=1) as ending, socket(bob) as others:
        bot = (await client(admin).post(path)).ok()
        assert (await others.next("user_updated")).data["user"]["is_bot"] is True
        await ending.connection.wait_closed()

    assert (bot["user_id"], bot["username"], bot["owner_id"]) == (ada.id, ada.username, admin.id)
    assert (await client(ada).get("/users/me")).status == 401
    login = await client().post("/users/login", {"login_id": ada.username, "password": PASSWORD})
    assert refusal(login) == (401, "api.user.login.bot_login_forbidden.app_error")
    assert (await client(bob).get(f"/posts/{post['id']}")).ok()["user_id"] == ada.id
    (await client().post("/users/password/reset/send", {"email": ada.email})).ok()
    assert (await client(admin).post(path)).status == 400
    token = (await client(admin).post(f"/users/{ada.id}/tokens", {"description": "x"})).ok()["token"]
    as_bot = await make.login({"username": bob.username, "id": bob.id, "email": bob.email})
    as_bot.token = token
    await make.post(as_bot, channel, "now I am a bot")
    assert (await client(admin).post(f"/users/{'x' * 26}/convert_to_bot")).status == 404
