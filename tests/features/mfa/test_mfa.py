"""Second factors: setting one up, codes at sign-in, who is asked for one, and the way back in."""

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pyotp
import pytest
from PIL import Image
from websockets.asyncio.client import connect

from server.context import request_context
from server.db import SQL
from server.features.mfa.codes import step_of
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.smtp import MailServer, nothing_owed
from tests.waiting import PATIENCE

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
BAD_CODE = (401, "api.user.check_user_mfa.bad_code.app_error")
NO_CODE = (400, "mfa.validate_token.authenticate.app_error")
FORBIDDEN = (403, "api.context.permissions.app_error")
REQUIRED = (403, "api.context.mfa_required.app_error")
ENFORCED = {"EnableMultifactorAuthentication": True, "EnforceMultifactorAuthentication": True}

FORGET_STEPS = SQL("UPDATE credentials SET mfa_used_step = 0 WHERE user_id = $1")


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings(ServiceSettings={"EnableMultifactorAuthentication": True})


@pytest.fixture
async def manager(make: Make, client: Clients, admin: Person) -> AsyncIterator[Person]:
    """Someone who manages accounts, by a role that grants just that while the test runs."""
    role = (await client(admin).get("/roles/name/system_custom_group_admin")).ok()
    wanted = [*role["permissions"], "edit_other_users"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": wanted})).ok()
    person = await make.user("manager")
    roles = {"roles": "system_user system_custom_group_admin"}
    (await client(admin).put(f"/users/{person.id}/roles", roles)).ok()
    yield person
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.error_id


def code_of(secret: str, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def with_factor(client: Clients, person: Person) -> str:
    """Set a second factor up; its secret. The code of the present is used up by it."""
    secret: str = (await client(person).post(f"/users/{person.id}/mfa/generate")).ok()["secret"]
    (await client(person).put("/users/me/mfa", {"activate": True, "code": code_of(secret)})).ok()
    return secret


async def log_in(client: Clients, person: Person, token: str = "", *, node: int = 0, password: str = PASSWORD) -> Reply:
    body = {"login_id": person.username, "password": password, "token": token}
    return await client(node=node).post("/users/login", body)


async def test_a_secret_is_generated_with_its_picture(make: Make, client: Clients) -> None:
    ada = await make.user()

    made = (await client(ada).post(f"/users/{ada.id}/mfa/generate")).ok()

    assert len(base64.b32decode(made["secret"])) == 20
    picture = Image.open(io.BytesIO(base64.b64decode(made["qr_code"])))
    assert picture.format == "PNG"
    assert picture.width == picture.height > 100
    assert "mfa_active" not in (await client(ada).get("/users/me")).ok()
    (await log_in(client, ada)).ok()  # nothing is asked for yet
    again = (await client(ada).post("/users/me/mfa/generate")).ok()
    assert again["secret"] != made["secret"]


async def test_a_code_switches_it_on_and_is_asked_for_from_then_on(
    make: Make, client: Clients, socket: Sockets, admin: Person
) -> None:
    ada, bob = await make.users(2)
    await make.team([ada, bob])
    secret = (await client(ada).post(f"/users/{ada.id}/mfa/generate")).ok()["secret"]

    wrong = "000000" if code_of(secret) != "000000" else "000001"
    bad = await client(ada).put(f"/users/{ada.id}/mfa", {"activate": True, "code": wrong})
    assert refusal(bad) == (401, "mfa.activate.bad_token.app_error")
    assert (await client(ada).put(f"/users/{ada.id}/mfa", {"activate": True})).status == 400
    async with socket(ada, node=1) as own, socket(bob) as others:
        (await client(ada).put(f"/users/{ada.id}/mfa", {"activate": True, "code": code_of(secret)})).ok()
        assert (await own.next("user_updated")).data["user"]["mfa_active"] is True
        assert "mfa_active" not in (await others.next("user_updated")).data["user"]

    assert (await client(ada, node=1).get("/users/me")).ok()["mfa_active"] is True
    assert (await client(admin).get(f"/users/{ada.id}")).ok()["mfa_active"] is True
    assert "mfa_active" not in (await client(bob).get(f"/users/{ada.id}")).ok()
    listed = (await client(bob).post("/users/ids", [ada.id])).ok()
    assert "mfa_active" not in listed[0]
    for person in (ada, bob, admin):
        assert secret not in (await client(person).get(f"/users/{ada.id}")).text
    assert refusal(await log_in(client, ada)) == NO_CODE
    assert refusal(await log_in(client, ada, "12ab56")) == NO_CODE
    assert refusal(await log_in(client, ada, wrong)) == BAD_CODE
    signed_in = await log_in(client, ada, code_of(secret, steps=1))
    assert signed_in.ok()["id"] == ada.id
    assert secret not in signed_in.text


async def test_a_wrong_password_says_nothing_of_the_factor(make: Make, client: Clients) -> None:
    ada = await make.user()
    secret = await with_factor(client, ada)

    reply = await log_in(client, ada, code_of(secret, steps=1), password="not the password")

    assert refusal(reply) == (401, "api.user.login.invalid_credentials_email_username")
    (await log_in(client, ada, code_of(secret, steps=1))).ok()  # the code was not used up by it


async def test_a_code_lets_in_once_whichever_node_is_asked(make: Make, client: Clients) -> None:
    ada = await make.user()
    secret = (await client(ada).post(f"/users/{ada.id}/mfa/generate")).ok()["secret"]
    first = code_of(secret)
    (await client(ada).put("/users/me/mfa", {"activate": True, "code": first})).ok()

    assert refusal(await log_in(client, ada, first)) == BAD_CODE  # it switched the factor on
    code = code_of(secret, steps=1)
    replies = await asyncio.gather(*(log_in(client, ada, code, node=number % 2) for number in range(4)))

    assert sorted(reply.status for reply in replies) == [200, 401, 401, 401]
    assert refusal(await log_in(client, ada, code, node=1)) == BAD_CODE
    assert refusal(await log_in(client, ada, first)) == BAD_CODE  # nor an older one


def test_codes_hold_for_a_step_before_and_after() -> None:
    secret = pyotp.random_base32()
    now = 1_700_000_000_000
    step = now // 30_000

    assert [step_of(secret, pyotp.TOTP(secret).generate_otp(step + drift), now) for drift in range(-2, 3)] == [
        None,
        step - 1,
        step,
        step + 1,
        None,
    ]


async def test_wrong_codes_lock_the_account_like_wrong_passwords(
    make: Make, client: Clients, settings: Settings
) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 3})
    ada = await make.user()
    secret = await with_factor(client, ada)
    wrong = next(code for code in ("000000", "000001", "000002", "000003") if step_of(secret, code, _now()) is None)

    for _ in range(2):
        assert refusal(await log_in(client, ada)) == NO_CODE  # asking is no guess
        assert refusal(await log_in(client, ada, wrong)) == BAD_CODE
    assert refusal(await log_in(client, ada, wrong, node=1)) == BAD_CODE

    locked = await log_in(client, ada, code_of(secret, steps=1))
    assert refusal(locked) == (401, "api.user.check_user_login_attempts.too_many.app_error")


