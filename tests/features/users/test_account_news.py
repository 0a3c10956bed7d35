"""Mails of what was done to an account, to those who must not miss it."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.smtp import MailServer

Clients = Callable[..., Client]
Settings = Callable[..., None]


@pytest.fixture
def mails(mails: MailServer, settings: Settings) -> MailServer:
    settings(ServiceSettings={"EnableUserAccessTokens": True}, TeamSettings={"SiteName": "Chat"})
    return mails


async def subjects(mails: MailServer, count: int) -> set[tuple[str, str]]:
    """Receivers and subjects of the next mails, in whatever order they come."""
    taken = [await mails.next() for _ in range(count)]
    return {(mail.receivers[0], str(mail.message["Subject"]).removeprefix("[Chat] ")) for mail in taken}


async def test_a_new_address_is_told_to_the_old_one(client: Clients, make: Make, mails: MailServer) -> None:
    ada = await make.user("ada")
    await mails.next()  # to prove the address
    new = f"new.{ada.email}"
    (await client(ada).put("/users/me/patch", {"email": new, "password": PASSWORD})).ok()

    assert await subjects(mails, 2) == {
        (ada.email, "The e-mail address of your account was changed"),
        (new, "Verify your e-mail address"),
    }


async def test_where_it_must_be_proven_the_old_one_is_told_then(
    client: Clients, make: Make, mails: MailServer, settings: Settings
) -> None:
    ada = await make.user("ada")
    await mails.next()
    settings(EmailSettings={"RequireEmailVerification": True})
    new = f"new.{ada.email}"
    (await client(ada).put("/users/me/patch", {"email": new, "password": PASSWORD})).ok()
    asked = await mails.next()
    assert asked.receivers == [new]
    link = next(word for word in asked.text.split() if word.startswith("https://"))
    token = parse_qs(urlsplit(link).query)["token"][0]
    (await client().post("/users/email/verify", {"token": token})).ok()

    assert await subjects(mails, 1) == {(ada.email, "The e-mail address of your account was changed")}


async def test_a_new_username_and_a_token_are_told(client: Clients, make: Make, mails: MailServer) -> None:
    ada: Person = await make.user("ada")
    await mails.next()
    (await client(ada).put("/users/me/patch", {"username": f"{ada.username}.new"})).ok()
    assert await subjects(mails, 1) == {(ada.email, "The username of your account was changed")}

    roles = {"roles": "system_user system_user_access_token"}
    (await client(make.admin).put(f"/users/{ada.id}/roles", roles)).ok()
    (await client(ada).post(f"/users/{ada.id}/tokens", {"description": "a script"})).ok()
    mail = await mails.next()
    assert mail.receivers == [ada.email]
    assert mail.message["Subject"] == "[Chat] A personal access token was made for your account"
    assert "tell your administrator" in mail.text


async def test_other_changes_are_no_news(client: Clients, make: Make, mails: MailServer) -> None:
    ada = await make.user("ada")
    await mails.next()
    (await client(ada).put("/users/me/patch", {"nickname": "Countess", "email": ada.email})).ok()
    (await client(ada).put("/users/me/patch", {"username": f"{ada.username}.new"})).ok()

    assert await subjects(mails, 1) == {(ada.email, "The username of your account was changed")}
