"""Commands about who is in a channel."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.features.commands.world import Clients, Sockets, World, heard
from tests.make import Make, Person, Thing


async def members(world: World, channel: Thing) -> set[str]:
    """The users in a channel."""
    listed = (await world.client(world.ada).get(f"/channels/{channel.id}/members")).ok()
    return {member["user_id"] for member in listed}


async def types(world: World, channel: Thing) -> list[str]:
    """The types of the posts in a channel, newest first."""
    listed: dict[str, Any] = (await world.client(world.ada).get(f"/channels/{channel.id}/posts")).ok()
    return [listed["posts"][id]["type"] for id in listed["order"]]  # noqa: A001


@pytest.mark.parametrize("trigger", ["join", "open"])
async def test_join_makes_a_member_and_leads_there(world: World, make: Make, socket: Sockets, trigger: str) -> None:
    lake = await make.channel(world.team, owner=world.ada)

    async with socket(world.ada) as ada, socket(world.bob) as bob:
        answer = await world.done(world.bob, f"/{trigger} ~{lake.name.upper()}")
        added = await ada.next("user_added")
        assert (await bob.next("user_added")).data["user_id"] == world.bob.id

    assert added.broadcast["channel_id"] == lake.id
    assert answer["goto_location"].endswith(f"/{world.team.name}/channels/{lake.name}")
    assert await members(world, lake) == {world.ada.id, world.bob.id}
    assert (await types(world, lake))[0] == "system_join_channel"


async def test_joining_again_only_leads_there(world: World, make: Make) -> None:
    secret = await make.channel(world.team, members=[world.bob], owner=world.ada, type="P")
    before = await types(world, secret)

    answer = await world.done(world.bob, f"/join {secret.name}")

    assert answer["goto_location"].endswith(secret.name)
    assert await types(world, secret) == before


async def test_what_one_may_not_see_is_not_there(world: World, make: Make) -> None:
    secret = await make.channel(world.team, owner=world.ada, type="P")
    attic = await make.channel(world.team, owner=world.ada, archived=True)
    elsewhere = await make.channel(await make.team(owner=world.ada), owner=world.ada)
    names = [secret.name, attic.name, elsewhere.name, "nosuchchannel", f"{world.ada.id}__{world.bob.id}"]

    answers = [await world.done(world.bob, f"/join ~{name}") for name in names]

    assert len({answer["text"] for answer in answers}) == 1
    assert not any(answer["goto_location"] for answer in answers)
    assert "Say which" in (await world.done(world.bob, "/join"))["text"]


async def test_guests_join_nothing_by_themselves(world: World, make: Make) -> None:
    lake = await make.channel(world.team, owner=world.ada)
    gus = await world.guest(make, world.town)

    assert (await world.done(gus, f"/join ~{lake.name}"))["goto_location"] == ""
    assert await members(world, lake) == {world.ada.id}


async def test_leave_ends_the_membership(world: World, socket: Sockets) -> None:
    async with socket(world.ada) as ada:
        answer = await world.done(world.bob, "/leave")
        removed = await ada.next("user_removed")

    assert removed.data["user_id"] == world.bob.id
    assert answer["goto_location"].endswith(f"/{world.team.name}/channels/town-square")
    assert await members(world, world.town) == {world.ada.id}
    assert (await types(world, world.town))[0] == "system_leave_channel"


async def test_a_guest_who_leaves_comes_to_where_it_still_is(world: World, make: Make) -> None:
    lake = await make.channel(world.team, owner=world.ada)
    gus = await world.guest(make, world.town, lake)

    first = await world.done(gus, "/leave")
    last = await world.done(gus, "/leave", lake)

    assert first["goto_location"].endswith(f"/channels/{lake.name}")
    assert last["goto_location"].endswith("/")


async def test_some_channels_are_never_left(world: World, client: Clients, make: Make) -> None:
    path = f"/teams/{world.team.id}/channels/name/town-square"
    square = Thing((await client(world.bob).get(path)).ok())
    direct = await make.direct(world.bob, world.ada)

    answers = [await world.done(world.bob, "/leave", channel) for channel in (square, direct)]

    assert all(answer["text"] and not answer["goto_location"] for answer in answers)
    assert world.bob.id in await members(world, square)


async def test_invite_puts_people_into_the_channel(world: World, socket: Sockets) -> None:
    async with socket(world.eve) as eve, socket(world.bob) as bob:
        answer = await world.done(world.bob, f"/invite @{world.eve.username}")
        await eve.next("user_added")
        assert await heard(bob) == []

    assert answer["text"] == ""
    assert await members(world, world.town) == {world.ada.id, world.bob.id, world.eve.id}
    assert (await types(world, world.town))[0] == "system_add_to_channel"


async def test_invite_puts_several_into_several(world: World, make: Make) -> None:
    lake, hill = [await make.channel(world.team, members=[world.bob], owner=world.ada) for _ in range(2)]
    stranger = await make.user()
    people = f"@{world.eve.username} {world.ada.username}, @{stranger.username} @nosuch"
    line = f"/invite {people} ~{lake.name} ~{hill.name} ~nosuch"

    said = (await world.done(world.bob, line))["text"].splitlines()

    for channel in (lake, hill):
        assert await members(world, channel) == {world.ada.id, world.bob.id, world.eve.id}
        assert f"@{world.eve.username} is in ~{channel.name} now." in said
        assert f"@{world.ada.username} is in ~{channel.name} already." in said
    assert len([line for line in said if stranger.username in line]) == 2
    assert "There is no user @nosuch." in said
    assert "There is no channel ~nosuch that you can see." in said
    assert await members(world, world.town) == {world.ada.id, world.bob.id}


async def test_invite_asks_for_the_right_to_it(world: World, make: Make) -> None:
    gus = await world.guest(make, world.town)
    direct = await make.direct(world.bob, world.ada)
    secret = await make.channel(world.team, owner=world.ada, type="P")

    answers = [
        await world.done(gus, f"/invite @{world.bob.username} ~{secret.name}"),
        await world.done(world.bob, f"/invite @{world.eve.username} ~{secret.name}"),
        await world.done(world.bob, f"/invite @{world.eve.username}", direct),
        await world.done(world.bob, "/invite"),
        await world.done(world.bob, "/invite " + " ".join(f"@u{number}" for number in range(21))),
    ]

    assert all(answer["text"] for answer in answers)
    assert await members(world, secret) == {world.ada.id}
    assert "20" in answers[-1]["text"]


@pytest.mark.parametrize("trigger", ["kick", "remove"])
async def test_kick_ends_someones_membership(world: World, socket: Sockets, trigger: str) -> None:
    async with socket(world.bob) as bob:
        answer = await world.done(world.ada, f"/{trigger} @{world.bob.username}")
        assert (await bob.next("user_removed")).data["remover_id"] == world.ada.id

    assert answer["text"] == ""
    assert await members(world, world.town) == {world.ada.id}
    assert (await types(world, world.town))[0] == "system_remove_from_channel"


async def _kicks(world: World, make: Make) -> Sequence[tuple[Person, str, Thing]]:
    square = Thing((await world.client(world.bob).get(f"/teams/{world.team.id}/channels/name/town-square")).ok())
    direct = await make.direct(world.bob, world.ada)
    gus = await world.guest(make, world.town)
    return [
        (gus, f"/kick @{world.bob.username}", world.town),
        (world.bob, f"/kick @{world.eve.username}", world.town),
        (world.bob, "/kick @nosuch", world.town),
        (world.bob, "/kick", world.town),
        (world.ada, f"/kick @{world.bob.username}", square),
        (world.ada, f"/kick @{world.bob.username}", direct),
    ]


async def test_kick_is_refused_in_words(world: World, make: Make) -> None:
    for person, line, channel in await _kicks(world, make):
        assert (await world.done(person, line, channel))["text"], line

    assert world.bob.id in await members(world, world.town)