def _now() -> int:
    return int(time.time() * 1000)


async def test_a_new_secret_counts_when_it_is_proven_and_the_old_one_until_then(
    make: Make, client: Clients, node: TestNode
) -> None:
    ada = await make.user()
    old = await with_factor(client, ada)

    new = (await client(ada).post("/users/me/mfa/generate")).ok()["secret"]
    assert refusal(await log_in(client, ada, code_of(new, steps=1))) == BAD_CODE
    (await log_in(client, ada, code_of(old, steps=1))).ok()
    (await client(ada).put("/users/me/mfa", {"activate": True, "code": code_of(new)})).ok()

    await node.services.db.run(FORGET_STEPS, ada.id)
    assert refusal(await log_in(client, ada, code_of(old, steps=1))) == BAD_CODE
    (await log_in(client, ada, code_of(new, steps=1))).ok()
    nothing_waits = await client(ada).put("/users/me/mfa", {"activate": True, "code": code_of(new, steps=1)})
    assert refusal(nothing_waits) == (400, "mfa.activate.app_error")


async def test_it_is_switched_off_by_its_owner_or_an_administrator_and_by_nobody_else(
    make: Make, client: Clients, admin: Person
) -> None:
    ada, bob = await make.users(2)
    await with_factor(client, ada)

    assert refusal(await client(bob).put(f"/users/{ada.id}/mfa", {"activate": False})) == FORBIDDEN
    assert refusal(await client(bob).post(f"/users/{ada.id}/mfa/generate")) == FORBIDDEN
    (await client(admin).put(f"/users/{ada.id}/mfa", {"activate": False})).ok()
    (await log_in(client, ada)).ok()

    await with_factor(client, ada)
    assert refusal(await log_in(client, ada)) == NO_CODE
    (await client(ada).put("/users/me/mfa", {"activate": False})).ok()
    (await log_in(client, ada)).ok()
    assert "mfa_active" not in (await client(ada, node=1).get("/users/me")).ok()


