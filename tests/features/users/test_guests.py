"""Guests hear of those people only with whom they share a channel."""

from collections.abc import Callable
from typing import Any

from tests.clients_of import Client, Received
from tests.make import Make, Person

Clients = Callable[..., Client]
Sockets = Callable[..., Any]


async def make_guest(make: Make, client: Clients) -> Person:
    guest = await make.user("guest")
    (await client(make.admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    return guest


async def rename(client: Clients, *people: Person) -> None:
    for person in people:
        (await client(person).put("/users/me/patch", {"nickname": f"Nick of {person.username}"})).ok()


def changed(events: list[Received]) -> list[str]:
    """The ids of the users whose profiles were told, in order."""
    return [event.raw["user"]["id"] for event in events if event.name == "user_updated"]


async def test_guests_hear_of_changed_profiles_of_those_in_their_channels_only(
    make: Make, client: Clients, socket: Sockets
) -> None:
    near, far, guest = await make.user("near"), await make.user("far"), await make_guest(make, client)
    team = await make.team(members=[near, far, guest])
    await make.channel(team, members=[near, guest])

    async with socket(guest, node=1) as heard, socket(far) as others:
        await rename(client, far, near)
        seen = [event for event in await heard.until_now() if event.name == "user_updated"]
        told = changed(await others.until_now())

    assert changed(seen) == [near.id]
    assert seen[0].broadcast["contains_sanitized_data"]
    assert "notify_props" not in seen[0].raw["user"]
    assert told == [far.id, near.id]


async def test_guests_hear_of_direct_partners_and_of_their_own_profile(
    make: Make, client: Clients, socket: Sockets
) -> None:
    partner, guest = await make.user(), await make_guest(make, client)
    await make.direct(partner, guest)

    async with socket(guest) as heard:
        await rename(client, partner, guest)
        seen = [event for event in await heard.until_now() if event.name == "user_updated"]

    assert changed(seen) == [partner.id, guest.id]
    assert "notify_props" in seen[1].raw["user"]


async def test_guests_do_not_hear_of_new_accounts(make: Make, client: Clients, socket: Sockets) -> None:
    member, guest = await make.user(), await make_guest(make, client)

    async with socket(guest) as heard, socket(member, node=1) as others:
        new = await make.user("new")
        assert (await others.next("new_user")).data["user_id"] == new.id
        names = [event.name for event in await heard.until_now()]

    assert "new_user" not in names


async def test_a_connected_user_who_becomes_a_guest_hears_no_more_of_strangers(
    make: Make, client: Clients, socket: Sockets
) -> None:
    stranger, changing = await make.user(), await make.user()

    async with socket(changing, node=1) as events:
        await rename(client, stranger)
        as_member = changed(await events.until_now())
        (await client(make.admin).put(f"/users/{changing.id}/roles", {"roles": "system_guest"})).ok()
        await events.until_now()
        (await client(stranger).put("/users/me/patch", {"nickname": "unheard"})).ok()
        as_guest = changed(await events.until_now())
        (await client(make.admin).put(f"/users/{changing.id}/roles", {"roles": "system_user"})).ok()
        await events.until_now()
        (await client(stranger).put("/users/me/patch", {"nickname": "heard"})).ok()
        as_member_again = changed(await events.until_now())

    assert as_member == [stranger.id]
    assert as_guest == []
    assert as_member_again == [stranger.id]


async def test_an_administrator_sees_the_whole_profile_and_a_guest_the_sanitised_one(
    make: Make, client: Clients, socket: Sockets, settings: Callable[..., None]
) -> None:
    settings(PrivacySettings={"ShowEmailAddress": False})
    person, guest = await make.user(), await make_guest(make, client)
    await make.direct(person, guest)

    async with socket(guest) as for_guest, socket(make.admin) as for_admin:
        await rename(client, person)
        guest_copy = (await for_guest.next("user_updated")).raw["user"]
        admin_copy = (await for_admin.next("user_updated")).raw["user"]

    assert guest_copy["email"] == ""
    assert admin_copy["email"] == person.email
