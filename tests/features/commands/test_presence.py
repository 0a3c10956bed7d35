"""Commands about oneself: the status, and the custom status."""

import json

import pytest

from tests.features.commands.world import Clients, Settings, Sockets, World, heard


@pytest.mark.parametrize("status", ["away", "dnd", "offline", "online"])
async def test_a_status_is_chosen(world: World, client: Clients, socket: Sockets, status: str) -> None:
    async with socket(world.bob) as bob, socket(world.ada) as ada:
        await world.done(world.bob, "/dnd" if status != "dnd" else "/away")
        await bob.until_now()
        answer = await world.done(world.bob, f"/{status.upper()}")

        events = await bob.until_now()
        changes = [event.data["status"] for event in events if event.name == "status_change"]
        assert await heard(ada) == []

    stored = (await client(world.ada).get(f"/users/{world.bob.id}/status")).ok()
    assert changes == [status]
    assert (stored["status"], stored["manual"]) == (status, status != "online")
    assert answer["response_type"] == "ephemeral"
    assert [event.data["post"]["message"] for event in events if event.name == "ephemeral_message"] == [answer["text"]]


@pytest.mark.parametrize(
    ("words", "emoji", "text"),
    [
        (":coffee: Having a break", "coffee", "Having a break"),
        ("Having a break", "speech_balloon", "Having a break"),
        (":coffee:", "coffee", ""),
    ],
)
async def test_a_custom_status_is_set(world: World, client: Clients, words: str, emoji: str, text: str) -> None:
    await world.done(world.bob, f"/status {words}")

    user = (await client(world.ada).get(f"/users/{world.bob.id}")).ok()
    status = json.loads(user["props"]["customStatus"])
    assert (status["emoji"], status["text"]) == (emoji, text)


async def test_a_custom_status_is_cleared(world: World, client: Clients, socket: Sockets) -> None:
    await world.done(world.bob, "/status Away for lunch")

    async with socket(world.ada) as ada:
        await world.done(world.bob, "/status clear")
        await ada.next("user_updated")

    assert not (await client(world.ada).get(f"/users/{world.bob.id}")).ok().get("props", {}).get("customStatus")


async def test_without_words_it_is_told_what_to_say(world: World, client: Clients) -> None:
    answer = await world.done(world.bob, "/status")

    assert "/status clear" in answer["text"]
    assert "customStatus" not in (await client(world.bob).get("/users/me")).ok().get("props", {})


async def test_without_custom_statuses_there_is_no_such_command(world: World, settings: Settings) -> None:
    settings(TeamSettings={"EnableCustomUserStatuses": False})

    assert (await world.run(world.bob, "/status x")).status == 404