async def test_who_manages_accounts_can_not_take_the_factor_of_an_administrator(
    make: Make, client: Clients, admin: Person, manager: Person
) -> None:
    boss, ada = await make.users(2)
    (await client(admin).put(f"/users/{boss.id}/roles", {"roles": "system_user system_admin"})).ok()
    await with_factor(client, boss)
    await with_factor(client, ada)
    (await client(manager).put(f"/users/{ada.id}/mfa", {"activate": False})).ok()

    assert refusal(await client(manager).put(f"/users/{boss.id}/mfa", {"activate": False})) == FORBIDDEN
    assert refusal(await client(manager).post(f"/users/{boss.id}/mfa/generate")) == FORBIDDEN
    (await client(admin).put(f"/users/{boss.id}/roles", {"roles": "system_user"})).ok()


async def test_accounts_that_sign_in_elsewhere_and_bots_have_none(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    name = make.name("sso")
    body = {"username": name, "email": f"{name}@example.org", "auth_service": "saml", "auth_data": name}
    elsewhere = (await client(admin).post("/users", body)).ok(201)["id"]
    settings(ServiceSettings={"EnableBotAccountCreation": True})
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]

    reply = await client(admin).post(f"/users/{elsewhere}/mfa/generate")
    assert refusal(reply) == (400, "api.user.generate_mfa_qr.email_and_ldap_only.app_error")
    reply = await client(admin).put(f"/users/{elsewhere}/mfa", {"activate": True, "code": "123456"})
    assert refusal(reply) == (400, "api.user.activate_mfa.email_and_ldap_only.app_error")
    assert refusal(await client(admin).post(f"/users/{bot}/mfa/generate")) == FORBIDDEN
    assert (await client(admin).post(f"/users/{'x' * 26}/mfa/generate")).status == 404


async def test_where_it_is_switched_off_nobody_is_asked(make: Make, client: Clients, settings: Settings) -> None:
    ada = await make.user()
    await with_factor(client, ada)
    settings(ServiceSettings={"EnableMultifactorAuthentication": False})

    (await log_in(client, ada)).ok()
    for reply in (
        await client(ada).post("/users/me/mfa/generate"),
        await client(ada).put("/users/me/mfa", {"activate": True, "code": "123456"}),
    ):
        assert refusal(reply) == (501, "mfa.mfa_disabled.app_error")


