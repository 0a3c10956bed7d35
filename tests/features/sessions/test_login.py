"""Signing in: by name, address or id; what is refused, and how guessing is stopped."""

import asyncio
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from server.context import request_context
from server.db import SQL
from server.features.sessions.service import create_session
from server.features.users import password_service
from server.features.users.passwords import verify_password
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.waiting import PATIENCE

Clients = Callable[..., Client]
Settings = Callable[..., None]
BROWSER = {"X-Requested-With": "XMLHttpRequest"}
WRONG = (401, "api.user.login.invalid_credentials_email_username")


async def log_in(client: Clients, login_id: str, password: str = PASSWORD, **fields: Any) -> Reply:
    return await client().post("/users/login", {"login_id": login_id, "password": password, **fields})


async def test_name_address_and_id_let_in(make: Make, client: Clients) -> None:
    ada = await make.user()

    for body in ({"login_id": ada.username.upper()}, {"login_id": f" {ada.email} "}, {"id": ada.id}):
        reply = await client().post("/users/login", {**body, "password": PASSWORD})
        user = reply.ok()
        assert (user["id"], user["notify_props"]["desktop"]) == (ada.id, "mention")
        assert "password" not in user
        token = reply.headers["token"]
        assert len(token) == 26
        assert "set-cookie" not in reply.headers
        assert (await client(Person(user, token), node=1).get("/users/me")).ok()["id"] == ada.id


@pytest.mark.parametrize(
    "body",
    [
        {"login_id": "{name}", "password": "wrong password"},
        {"login_id": "{name}", "password": "x" * 5000},
        {"login_id": "nobody-of-this-name", "password": PASSWORD},
        {"login_id": "", "password": PASSWORD},
        {"login_id": "x" * 5000, "password": PASSWORD},
        {"id": "x" * 26, "password": PASSWORD},
        {"id": "' OR 1=1", "password": PASSWORD},
        {"password": PASSWORD},
    ],
)
async def test_unknown_accounts_and_wrong_passwords_get_the_same_answer(
    make: Make, client: Clients, body: dict[str, str]
) -> None:
    ada = await make.user()

    reply = await client().post(
        "/users/login", {key: value.replace("{name}", ada.username) for key, value in body.items()}
    )

    assert (reply.status, reply.error_id) == WRONG
    assert "token" not in reply.headers


async def test_malformed_bodies_are_refused(client: Clients) -> None:
    blank = await client().post("/users/login", {"login_id": "ada"})
    assert (blank.status, blank.error_id) == (400, "api.user.login.blank_pwd.app_error")
    for body in ({"login_id": 5, "password": "x"}, ["ada"], {"login_id": "a\0b", "password": "x"}, b"{", b""):
        reply = await client().post("/users/login", body)
        assert reply.status == 400
    reply = await client().post("/users/login", {"login_id": "a", "password": "b", "device_id": "d" * 513})
    assert reply.status == 400


async def test_the_settings_say_what_may_be_typed(make: Make, client: Clients, settings: Settings) -> None:
    ada = await make.user()
    settings(EmailSettings={"EnableSignInWithUsername": False})
    refused = await log_in(client, ada.username)
    assert (refused.status, refused.error_id) == (401, "api.user.login.invalid_credentials_email")
    (await log_in(client, ada.email)).ok()

    settings(EmailSettings={"EnableSignInWithUsername": True, "EnableSignInWithEmail": False})
    refused = await log_in(client, ada.email)
    assert (refused.status, refused.error_id) == (401, "api.user.login.invalid_credentials_username")
    (await log_in(client, ada.username)).ok()


async def test_a_login_costs_two_statements(make: Make, client: Clients, counted: Any) -> None:
    ada = await make.user()

    with counted(sql=2):
        (await log_in(client, ada.username)).ok()


async def test_too_many_wrong_passwords_lock_the_account_on_all_nodes(
    make: Make, client: Clients, settings: Settings
) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 3})
    ada = await make.user()
    login = {"login_id": ada.username, "password": PASSWORD}

    for _ in range(3):
        reply = await log_in(client, ada.username, "wrong password")
        assert (reply.status, reply.error_id) == WRONG
    for number in (0, 1):
        locked = await client(node=number).post("/users/login", login)
        assert (locked.status, locked.error_id) == (401, "api.user.check_user_login_attempts.too_many.app_error")
    assert (await client(ada).get("/users/me")).ok()["failed_attempts"] == 3


async def test_a_right_password_in_time_starts_the_count_anew(make: Make, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 3})
    ada = await make.user()

    for _ in range(3):
        for _ in range(2):
            assert (await log_in(client, ada.username, "wrong password")).status == 401
        assert (await log_in(client, ada.username)).ok().get("failed_attempts", 0) == 0
    assert (await client(ada, node=1).get("/users/me")).ok().get("failed_attempts", 0) == 0


