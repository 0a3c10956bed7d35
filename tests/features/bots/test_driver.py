"""Bots, tokens and webhooks through published libraries, as the authors of bots use them."""

import asyncio
from collections.abc import Callable
from typing import Any

import mattermostautodriver
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


async def test_mattermostdriver_manages_and_calls_webhooks(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    channel = await make.channel(await make.team(owner=ada), owner=ada)
    options = {"url": "127.0.0.1", "scheme": "http", "port": node.port, "token": ada.token}

    def talk() -> dict[str, Any]:
        driver = mattermostdriver.Driver(options)
        driver.login()
        hook: dict[str, Any] = driver.webhooks.create_incoming_hook({"channel_id": channel.id, "display_name": "a"})
        changed = driver.webhooks.update_incoming_hook(hook["id"], {**hook, "display_name": "b"})
        assert driver.webhooks.get_incoming_hook(hook["id"]) == changed
        assert driver.webhooks.list_incoming_hooks({"team_id": hook["team_id"]}) == [changed]
        assert driver.webhooks.call_webhook(hook["id"], {"text": "from the driver"}).text == "ok"
        return hook

    hook = await asyncio.to_thread(talk)

    listed = (await client(ada).get(f"/channels/{channel.id}/posts")).ok()
    newest = listed["posts"][listed["order"][0]]
    assert newest["message"] == "from the driver"
    assert newest["props"]["webhook_display_name"] == "b"
    assert hook["user_id"] == ada.id


async def test_mattermostautodriver_knows_all_of_it(
    make: Make, admin: Person, settings: Settings, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True, "EnableUserAccessTokens": True})
    ada = await make.user()
    channel = await make.channel(await make.team(owner=ada), owner=ada)
    options = {"url": "127.0.0.1", "scheme": "http", "port": node.port, "token": admin.token}
    name, new_name = make.name("bot"), make.name("bot")

    def talk() -> None:
        driver = mattermostautodriver.TypedDriver(options)
        driver.login()
        bot_id = driver.bots.create_bot(name, display_name="B", description="d")["user_id"]
        assert driver.bots.patch_bot(bot_id, new_name)["username"] == new_name
        assert driver.bots.disable_bot(bot_id)["delete_at"] > 0
        assert driver.bots.get_bot(bot_id, include_deleted=True)["delete_at"] > 0
        assert driver.bots.enable_bot(bot_id)["delete_at"] == 0
        assert driver.bots.assign_bot(bot_id, ada.id)["owner_id"] == ada.id
        assert bot_id in [bot["user_id"] for bot in driver.bots.get_bots(per_page=200)]

        token = driver.users.create_user_access_token(bot_id, "x")
        token_id = token["id"]
        (listed,) = driver.users.get_user_access_tokens_for_user(bot_id)
        assert listed == driver.users.get_user_access_token(token_id)
        assert driver.users.disable_user_access_token(token_id) == {"status": "OK"}
        assert driver.users.enable_user_access_token(token_id) == {"status": "OK"}
        assert driver.users.rotate_user_access_token(token_id)["token"] != token["token"]
        assert driver.users.search_user_access_tokens(new_name) == [listed]
        assert driver.users.revoke_user_access_token(token_id) == {"status": "OK"}

        hook = driver.webhooks.create_incoming_webhook(channel.id, display_name="a")
        wanted = {"hook_id": hook["id"], "id": hook["id"], "channel_id": channel.id}
        changed = driver.webhooks.update_incoming_webhook(**wanted, display_name="b", description="c")
        assert driver.webhooks.get_incoming_webhook(hook["id"]) == changed
        assert changed in driver.webhooks.get_incoming_webhooks(team_id=hook["team_id"])
        assert driver.webhooks.delete_incoming_webhook(hook["id"]) == {"status": "OK"}
        driver.close()

    await asyncio.to_thread(talk)