async def test_old_clients_may_ask_before_signing_in_where_that_is_allowed(
    make: Make, client: Clients, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    await with_factor(client, ada)

    async def asked(login_id: str) -> Any:
        return (await client().post("/users/mfa", {"login_id": login_id})).ok()["mfa_required"]

    assert (await client().post("/users/mfa", {"login_id": ada.username})).status == 404
    settings(ServiceSettings={"DisableLegacyMFA": False})
    assert [await asked(name) for name in (ada.email, ada.username.upper(), bob.email, "nobody")] == [
        True,
        True,
        False,
        False,
    ]
    settings(ServiceSettings={"EnableMultifactorAuthentication": False})
    assert await asked(ada.username) is False


async def test_where_it_is_required_nothing_is_served_until_it_is_set_up(
    make: Make, client: Clients, settings: Settings, socket: Sockets, node: TestNode
) -> None:
    ada, bob = await make.users(2)
    team = await make.team([ada, bob])
    settings(ServiceSettings=ENFORCED)

    for path in ("/users/me/teams", f"/users/{bob.id}", f"/teams/{team.id}", "/users/me/preferences"):
        assert refusal(await client(ada).get(path)) == REQUIRED, path
    assert refusal(await client(ada).post("/users/ids", [bob.id])) == REQUIRED
    assert refusal(await client(ada).post(f"/users/{bob.id}/mfa/generate")) == REQUIRED
    assert (await client(ada).get("/users/me")).ok()["id"] == ada.id
    assert (await client(ada).get(f"/users/{ada.id}")).ok()["id"] == ada.id
    shown = (await client(ada).get("/config/client?format=old")).ok()
    assert shown["EnforceMultifactorAuthentication"] == "true"
    url, header = f"ws://127.0.0.1:{node.port}/api/v4/websocket", {"Authorization": f"Bearer {ada.token}"}
    async with asyncio.timeout(PATIENCE), connect(url, additional_headers=header) as refused:
        await refused.send(json.dumps({"seq": 1, "action": "get_statuses"}))
        assert json.loads(await refused.recv())["error"]["id"] == "api.web_socket_router.not_authenticated.app_error"
        challenge = {"seq": 2, "action": "authentication_challenge", "data": {"token": ada.token}}
        await refused.send(json.dumps(challenge))
        await refused.wait_closed()

    secret = await with_factor(client, ada)
    assert (await client(ada).get("/users/me/teams")).ok()[0]["id"] == team.id
    async with socket(ada) as events:
        assert await events.names() == []
    other = await make.login({"id": bob.id, "username": bob.username, "email": bob.email})
    assert refusal(await client(other).get("/users/me/teams")) == REQUIRED  # signing in is not refused
    (await client(other).post("/users/logout")).ok()
    (await log_in(client, ada, code_of(secret, steps=1))).ok()


async def test_open_sockets_end_when_it_becomes_required(
    make: Make, client: Clients, settings: Settings, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    await with_factor(client, bob)
    async with socket(ada, node=1) as ending, socket(bob) as staying:
        settings(ServiceSettings=ENFORCED)
        async with asyncio.timeout(PATIENCE):
            await ending.connection.wait_closed()
        (await client(bob).put("/users/me/patch", {"nickname": "Bobby"})).ok()
        assert (await staying.next("user_updated")).data["user"]["id"] == bob.id


async def test_programs_and_those_who_sign_in_elsewhere_are_not_asked(
    make: Make, client: Clients, admin: Person, settings: Settings, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True, "EnableUserAccessTokens": True})
    ada, guest, elsewhere = await make.users(3)
    app = await make.login({"id": ada.id, "username": ada.username, "email": ada.email})
    (await client(admin).put(f"/users/{ada.id}/roles", {"roles": "system_user system_user_access_token"})).ok()
    (await client(admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    token = (await client(ada).post(f"/users/{ada.id}/tokens", {"description": "x"})).ok()["token"]
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    bot_token = (await client(admin).post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
    sessions = (await client(app).get("/users/me/sessions")).ok()
    assert len(sessions) == 2
    await node.services.db.run(SQL("UPDATE sessions SET is_oauth = true WHERE id = $1"), sessions[0]["id"])
    await node.services.db.run(SQL("UPDATE users SET auth_service = 'gitlab' WHERE id = $1"), elsewhere.id)
    tags = [f"session:{sessions[0]['id']}", f"user:{elsewhere.id}"]
    await request_context(node.services).tell(tags)

    settings(ServiceSettings=ENFORCED, GuestAccountsSettings={"Enable": True})

    for one in (node.client(token), node.client(bot_token), client(guest), client(elsewhere)):
        (await one.get("/users/me/teams")).ok()
    statuses = {(await client(one).get("/users/me/teams")).status for one in (ada, app)}
    assert statuses == {200, 403}  # one of them is an app's now
    settings(GuestAccountsSettings={"EnforceMultifactorAuthentication": True})
    assert refusal(await client(guest).get("/users/me/teams")) == REQUIRED


async def test_changes_are_mailed_to_the_owner(
    make: Make, client: Clients, mails: MailServer, admin: Person, node: TestNode
) -> None:
    ada = await make.user()
    assert (await mails.next()).receivers == [ada.email]  # the proof of the address

    secret = await with_factor(client, ada)
    news = await mails.next()
    assert news.receivers == [ada.email]
    assert "switched on" in news.text
    assert secret not in news.text
    (await client(admin).put(f"/users/{ada.id}/mfa", {"activate": False})).ok()
    assert "switched off" in (await mails.next()).text
    (await client(admin).put(f"/users/{ada.id}/mfa", {"activate": False})).ok()
    await nothing_owed(node.services.db)
    assert mails.mails.empty()
