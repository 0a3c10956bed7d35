"""Guests: in the channels they were brought into, and nowhere else."""

from tests.clients_of import Client
from tests.features.channels.hearing import Clients, Sockets
from tests.make import Make, Person, Thing


async def guest_in(make: Make, admin: Client, team: Thing) -> Person:
    """A guest who is in a team."""
    guest = await make.user("guest")
    (await admin.put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    await make.join_team(team, guest)
    return guest


async def test_guests_are_in_no_default_channel(make: Make, client: Clients) -> None:
    team = await make.team()
    guest = await guest_in(make, client(make.admin), team)

    assert (await client(guest).get(f"/users/me/teams/{team.id}/channels")).ok() == []
    assert (await client(guest).get(f"/teams/{team.id}/channels/name/town-square")).status == 403
    assert (await client(guest).get(f"/teams/{team.id}/channels")).status == 403


async def test_a_guest_who_is_added_has_the_guest_role(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, owner=ada)
    guest = await guest_in(make, client(make.admin), team)

    refused = await client(guest).post(f"/channels/{channel.id}/members", {"user_id": guest.id})
    async with socket(guest) as events:
        member = (await client(ada).post(f"/channels/{channel.id}/members", {"user_id": guest.id})).ok(201)
        post = (await events.next("posted")).data["post"]
    stats = (await client(guest).get(f"/channels/{channel.id}/stats")).ok()
    promoted = await client(ada).put(
        f"/channels/{channel.id}/members/{guest.id}/schemeRoles", {"scheme_user": True, "scheme_admin": True}
    )

    assert refused.status == 403
    assert (member["roles"], member["scheme_guest"], member["scheme_user"]) == ("channel_guest", True, False)
    assert post["type"] == "system_add_guest_to_chan"
    assert (stats["member_count"], stats["guest_count"]) == (2, 1)
    assert promoted.error_id == "api.channel.update_channel_member_roles.changing_guest_role.app_error"


async def test_guests_write_to_those_they_meet_in_channels(make: Make, client: Clients) -> None:
    ada, eve = await make.users(2)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, owner=ada)
    guest = await guest_in(make, client(make.admin), team)
    await make.join_channel(channel, guest)

    met = await client(guest).post("/channels/direct", [guest.id, ada.id])
    stranger = await client(guest).post("/channels/direct", [guest.id, eve.id])
    group = await client(guest).post("/channels/group", [ada.id, eve.id])

    assert met.status == 201
    assert (stranger.status, group.status) == (403, 403)


async def test_a_guest_can_leave_town_square(make: Make, client: Clients) -> None:
    team = await make.team()
    guest = await guest_in(make, client(make.admin), team)
    town = (await client(make.admin).get(f"/teams/{team.id}/channels/name/town-square")).ok()
    (await client(make.admin).post(f"/channels/{town['id']}/members", {"user_id": guest.id})).ok(201)

    left = await client(guest).delete(f"/channels/{town['id']}/members/me")

    assert left.status == 200
