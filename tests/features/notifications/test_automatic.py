"""Automatic replies of those who are out of office."""

from collections.abc import Callable
from typing import Any

import pytest

from server.context import Context
from server.db import SQL
from tests.clients_of import Client
from tests.features.notifications.conftest import World
from tests.make import Make, Person, Thing
from tests.waiting import until_gone

Clients = Callable[..., Client]
Settings = Callable[..., None]

YESTERDAY = SQL("UPDATE posts SET create_at = create_at - 86400000 WHERE channel_id = $1 AND type <> ''")
WAITING = SQL("SELECT count(*) FROM jobs WHERE name IN ('reply_automatically', 'set_automatic_status')")


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings(TeamSettings={"ExperimentalEnableAutomaticReplies": True})


async def settle(ctx: Context) -> None:
    """Wait until nothing of this is left to be done."""
    await until_gone(lambda: ctx.db.value(WAITING))


async def leave(ctx: Context, client: Client, message: str = "Back in May") -> None:
    props = {"auto_responder_active": "true", "auto_responder_message": message}
    (await client.put("/users/me/patch", {"notify_props": props})).ok()
    await settle(ctx)


async def posts_in(client: Client, channel: Thing) -> list[dict[str, Any]]:
    page = (await client.get(f"/channels/{channel.id}/posts")).ok()
    return [page["posts"][post_id] for post_id in reversed(page["order"])]


async def status_of(client: Client, person: Person) -> str:
    return str((await client.get(f"/users/{person.id}/status")).ok()["status"])


async def test_a_direct_message_is_replied_to_once_a_day(
    ctx: Context, client: Clients, world: World, make: Make
) -> None:
    await leave(ctx, client(world.bob))
    direct = await make.direct(world.ada, world.bob)
    post = await make.post(world.ada, direct, "are you there?")
    await settle(ctx)
    await make.post(world.ada, direct, "hello??")
    await settle(ctx)

    said = await posts_in(client(world.ada), direct)
    assert [each["message"] for each in said] == ["are you there?", "Back in May", "hello??"]
    assert (said[1]["type"], said[1]["user_id"]) == ("system_auto_responder", world.bob.id)
    assert said[1]["root_id"] == post["id"]
    unread = (await client(world.bob).get(f"/users/me/channels/{direct.id}/unread")).ok()
    assert unread["mention_count"] == 2  # the reply has not marked it read

    await ctx.db.run(YESTERDAY, direct.id)
    await make.post(world.ada, direct, "the next day")
    await settle(ctx)
    said = await posts_in(client(world.ada), direct)
    assert sum(each["type"] == "system_auto_responder" for each in said) == 2


async def test_the_status_says_so_until_another_one_is_chosen(
    ctx: Context, client: Clients, world: World, make: Make, socket: Any
) -> None:
    async with socket(world.bob) as events:
        await leave(ctx, client(world.bob))
        changed = await events.next("status_change")
        while changed.data["status"] != "ooo":
            changed = await events.next("status_change")
        assert await status_of(client(world.ada), world.bob) == "ooo"

        (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "away"})).ok()
        me = (await client(world.bob).get("/users/me")).ok()
        assert me["notify_props"]["auto_responder_active"] == "false"
        assert me["notify_props"]["auto_responder_message"] == "Back in May"
        assert await status_of(client(world.ada), world.bob) == "away"
    direct = await make.direct(world.ada, world.bob)
    await make.post(world.ada, direct, "are you there?")
    await settle(ctx)
    assert len(await posts_in(client(world.ada), direct)) == 1


async def test_switching_it_off_brings_one_back(ctx: Context, client: Clients, world: World) -> None:
    await leave(ctx, client(world.bob))
    assert await status_of(client(world.ada), world.bob) == "ooo"
    (await client(world.bob).put("/users/me/patch", {"notify_props": {"auto_responder_active": "false"}})).ok()
    await settle(ctx)

    assert await status_of(client(world.ada), world.bob) == "online"


async def test_channels_groups_and_bots_get_no_reply(ctx: Context, client: Clients, world: World, make: Make) -> None:
    await leave(ctx, client(world.bob))
    group = await make.group(world.ada, world.bob, await make.user())
    await make.post(world.ada, group, "are you all there?")
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    (await client(world.bob).post("/notifications/test")).ok()
    await settle(ctx)

    assert len(await posts_in(client(world.ada), group)) == 1
    types = {each["type"] for each in await posts_in(client(world.ada), world.town)}
    assert "system_auto_responder" not in types


async def test_two_who_are_away_do_not_reply_to_each_other_for_ever(
    ctx: Context, client: Clients, world: World, make: Make
) -> None:
    await leave(ctx, client(world.bob))
    await leave(ctx, client(world.ada), "Back in June")
    direct = await make.direct(world.ada, world.bob)
    await make.post(world.ada, direct, "bye")
    await settle(ctx)

    assert [each["message"] for each in await posts_in(client(world.ada), direct)] == ["bye", "Back in May"]


@pytest.mark.parametrize("how", ["setting", "empty"])
async def test_without_the_setting_or_words_there_is_none(
    ctx: Context, client: Clients, world: World, make: Make, settings: Settings, how: str
) -> None:
    await leave(ctx, client(world.bob), "" if how == "empty" else "Back in May")
    if how == "setting":
        settings(TeamSettings={"ExperimentalEnableAutomaticReplies": False})
    direct = await make.direct(world.ada, world.bob)
    await make.post(world.ada, direct, "are you there?")
    await settle(ctx)

    assert len(await posts_in(client(world.ada), direct)) == 1
