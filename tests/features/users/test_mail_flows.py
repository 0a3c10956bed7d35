"""Mails about accounts as a whole, on two nodes: links that work once, how many are sent, and accounts switched off."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from server.context import request_context
from server.db import SQL
from server.features.users.jobs import send_email_verification
from server.features.users.models import SendEmailVerification
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.smtp import MailServer, Taken, nothing_owed

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
NEW = "Another-password-9"

AGE = SQL("UPDATE mail_tokens SET create_at = create_at - $2 WHERE extra ->> 'user_id' = $1")
TOKENS = SQL("SELECT count(*) FROM mail_tokens WHERE extra ->> 'user_id' = $1 AND type = 'password_recovery'")


def token_in(mail: Taken) -> str:
    match = re.search(r"[?&](?:token|t)=([0-9a-v]+)", mail.text)
    assert match is not None, mail.text
    return match[1]


async def test_a_link_works_once_whichever_nodes_are_asked_at_the_same_time(
    make: Make, client: Clients, mails: MailServer
) -> None:
    ada = await make.user()
    verify = token_in(await mails.to(ada.email))
    proofs = await asyncio.gather(
        *(client(node=number % 2).post("/users/email/verify", {"token": verify}) for number in range(4))
    )
    assert sorted(reply.status for reply in proofs) == [200, 400, 400, 400]

    (await client(node=1).post("/users/password/reset/send", {"email": ada.email})).ok()
    reset = token_in(await mails.to(ada.email, "new password"))
    passwords = [f"{NEW}{number}" for number in range(4)]
    replies = await asyncio.gather(
        *(
            client(node=number % 2).post("/users/password/reset", {"token": reset, "new_password": password})
            for number, password in enumerate(passwords)
        )
    )
    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]
    winner = passwords[[reply.status for reply in replies].index(200)]
    for number in (0, 1):
        login = {"login_id": ada.username, "password": winner}
        assert (await client(node=number).post("/users/login", login)).status == 200
        assert (await client(ada, node=number).get("/users/me")).status == 401
    assert "password of your account was changed" in (await mails.next()).text


async def test_a_user_is_sent_so_many_mails_an_hour(
    make: Make, client: Clients, mails: MailServer, node: TestNode
) -> None:
    ada = await make.user()
    await mails.to(ada.email)
    ask = ("/users/password/reset/send", {"email": ada.email})
    for _ in range(6):
        (await client().post(*ask)).ok()
        await mails.to(ada.email, "new password")
        await node.services.db.run(AGE, ada.id, 61_000)

    (await client(node=1).post(*ask)).ok()
    await nothing_owed(node.services.db)
    assert mails.left() == []
    assert await node.services.db.value(TOKENS, ada.id) == 6

    await node.services.db.run(AGE, ada.id, 3600_000)
    (await client(node=1).post(*ask)).ok()
    await mails.to(ada.email, "new password")


async def test_an_address_is_not_flooded_by_many_who_claim_it(
    make: Make, client: Clients, mails: MailServer, node: TestNode
) -> None:
    people = await make.users(8)
    proofs = [(await mails.next()).receivers[0] for _ in people]
    assert sorted(proofs) == sorted(person.email for person in people)
    address = f"{make.name('victim')}@example.com"

    ctx = request_context(node.services)
    for person in people:
        await send_email_verification(ctx, SendEmailVerification(user_id=person.id, email=address))

    assert [mail.receivers for mail in mails.left()] == [[address]] * 6


async def test_a_link_to_an_address_that_was_given_up_proves_nothing(
    make: Make, client: Clients, mails: MailServer, settings: Settings
) -> None:
    ada = await make.user()
    first = token_in(await mails.to(ada.email))
    wrong, right = (f"{make.name(word)}@example.com" for word in ("wrong", "right"))
    settings(EmailSettings={"RequireEmailVerification": True})

    tokens = []
    for address in (wrong, right):
        (await client(ada).put("/users/me/patch", {"email": address, "password": PASSWORD})).ok()
        tokens.append(token_in(await mails.to(address)))
    for given_up in (first, tokens[0]):
        reply = await client().post("/users/email/verify", {"token": given_up})
        assert (reply.status, reply.error_id) == (400, "api.user.verify_email.bad_link.app_error")
    (await client().post("/users/email/verify", {"token": tokens[1]})).ok()

    assert (await client(ada).get("/users/me")).ok()["email"] == right


async def test_a_reset_link_to_an_earlier_address_is_of_no_use(
    make: Make, client: Clients, mails: MailServer, admin: Person
) -> None:
    ada = await make.user()
    (await client().post("/users/password/reset/send", {"email": ada.email})).ok()
    token = token_in(await mails.to(ada.email, "new password"))
    address = f"{make.name('moved')}@example.com"
    (await client(admin).put(f"/users/{ada.id}/patch", {"email": address})).ok()

    reply = await client().post("/users/password/reset", {"token": token, "new_password": NEW})

    assert (reply.status, reply.error_id) == (400, "api.user.reset_password.invalid_link.app_error")
    assert (await client().post("/users/login", {"login_id": ada.username, "password": PASSWORD})).status == 200


async def test_all_invitations_can_be_made_useless(
    make: Make, client: Clients, mails: MailServer, admin: Person, settings: Settings, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableEmailInvitations": True}, GuestAccountsSettings={"Enable": True})
    ada = await make.user()
    team = await make.team()
    channel = await make.channel(team)
    member, guest = (f"{make.name('invited')}@example.com" for _ in range(2))
    (await client(admin).post(f"/teams/{team.id}/invite/email", [member])).ok()
    body = {"emails": [guest], "channels": [channel.id]}
    (await client(admin).post(f"/teams/{team.id}/invite-guests/email", body)).ok()
    await nothing_owed(node.services.db)
    taken = {mail.receivers[0]: mail for mail in mails.left()}
    assert taken.keys() >= {member, guest}

    assert (await client(ada).delete("/teams/invites/email")).status == 403
    (await client(admin).delete("/teams/invites/email")).ok()

    for mail in (taken[member], taken[guest]):
        new = {"username": make.name("late"), "email": "x@example.com", "password": PASSWORD}
        reply = await client().post(f"/users?t={token_in(mail)}", new)
        assert (reply.status, reply.error_id) == (400, "api.user.create_user.signup_link_invalid.app_error")


async def test_a_deactivated_user_is_cut_off_everywhere_within_five_seconds(
    make: Make, client: Clients, admin: Person, socket: Sockets, settings: Settings, mails: MailServer, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableUserAccessTokens": True})
    ada = await make.user()
    (await client(admin).put(f"/users/{ada.id}/roles", {"roles": "system_user system_user_access_token"})).ok()
    made = (await client(ada).post(f"/users/{ada.id}/tokens", {"description": "x"})).ok()
    program = Person({"id": ada.id, "username": ada.username, "email": ada.email}, made["token"])
    (await client().post("/users/password/reset/send", {"email": ada.email})).ok()
    reset = token_in(await mails.to(ada.email, "new password"))

    async with socket(ada) as one, socket(ada, node=1) as two, socket(program, node=1) as three:
        (await client(admin).put(f"/users/{ada.id}/active", {"active": False})).ok()
        async with asyncio.timeout(5):
            await asyncio.gather(*(each.connection.wait_closed() for each in (one, two, three)))

    for person in (ada, program):
        for number in (0, 1):
            assert (await client(person, node=number).get("/users/me")).status == 401
    reply = await client().post("/users/password/reset", {"token": reset, "new_password": NEW})
    assert reply.status == 400
    (await client().post("/users/password/reset/send", {"email": ada.email})).ok()
    await nothing_owed(node.services.db)
    assert await node.services.db.value(TOKENS, ada.id) == 1

    (await client(admin).put(f"/users/{ada.id}/active", {"active": True})).ok()
    await mails.to(ada.email, "activated again")
    assert (await client(program).get("/users/me")).ok()["id"] == ada.id
    assert (await client(ada).get("/users/me")).status == 401