async def test_a_right_guess_at_the_same_time_is_refused_once_wrong_ones_lock_the_account(
    make: Make, client: Clients, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 3})
    ada = await make.user()
    looked_up, others_failed = asyncio.Event(), asyncio.Event()

    async def slow_for_the_right_one(password: str, stored: str) -> bool:
        if password == PASSWORD:
            looked_up.set()
            await others_failed.wait()
        return await verify_password(password, stored)

    monkeypatch.setattr(password_service, "verify_password", slow_for_the_right_one)

    async with asyncio.TaskGroup() as tasks:
        right = tasks.create_task(log_in(client, ada.username))
        await asyncio.wait_for(looked_up.wait(), PATIENCE)
        wrong = await asyncio.gather(*(log_in(client, ada.username, "wrong password") for _ in range(20)))
        others_failed.set()

    assert [reply.status for reply in wrong] == [401] * 20
    assert (right.result().status, right.result().error_id) == (
        401,
        "api.user.check_user_login_attempts.too_many.app_error",
    )


async def test_kinds_of_accounts_that_do_not_sign_in_with_a_password(
    make: Make, client: Clients, node: TestNode, settings: Settings
) -> None:
    bot, foreign, guest = await make.users(3)
    db = node.services.db
    await db.run(SQL("UPDATE users SET is_bot = true WHERE id = $1"), bot.id)
    await db.run(SQL("UPDATE users SET auth_service = 'saml', auth_data = 'me' WHERE id = $1"), foreign.id)
    await db.run(SQL("UPDATE users SET roles = 'system_guest' WHERE id = $1"), guest.id)

    for person, status, error_id in (
        (bot, 401, "api.user.login.bot_login_forbidden.app_error"),
        (foreign, 400, "api.user.login.use_auth_service.app_error"),
        (guest, 401, "api.user.login.guest_accounts.disabled.error"),
    ):
        reply = await log_in(client, person.username)
        assert (reply.status, reply.error_id) == (status, error_id)
    settings(GuestAccountsSettings={"Enable": True})
    (await log_in(client, guest.username)).ok()


class Browser:
    """A client with a jar of cookies and no other way to sign in."""

    def __init__(self, node: TestNode) -> None:
        self.http = httpx.AsyncClient(base_url=f"{node.url}/api/v4", timeout=PATIENCE)

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.http.request(method, path, json=body, headers=headers)


async def test_a_browser_gets_cookies_and_must_prove_its_writes(make: Make, node: TestNode) -> None:
    ada = await make.user()
    browser = Browser(node)
    login = {"login_id": ada.username, "password": PASSWORD}
    reply = await browser.send("POST", "/users/login", login, **BROWSER)

    cookies = [SimpleCookie(value) for value in reply.headers.get_list("set-cookie")]
    morsels = {name: morsel for cookie in cookies for name, morsel in cookie.items()}
    assert set(morsels) == {"MMAUTHTOKEN", "MMUSERID", "MMCSRF"}
    assert morsels["MMAUTHTOKEN"].value == reply.headers["token"]
    assert morsels["MMAUTHTOKEN"]["httponly"] is True
    assert morsels["MMUSERID"].value == ada.id
    assert {morsel["path"] for morsel in morsels.values()} == {"/"}
    assert {morsel["max-age"] for morsel in morsels.values()} == {str(30 * 24 * 3600)}
    assert not any(morsel["secure"] for morsel in morsels.values())

    patch = {"nickname": "Countess"}
    csrf = morsels["MMCSRF"].value
    assert (await browser.send("GET", "/users/me")).status_code == 200
    assert (await browser.send("PUT", "/users/me/patch", patch)).status_code == 401
    assert (await browser.send("PUT", "/users/me/patch", patch, **{"X-CSRF-Token": "wrong"})).status_code == 401
    assert (await browser.send("PUT", "/users/me/patch", patch, **{"X-CSRF-Token": csrf})).status_code == 200
    assert (await browser.send("PUT", "/users/me/patch", patch, **BROWSER)).status_code == 200

    out = await browser.send("POST", "/users/logout", **{"X-CSRF-Token": csrf})
    assert out.status_code == 200
    assert not browser.http.cookies
    await browser.http.aclose()


async def test_cookies_of_a_site_below_a_path_and_behind_tls(make: Make, node: TestNode, settings: Settings) -> None:
    ada = await make.user()
    settings(ServiceSettings={"SiteURL": "https://example.org/chat/", "AllowCookiesForSubdomains": True})
    browser = Browser(node)
    login = {"login_id": ada.username, "password": PASSWORD}

    reply = await browser.send("POST", "/users/login", login, **BROWSER, **{"X-Forwarded-Proto": "https"})

    for value in reply.headers.get_list("set-cookie"):
        assert "; Path=/chat;" in value
        assert "; Domain=example.org" in value
        assert "; Secure" in value
    await browser.http.aclose()


async def test_an_account_locked_meanwhile_gets_no_session(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    await node.services.db.run(SQL("UPDATE users SET failed_attempts = 10 WHERE id = $1"), ada.id)

    assert await create_session(request_context(node.services), ada.id, "system_user") is None
