"""Commands about the client, those of absent features, and those that fill a test system."""

import pytest

from tests.features.commands.world import Clients, Settings, Sockets, World, heard
from tests.make import Make, Person
from tests.receiver import Receiver


@pytest.mark.parametrize("line", ["/search words", "/settings", "/shortcuts"])
async def test_some_only_a_client_can_carry_out(world: World, socket: Sockets, line: str) -> None:
    async with socket(world.bob) as bob:
        answer = await world.done(world.bob, line)
        assert await heard(bob) == [answer["text"]]

    assert "client" in answer["text"]


@pytest.mark.parametrize("line", ["/share-channel invite", "/secure-connection create", "/marketplace"])
async def test_features_that_are_not_there_are_said_to_be_absent(world: World, line: str) -> None:
    answer = await world.done(world.bob, line)

    assert " no " in answer["text"] or "can't" in answer["text"]


@pytest.mark.parametrize(("trigger", "collapsed"), [("expand", "false"), ("collapse", "true")])
async def test_previews_are_a_preference(
    world: World, client: Clients, socket: Sockets, trigger: str, collapsed: str
) -> None:
    async with socket(world.bob) as bob, socket(world.ada) as ada:
        await world.done(world.bob, f"/{trigger}")
        changed = await bob.next("preferences_changed")
        assert "preferences_changed" not in await ada.names()

    stored = (await client(world.bob).get("/users/me/preferences/display_settings/name/collapse_previews")).ok()
    assert stored["value"] == collapsed
    assert changed.data["preferences"] == [stored]


async def test_help_leads_to_the_operators_page(world: World, settings: Settings) -> None:
    settings(SupportSettings={"HelpLink": "https://help.example.org/"})
    assert (await world.done(world.bob, "/help"))["goto_location"] == "https://help.example.org/"

    settings(SupportSettings={"HelpLink": ""})
    text = (await world.done(world.bob, "/help"))["text"]

    assert {"`/away`", "`/leave`"} <= set(text.replace(":", " ").split())
    assert "/test" not in text
    assert "/marketplace" not in text


async def test_logout_ends_the_session_everywhere(world: World, client: Clients, make: Make) -> None:
    phone = await make.login({"id": world.bob.id, "username": world.bob.username, "email": world.bob.email})

    answer = await world.done(world.bob, "/logout")

    assert answer["goto_location"] == "/login"
    for node in (0, 1):
        assert (await client(world.bob, node=node).get("/users/me")).status == 401
        assert (await client(phone, node=node).get("/users/me")).status == 200


async def test_a_test_system_is_filled(
    world: World, client: Clients, admin: Person, settings: Settings, make: Make
) -> None:
    settings(ServiceSettings={"EnableTesting": True})
    await make.join_team(world.team, admin)
    await make.join_channel(world.town, admin)
    before = (await client(admin).get(f"/teams/{world.team.id}/stats")).ok()["total_member_count"]

    await world.done(admin, "/test posts 3")
    await world.done(admin, "/test channels 2")
    await world.done(admin, "/test users 1")
    refused = [
        await world.done(admin, f"/test {what}")
        for what in ("", "posts 0", "posts 101", "posts x", "cats 1", "users 99")
    ]

    assert len(await world.posts()) == 3
    channels = (await client(world.ada).get(f"/teams/{world.team.id}/channels")).ok()
    assert len([channel for channel in channels if channel["creator_id"] == admin.id]) == 2
    assert (await client(admin).get(f"/teams/{world.team.id}/stats")).ok()["total_member_count"] == before + 1
    assert all("/test posts" in answer["text"] for answer in refused)


async def test_only_administrators_fill_it(world: World, settings: Settings) -> None:
    settings(ServiceSettings={"EnableTesting": True})

    answer = await world.done(world.ada, "/test posts 3")

    assert "permission" in answer["text"]
    assert await world.posts() == []


@pytest.mark.usefixtures("reachable")
async def test_a_page_is_posted(
    world: World, admin: Person, settings: Settings, make: Make, receiver: Receiver
) -> None:
    settings(ServiceSettings={"EnableTesting": True})
    await make.join_team(world.team, admin)
    await make.join_channel(world.town, admin)
    receiver.answer(text="once upon a time")

    bad = await world.done(admin, "/test url ftp://example.org")
    inside = await world.done(admin, f"/test url {receiver.url}/story".replace("127.0.0.1", "127.0.0.2"))
    await world.done(admin, f"/test url {receiver.url}/story")

    assert [post["message"] for post in await world.posts()] == ["once upon a time"]
    assert {bad["text"], inside["text"]} == {"The address is not allowed."}
    assert len(receiver.requests) == 1
