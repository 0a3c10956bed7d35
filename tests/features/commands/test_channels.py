"""Commands about a channel itself."""

import pytest

from tests.features.commands.world import Clients, Sockets, World, heard
from tests.make import Make


@pytest.mark.parametrize(
    ("trigger", "field", "type"),
    [
        ("header", "header", "system_header_change"),
        ("purpose", "purpose", "system_purpose_change"),
        ("rename", "display_name", "system_displayname_change"),
    ],
)
async def test_a_channel_is_changed_for_everybody(
    world: World, client: Clients, socket: Sockets, trigger: str, field: str, type: str
) -> None:
    async with socket(world.ada) as ada:
        answer = await world.done(world.bob, f"/{trigger}  Blue Lake")
        updated = await ada.next("channel_updated")
        posted = await ada.next("posted")

    assert answer["text"] == ""
    assert updated.data["channel"][field] == "Blue Lake"
    assert posted.data["post"]["type"] == type
    channel = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()
    assert (channel[field], channel["name"]) == ("Blue Lake", world.town.name)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/header", "/header"),
        ("/purpose ", "/purpose"),
        ("/rename", "/rename"),
        ("/header " + "x" * 1025, "1024"),
        ("/purpose " + "x" * 251, "250"),
        ("/rename " + "x" * 65, "64"),
    ],
)
async def test_what_it_can_not_be_is_said(
    world: World, client: Clients, socket: Sockets, line: str, words: str
) -> None:
    before = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()

    async with socket(world.bob) as bob:
        answer = await world.done(world.bob, line)
        assert await heard(bob) == [answer["text"]]

    assert words in answer["text"]
    assert (await client(world.ada).get(f"/channels/{world.town.id}")).ok() == before


async def test_guests_change_nothing(world: World, client: Clients, make: Make) -> None:
    gus = await world.guest(make, world.town)
    before = (await client(world.ada).get(f"/channels/{world.town.id}")).ok()

    answers = [await world.done(gus, f"/{trigger} mine") for trigger in ("header", "purpose", "rename")]

    assert {answer["text"] for answer in answers} == {"You do not have the permission for this."}
    assert (await client(world.ada).get(f"/channels/{world.town.id}")).ok() == before


async def test_a_direct_channel_has_a_header_only(world: World, client: Clients, make: Make) -> None:
    direct = await make.direct(world.bob, world.ada)

    answers = [await world.done(world.bob, f"/{trigger} ours", direct) for trigger in ("header", "purpose", "rename")]

    assert [bool(answer["text"]) for answer in answers] == [False, True, True]
    channel = (await client(world.ada).get(f"/channels/{direct.id}")).ok()
    assert (channel["header"], channel["purpose"], channel["display_name"]) == ("ours", "", "")


async def _is_muted(world: World, client: Clients, channel_id: str) -> bool:
    path = f"/channels/{channel_id}/members/{world.bob.id}"
    props = (await client(world.bob).get(path)).ok()["notify_props"]
    return bool(props["mark_unread"] == "mention")


async def test_mute_goes_on_and_off(world: World, client: Clients, socket: Sockets) -> None:
    async with socket(world.bob) as bob, socket(world.ada) as ada:
        await world.done(world.bob, "/mute")
        await bob.next("channel_member_updated")
        muted = await _is_muted(world, client, world.town.id)
        await world.done(world.bob, "/mute")
        assert "channel_member_updated" not in await ada.names()

    assert muted
    assert not await _is_muted(world, client, world.town.id)


async def test_mute_is_for_other_channels_too(world: World, client: Clients, make: Make) -> None:
    lake = await make.channel(world.team, members=[world.bob], owner=world.ada)
    hill = await make.channel(world.team, owner=world.ada)
    secret = await make.channel(world.team, owner=world.ada, type="P")
    direct = await make.direct(world.bob, world.ada)

    answer = await world.done(world.bob, f"/mute ~{lake.name}")
    await world.done(world.bob, "/mute", direct)
    stranger = await world.done(world.bob, f"/mute ~{hill.name}")
    hidden = await world.done(world.bob, f"/mute ~{secret.name}")

    assert lake.body["display_name"] in answer["text"]
    assert await _is_muted(world, client, lake.id)
    assert await _is_muted(world, client, direct.id)
    assert not await _is_muted(world, client, world.town.id)
    assert "not in" in stranger["text"]
    assert hidden["text"] == (await world.done(world.bob, "/mute ~nosuch"))["text"]
