"""A bot as its author writes it: a published library that is given the bot's token and nothing else."""

import asyncio
from collections.abc import Callable
from typing import Any

import mattermostdriver
import mattermostdriver.exceptions
import pytest

from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]


async def test_a_bot_talks_through_mattermostdriver(
    make: Make, client: Clients, admin: Person, settings: Settings, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True})
    bob = await make.user()
    team = await make.team(members=[bob])
    channel = await make.channel(team, members=[bob])
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)
    token = (await client(admin).post(f"/users/{bot['user_id']}/tokens", {"description": "driver"})).ok()
    await make.join_team(team, Person({"id": bot["user_id"], "username": "", "email": ""}, ""))
    options = {"url": "127.0.0.1", "scheme": "http", "port": node.port, "token": token["token"]}

    def talk() -> tuple[dict[str, Any], dict[str, Any]]:
        driver = mattermostdriver.Driver(options)
        me = driver.login()
        town = driver.channels.get_channel_by_name_and_team_name(team.name, channel.name)
        driver.channels.add_user(town["id"], {"user_id": me["id"]})
        post = driver.posts.create_post({"channel_id": town["id"], "message": "beep"})
        return me, post

    me, post = await asyncio.to_thread(talk)

    assert me["id"] == bot["user_id"]
    assert (await client(bob).get(f"/posts/{post['id']}")).ok()["props"]["from_bot"] == "true"
    (await client(admin).post("/users/tokens/revoke", {"token_id": token["id"]})).ok()
    with pytest.raises(mattermostdriver.exceptions.NoAccessTokenProvided):
        await asyncio.to_thread(talk)
