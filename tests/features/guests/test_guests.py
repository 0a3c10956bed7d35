"""Guests: inviting them, becoming one and no longer being one, and switching all of them off."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from server.context import Context, request_context
from server.features.guests import jobs as guest_jobs
from server.features.guests.models import DeactivateGuests
from server.ids import now_ms
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person, Thing
from tests.nodes import TestNode, forget_stored_settings
from tests.smtp import MailServer, Taken

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
Json = dict[str, Any]
Nodes = tuple[TestNode, TestNode]
FORBIDDEN = (403, "api.context.permissions.app_error")


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings(GuestAccountsSettings={"Enable": True}, ServiceSettings={"EnableEmailInvitations": True})


@pytest.fixture
async def manager(make: Make, client: Clients, admin: Person) -> AsyncIterator[Person]:
    """Someone who manages accounts, by a role that grants just that while the test runs."""
    role = (await client(admin).get("/roles/name/system_custom_group_admin")).ok()
    wanted = [*role["permissions"], "demote_to_guest"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": wanted})).ok()
    person = await make.user("manager")
    roles = {"roles": "system_user system_custom_group_admin"}
    (await client(admin).put(f"/users/{person.id}/roles", roles)).ok()
    yield person
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.error_id


def token_in(mail: Taken) -> str:
    match = re.search(r"[?&]t=([0-9a-v]+)", mail.text)
    assert match is not None, mail.text
    return match[1]


async def sign_up(client: Client, make: Make, token: str) -> Person:
    name = make.name("visitor")
    body = {"username": name, "email": "other@example.com", "password": PASSWORD}
    return await make.login((await client.post(f"/users?t={token}", body)).ok(201))


async def ids_of_channels(client: Client, team: Thing) -> set[str]:
    return {channel["id"] for channel in (await client.get(f"/users/me/teams/{team.id}/channels")).ok()}


async def test_an_invited_guest_comes_into_the_given_channels_and_no_others(
    make: Make, client: Clients, mails: MailServer, admin: Person, socket: Sockets
) -> None:
    member = await make.user()
    team = await make.team([member])
    open_one, closed = await make.channel(team, [member]), await make.channel(team, [member], type="P")
    await make.channel(team, [member])
    address = f"{make.name('visitor')}@Partner.example.com"

    async with socket(member, node=1) as events:
        body = {"emails": [address], "channels": [open_one.id, closed.id], "message": "Come in"}
        reply = await client(admin).post(f"/teams/{team.id}/invite-guests/email?graceful=true", body)
        assert reply.ok() == [{"email": address.lower(), "error": None}]
        mail = await mails.to(address.lower())
        assert "as a guest" in mail.text
        assert "Come in" in mail.text
        guest = await sign_up(client(node=1), make, token_in(mail))
        joined = [each for each in await events.until_now() if each.name == "posted"]

    me = (await client(guest).get("/users/me")).ok()
    assert (me["roles"], me["email"], me["email_verified"]) == ("system_guest", address.lower(), True)
    assert [one["id"] for one in (await client(guest).get("/users/me/teams")).ok()] == [team.id]
    assert await ids_of_channels(client(guest), team) == {open_one.id, closed.id}
    membership = (await client(guest).get(f"/teams/{team.id}/members/{guest.id}")).ok()
    assert (membership["roles"], membership["scheme_guest"], membership["scheme_user"]) == ("team_guest", True, False)
    for channel in (open_one, closed):
        assert (await client(guest).get(f"/channels/{channel.id}/members/{guest.id}")).ok()["roles"] == "channel_guest"
        await make.post(guest, channel, "hello from outside")
        assert (await client(member).get(f"/channels/{channel.id}/stats")).ok()["guest_count"] == 1
    assert {post.data["post"]["type"] for post in joined} == {"system_guest_join_channel"}
    session = (await client(guest).get("/users/me/sessions")).ok()[0]
    assert session["props"]["is_guest"] == "true"

    again = {"username": make.name("again"), "email": address, "password": PASSWORD}
    used = await client().post(f"/users?t={token_in(mail)}", again)
    assert refusal(used) == (400, "api.user.create_user.signup_link_invalid.app_error")


async def test_a_guest_who_is_there_comes_into_more_channels_by_another_invitation(
    make: Make, client: Clients, mails: MailServer, admin: Person
) -> None:
    first, second = await make.team(), await make.team()
    one, two = await make.channel(first), await make.channel(second)
    address = f"{make.name('visitor')}@example.com"

    async def invited(team: Thing, path: str, body: Any) -> str:
        (await client(admin).post(f"/teams/{team.id}/{path}", body)).ok()
        return token_in(await mails.to(address))

    guest = await sign_up(
        client(), make, await invited(first, "invite-guests/email", {"emails": [address], "channels": [one.id]})
    )
    token = await invited(second, "invite-guests/email", {"emails": [address], "channels": [two.id]})
    joined = (await client(guest).post(f"/teams/members/invite?token={token}")).ok(201)
    assert joined["scheme_guest"] is True
    assert await ids_of_channels(client(guest), second) == {two.id}
    assert (await client(guest).post(f"/teams/members/invite?token={token}")).status == 400

    third = await make.team()
    token = await invited(third, "invite/email", [address])
    own = (403, "api.team.add_user_to_team_from_invite.guest.app_error")
    assert refusal(await client(guest).post(f"/teams/members/invite?token={token}")) == own
    other = await client(guest).post(f"/teams/members/invite?invite_id={third.body['invite_id']}")
    assert refusal(other) == own


async def test_a_member_may_take_an_invitation_of_a_guest_and_stays_a_member(
    make: Make, client: Clients, mails: MailServer, admin: Person
) -> None:
    ada = await make.user()
    team = await make.team()
    channel = await make.channel(team)
    body = {"emails": [ada.email], "channels": [channel.id]}
    (await client(admin).post(f"/teams/{team.id}/invite-guests/email", body)).ok()
    mail = await mails.next()
    while "as a guest" not in mail.text:
        mail = await mails.next()

    joined = (await client(ada).post(f"/teams/members/invite?token={token_in(mail)}")).ok(201)

    assert joined["scheme_user"] is True
    assert channel.id in await ids_of_channels(client(ada), team)
    assert len(await ids_of_channels(client(ada), team)) == 3


async def test_who_and_what_can_not_be_invited(make: Make, client: Clients, admin: Person, settings: Settings) -> None:
    ada = await make.user()
    team, other = await make.team([ada]), await make.team()
    channel, elsewhere = await make.channel(team, [ada]), await make.channel(other)
    archived = await make.channel(team, archived=True)
    path = f"/teams/{team.id}/invite-guests/email"
    body = {"emails": ["new@example.com"], "channels": [channel.id]}

    async def refused(body: Json, query: str = "", person: Person = admin) -> tuple[int, str]:
        return refusal(await client(person).post(path + query, body))

    assert await refused(body, person=ada) == FORBIDDEN
    assert (await client().post(path, body)).status == 401
    assert await refused({**body, "emails": []}) == (400, "model.guest.is_valid.emails.app_error")
    assert await refused({**body, "channels": []}) == (400, "model.guest.is_valid.channels.app_error")
    assert (await refused({**body, "emails": ["no address"]}))[0] == 400
    wrong = (400, "api.team.invite_guests.channel_in_invalid_team.app_error")
    assert await refused({**body, "channels": [elsewhere.id]}) == wrong
    assert (await refused({**body, "channels": [archived.id]}))[0] == 400
    assert (await refused(body, "?guest_magic_link=true"))[0] == 501
    settings(GuestAccountsSettings={"RestrictCreationToDomains": "partner.example"})
    assert await refused(body) == (400, "api.team.invite_guests.invalid_email.app_error")
    both = {**body, "emails": ["new@example.com", "new@partner.example"]}
    lines = (await client(admin).post(f"{path}?graceful=true", both)).ok()
    assert [line["error"] and line["error"]["id"] for line in lines] == [
        "api.team.invite_guests.invalid_email.app_error",
        None,
    ]
    for section in ({"AllowEmailAccounts": False}, {"AllowEmailAccounts": True, "Enable": False}):
        settings(GuestAccountsSettings=section)
        assert await refused(body) == (501, "api.team.invite_guests_to_channels.disabled.error")


async def test_an_invitation_holds_only_while_guests_are_let_in(
    make: Make, client: Clients, mails: MailServer, admin: Person, settings: Settings
) -> None:
    team = await make.team()
    channel = await make.channel(team)
    address = f"{make.name('visitor')}@example.com"
    body = {"emails": [address], "channels": [channel.id]}
    (await client(admin).post(f"/teams/{team.id}/invite-guests/email", body)).ok()
    token = token_in(await mails.to(address))
    new = {"username": make.name("visitor"), "email": address, "password": PASSWORD}

    settings(GuestAccountsSettings={"RestrictCreationToDomains": "partner.example"})
    assert (await client().post(f"/users?t={token}", new)).status == 400
    settings(GuestAccountsSettings={"RestrictCreationToDomains": "", "Enable": False})
    off = await client().post(f"/users?t={token}", new)
    assert refusal(off) == (501, "api.user.create_user.guest_accounts.disabled.app_error")
    settings(GuestAccountsSettings={"Enable": True})
    (await client().post(f"/users?t={token}", new)).ok(201)


async def test_the_invitations_of_a_sender_are_limited(
    make: Make, client: Clients, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)
    now = now_ms()
    monkeypatch.setattr(Context, "now", lambda _: now)  # they are counted by the hour, and none begins meanwhile
    for start in (0, 100):
        emails = [f"{ada.username}.{number}@example.com" for number in range(start, start + 100)]
        (await client(ada).post(f"/teams/{team.id}/invite/email", emails)).ok()

    over = await client(ada, node=1).post(f"/teams/{team.id}/invite/email", ["one.more@example.com"])
    assert refusal(over) == (429, "app.email.rate_limit_exceeded.app_error")
    lines = (await client(ada).post(f"/teams/{team.id}/invite/email?graceful=true", ["x@example.com", "no"])).ok()
    assert [line["error"]["id"] for line in lines] == [
        "app.email.rate_limit_exceeded.app_error",
        "api.team.invite_members.invalid_email.app_error",
    ]
    other = await make.team()
    (await client(admin).post(f"/teams/{other.id}/invite/email", ["one.more@example.com"])).ok()


async def test_a_demoted_member_keeps_the_channels_and_nothing_else(
    make: Make, client: Clients, admin: Person, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    team = await make.team([ada, bob])
    own = await make.channel(team, owner=ada)
    hidden = await make.channel(team, [bob])
    (await client(admin).put(f"/teams/{team.id}/members/{ada.id}/roles", {"roles": "team_user team_admin"})).ok()
    channels = await ids_of_channels(client(ada), team)
    assert (await client(ada).get(f"/channels/{hidden.id}")).status == 200

    async with socket(ada, node=1) as events, socket(bob) as others:
        (await client(admin).post(f"/users/{ada.id}/demote")).ok()
        told = await events.until_now()
        changed = [each for each in await others.until_now() if each.name == "user_updated"]
        await make.user("stranger")
        assert "new_user" not in await events.names()

    by_name = {event.name: event for event in told}
    assert by_name["user_role_updated"].data["roles"] == "system_guest"
    assert by_name["memberrole_updated"].data["member"]["scheme_guest"] is True
    members = [event.data["channelMember"] for event in told if event.name == "channel_member_updated"]
    assert {member["channel_id"] for member in members} == channels
    assert all(member["roles"] == "channel_guest" for member in members)
    assert [event.data["user"]["roles"] for event in changed] == ["system_guest"]
    for number in (0, 1):
        as_guest = client(ada, node=number)
        assert await ids_of_channels(as_guest, team) == channels
        assert (await as_guest.get(f"/channels/{hidden.id}")).status == 403
        assert (await as_guest.get(f"/channels/{own.id}")).status == 200
        assert (await as_guest.put(f"/channels/{own.id}/patch", {"header": "mine"})).status == 403
        assert (await as_guest.put(f"/teams/{team.id}/patch", {"description": "mine"})).status == 403
        member = (await as_guest.get(f"/teams/{team.id}/members/{ada.id}")).ok()
        assert (member["roles"], member["scheme_admin"], member["explicit_roles"]) == ("team_guest", False, "")
    assert (await client(bob).get(f"/channels/{own.id}/stats")).ok()["guest_count"] == 1
    assert {one["props"]["is_guest"] for one in (await client(ada).get("/users/me/sessions")).ok()} == {"true"}
    await make.post(ada, own, "still here")


async def test_a_promoted_guest_comes_into_the_default_channels(
    make: Make, client: Clients, admin: Person, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    (await client(admin).post(f"/users/{ada.id}/demote")).ok()
    team = await make.team([ada, bob])
    channel = await make.channel(team, [ada])
    public = await make.channel(team, [bob])
    assert await ids_of_channels(client(ada), team) == {channel.id}

    async with socket(ada, node=1) as events:
        (await client(admin).post(f"/users/{ada.id}/promote")).ok()
        names = {event.name for event in await events.until_now()}
        assert names >= {"user_role_updated", "memberrole_updated", "channel_member_updated", "user_added"}
        stranger = await make.user("stranger")
        assert (await events.next("new_user")).data["user_id"] == stranger.id

    assert (await client(ada).get("/users/me")).ok()["roles"] == "system_user"
    assert len(await ids_of_channels(client(ada, node=1), team)) == 3
    member = (await client(ada).get(f"/channels/{channel.id}/members/{ada.id}")).ok()
    assert (member["roles"], member["scheme_user"], member["scheme_guest"]) == ("channel_user", True, False)
    assert (await client(ada, node=1).get(f"/channels/{public.id}")).status == 200
    assert (await client(bob).get(f"/channels/{channel.id}/stats")).ok()["guest_count"] == 0


async def test_who_may_not_be_demoted_or_promoted(
    make: Make, client: Clients, admin: Person, manager: Person, settings: Settings
) -> None:
    ada, bob, boss = await make.users(3)
    (await client(admin).put(f"/users/{boss.id}/roles", {"roles": "system_user system_admin"})).ok()
    settings(ServiceSettings={"EnableBotAccountCreation": True})
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]

    assert refusal(await client(bob).post(f"/users/{ada.id}/demote")) == FORBIDDEN
    assert refusal(await client(bob).post(f"/users/{ada.id}/promote")) == FORBIDDEN
    assert refusal(await client(admin).post(f"/users/{bot}/demote")) == FORBIDDEN
    assert refusal(await client(manager).post(f"/users/{boss.id}/demote")) == FORBIDDEN
    assert (await client(admin).post(f"/users/{'x' * 26}/demote")).status == 404
    none = (400, "api.user.promote_guest_to_user.no_guest.app_error")
    assert refusal(await client(admin).post(f"/users/{ada.id}/promote")) == none
    (await client(manager).post(f"/users/{ada.id}/demote")).ok()
    already = (400, "api.user.demote_user_to_guest.already_guest.app_error")
    assert refusal(await client(admin).post(f"/users/{ada.id}/demote")) == already
    settings(GuestAccountsSettings={"Enable": False})
    off = (501, "api.team.demote_user_to_guest.disabled.error")
    assert refusal(await client(admin).post(f"/users/{bob.id}/demote")) == off
    (await client(admin).put(f"/users/{boss.id}/roles", {"roles": "system_user"})).ok()


async def test_switching_guests_off_ends_them_everywhere(
    make: Make, client: Clients, admin: Person, socket: Sockets, two_nodes: Nodes
) -> None:
    guest, member = await make.users(2)
    team = await make.team([guest, member])
    await make.channel(team, [guest, member])
    (await client(admin).post(f"/users/{guest.id}/demote")).ok()
    (await client(admin).put("/config/patch", {"GuestAccountsSettings": {"Enable": True}})).ok()
    for each in two_nodes:
        await each.has_read_settings()  # what is stored is in force from now on, not what the test has set

    async with socket(guest, node=1) as ending, socket(member, node=1) as others:
        (await client(admin).put("/config/patch", {"GuestAccountsSettings": {"Enable": False}})).ok()
        await others.next("guests_deactivated")
        await ending.connection.wait_closed()

    for number in (0, 1):
        assert (await client(guest, node=number).get("/users/me")).status == 401
    assert (await client().post("/users/login", {"login_id": guest.username, "password": PASSWORD})).status == 401
    assert (await client(admin).get(f"/users/{guest.id}")).ok()["delete_at"] > 0
    assert (await client(member).get("/users/me")).ok()["id"] == member.id
    audits = (await client(admin).get(f"/users/{guest.id}/audits")).ok()
    assert "active=false guests are switched off" in {audit["extra_info"] for audit in audits}
    await forget_stored_settings(two_nodes, client(admin))


async def test_a_guest_can_not_be_let_in_while_guests_are_off(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    guest = await make.user()
    (await client(admin).post(f"/users/{guest.id}/demote")).ok()
    (await client(admin).put(f"/users/{guest.id}/active", {"active": False})).ok()
    settings(GuestAccountsSettings={"Enable": False})

    reply = await client(admin).put(f"/users/{guest.id}/active", {"active": True})

    off = "api.user.update_active.cannot_enable_guest_when_guest_feature_is_disabled.app_error"
    assert refusal(reply) == (401, off)
    settings(GuestAccountsSettings={"Enable": True})
    (await client(admin).put(f"/users/{guest.id}/active", {"active": True})).ok()


async def test_the_role_of_a_guest_changes_memberships_however_it_is_given(
    make: Make, client: Clients, admin: Person
) -> None:
    ada = await make.user()
    team = await make.team([ada])
    public = await make.channel(team)
    assert (await client(ada).get(f"/channels/{public.id}")).status == 200

    (await client(admin).put(f"/users/{ada.id}/roles", {"roles": "system_guest"})).ok()
    assert (await client(ada, node=1).get(f"/teams/{team.id}/members/{ada.id}")).ok()["roles"] == "team_guest"
    assert (await client(ada, node=1).get(f"/channels/{public.id}")).status == 403

    (await client(admin).put(f"/users/{ada.id}/roles", {"roles": "system_user"})).ok()
    assert (await client(ada, node=1).get(f"/teams/{team.id}/members/{ada.id}")).ok()["roles"] == "team_user"
    assert (await client(ada, node=1).get(f"/channels/{public.id}")).status == 200


async def test_guests_stay_when_the_settings_let_them_in_again_meanwhile(
    make: Make, client: Clients, admin: Person, two_nodes: Nodes
) -> None:
    guest = await make.user()
    (await client(admin).post(f"/users/{guest.id}/demote")).ok()
    (await client(admin).put("/config/patch", {"GuestAccountsSettings": {"Enable": True}})).ok()

    await guest_jobs.deactivate_guests(request_context(two_nodes[0].services), DeactivateGuests())

    assert (await client(guest).get("/users/me")).ok()["id"] == guest.id
    (await client(admin).put(f"/users/{guest.id}/roles", {"roles": "system_user"})).ok()
    await forget_stored_settings(two_nodes, client(admin))
