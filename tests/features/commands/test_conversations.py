"""Commands that write to people directly, and that invite them by mail."""

import pytest

from tests.features.commands.world import Clients, Settings, Sockets, World, heard
from tests.make import Make


async def test_msg_writes_directly_and_leads_there(world: World, client: Clients, socket: Sockets) -> None:
    async with socket(world.eve) as eve, socket(world.ada) as ada:
        answer = await world.done(world.bob, f"/msg @{world.eve.username.upper()}  hello\nyou")
        post = (await eve.next("posted")).data["post"]
        assert "posted" not in await ada.names()

    direct = (await client(world.bob).get(f"/channels/{post['channel_id']}")).ok()
    assert (direct["type"], post["message"], post["user_id"]) == ("D", "hello\nyou", world.bob.id)
    assert answer["goto_location"].endswith(f"/{world.team.name}/channels/{direct['name']}")
    assert answer["text"] == ""


async def test_without_words_it_only_leads_there(world: World, client: Clients) -> None:
    answer = await world.done(world.bob, f"/msg {world.eve.username}")

    name = answer["goto_location"].rpartition("/")[2]
    assert sorted(name.split("__")) == sorted([world.bob.id, world.eve.id])


async def test_groupmsg_writes_to_a_few(world: World, client: Clients, socket: Sockets) -> None:
    async with socket(world.eve) as eve, socket(world.ada) as ada:
        line = f"/groupmsg @{world.eve.username}, {world.ada.username} hello both"
        answer = await world.done(world.bob, line)
        posts = [(await one.next("posted")).data["post"] for one in (eve, ada)]

    group = (await client(world.bob).get(f"/channels/{posts[0]['channel_id']}")).ok()
    assert posts[0]["id"] == posts[1]["id"]
    assert (group["type"], posts[0]["message"]) == ("G", "hello both")
    assert answer["goto_location"].endswith(f"/{world.team.name}/channels/{group['name']}")


async def test_a_group_of_two_is_a_direct_channel(world: World, client: Clients, socket: Sockets) -> None:
    async with socket(world.eve) as eve:
        await world.done(world.bob, f"/groupmsg @{world.eve.username},@{world.bob.username} hello")
        event = await eve.next("posted")

    assert event.data["channel_type"] == "D"


@pytest.mark.parametrize(
    "line",
    ["/msg", "/msg @", "/msg @nosuchuser hi", "/groupmsg", "/groupmsg , hi", "/groupmsg @nosuchuser,@other hi"],
)
async def test_nobody_is_written_to_who_is_not_there(world: World, client: Clients, socket: Sockets, line: str) -> None:
    async with socket(world.bob) as bob:
        answer = await world.done(world.bob, line)
        assert await heard(bob) == [answer["text"]] != [""]

    channels = (await client(world.bob).get(f"/users/me/teams/{world.team.id}/channels")).ok()
    assert {channel["type"] for channel in channels} == {"O"}


async def test_groups_have_a_size(world: World, make: Make) -> None:
    many = await make.users(8)

    answers = [
        await world.done(world.bob, "/groupmsg " + ",".join(person.username for person in many)),
        await world.done(world.bob, "/groupmsg " + ",".join(f"u{number}" for number in range(20))),
        await world.done(world.bob, f"/groupmsg @{world.bob.username}"),
    ]

    assert all("members" in answer["text"] for answer in answers)


async def test_guests_write_only_to_whom_they_know(world: World, make: Make) -> None:
    gus = await world.guest(make, world.town)

    stranger = await world.done(gus, f"/msg @{world.eve.username} hi")
    known = await world.done(gus, f"/msg @{world.bob.username} hi")

    assert "no user" in stranger["text"]
    assert known["goto_location"]


async def test_invitations_go_by_mail(world: World, client: Clients, settings: Settings, make: Make) -> None:
    settings(ServiceSettings={"EnableEmailInvitations": True})
    gus = await world.guest(make, world.town)
    address = f"{make.name('new')}@example.org"

    answer = await world.done(world.ada, f"/invite_people {address} broken@ nothing")
    none = await world.done(world.ada, "/invite_people")
    many = await world.done(world.ada, "/invite_people " + " ".join(f"x{n}@example.org" for n in range(101)))
    guest = await world.done(gus, "/invite_people other@example.org")
    settings(ServiceSettings={"EnableEmailInvitations": False})
    off = await world.done(world.ada, f"/invite_people {address}")

    assert answer["text"].splitlines()[0] == "1 invitation is on the way."
    assert "broken@" in answer["text"]
    assert none["text"] == many["text"] != ""
    assert "permission" in guest["text"]
    assert "switched off" in off["text"]
