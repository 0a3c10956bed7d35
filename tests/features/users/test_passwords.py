"""Passwords: changing, resetting by mail, and the hashes of imported accounts."""

import re
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest

from server.db import SQL
from server.features.users.passwords import hash_password, needs_upgrade, verify_password
from server.features.users.token_queries import (
    PASSWORD_RECOVERY,
    VERIFY_EMAIL,
    insert_mail_token,
    mail_token,
    sweep_mail_tokens,
)
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.smtp import MailServer, Taken, nothing_owed
from tests.waiting import until

Clients = Callable[..., Client]
Settings = Callable[..., None]
NEW = "An0ther-secret"

PASSWORD_OF = SQL("SELECT password FROM credentials WHERE user_id = $1")
SET_PASSWORD = SQL("UPDATE credentials SET password = $2 WHERE user_id = $1")
FAILED_ATTEMPTS = SQL("SELECT failed_attempts FROM users WHERE id = $1")


@pytest.fixture
def mails(mails: MailServer, settings: Settings) -> MailServer:
    settings(EmailSettings={"FeedbackName": "Hub\r\nBcc: eve@example.org"})
    return mails


def token_in(mail: Taken) -> str:
    match = re.search(r"[?&](?:token|t)=([0-9a-v]+)", mail.text)
    assert match is not None, mail.text
    return match[1]


async def logs_in(client: Clients, ada: Person, password: str) -> bool:
    return (await client().post("/users/login", {"login_id": ada.username, "password": password})).status == 200


async def test_a_new_password_ends_the_other_sessions(make: Make, client: Clients) -> None:
    ada = await make.user()
    other = await make.login({"id": ada.id, "username": ada.username, "email": ada.email})

    reply = await client(ada).put("/users/me/password", {"current_password": PASSWORD, "new_password": NEW})

    assert reply.ok() == {"status": "OK"}
    assert (await client(ada).get("/users/me")).status == 200
    assert (await client(other, node=1).get("/users/me")).status == 401
    assert not await logs_in(client, ada, PASSWORD)
    assert await logs_in(client, ada, NEW)


async def test_other_sessions_stay_where_the_settings_say_so(make: Make, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"TerminateSessionsOnPasswordChange": False})
    ada = await make.user()
    other = await make.login({"id": ada.id, "username": ada.username, "email": ada.email})

    (await client(ada).put("/users/me/password", {"current_password": PASSWORD, "new_password": NEW})).ok()

    assert (await client(other).get("/users/me")).status == 200


@pytest.mark.parametrize(
    ("body", "status", "error_id"),
    [
        ({"new_password": NEW}, 400, "api.context.invalid_body_param.app_error"),
        ({"current_password": "wrong", "new_password": NEW}, 400, "api.user.update_password.incorrect.app_error"),
        ({"current_password": PASSWORD, "new_password": "short"}, 400, "model.user.is_valid.pwd.app_error"),
        ({"current_password": PASSWORD}, 400, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_a_password_is_not_changed_without_the_current_one_or_to_a_bad_one(
    make: Make, client: Clients, body: dict[str, str], status: int, error_id: str
) -> None:
    ada = await make.user()

    reply = await client(ada).put("/users/me/password", body)

    assert (reply.status, reply.error_id) == (status, error_id)
    assert await logs_in(client, ada, PASSWORD)


async def test_administrators_set_passwords_of_others_which_unlocks_them(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 2})
    ada, bob = await make.users(2)
    for _ in range(2):
        assert not await logs_in(client, ada, "wrong password")
    assert not await logs_in(client, ada, PASSWORD)

    refused = await client(bob).put(f"/users/{ada.id}/password", {"new_password": NEW})
    (await client(admin).put(f"/users/{ada.id}/password", {"new_password": NEW})).ok()

    assert (refused.status, refused.error_id) == (403, "api.user.update_password.context.app_error")
    assert await logs_in(client, ada, NEW)
    assert (await client(ada).get("/users/me")).status == 401


async def test_a_forgotten_password_is_reset_by_mail(
    make: Make, client: Clients, mails: MailServer, node: TestNode
) -> None:
    ada = await make.user()
    verification = await mails.next()
    assert verification.receivers == [ada.email]

    (await client().post("/users/password/reset/send", {"email": ada.email.upper()})).ok()
    mail = await mails.next()
    token = token_in(mail)

    assert (mail.sender, mail.receivers) == ("hub@example.org", [ada.email])
    assert mail.message["From"].addresses[0].display_name == "Hub Bcc: eve@example.org"
    assert mail.message["Bcc"] is None
    assert "https://chat.example.org/reset_password_complete?token=" in mail.text
    weak = await client().post("/users/password/reset", {"token": token, "new_password": "weak"})
    assert (weak.status, weak.error_id) == (400, "model.user.is_valid.pwd.app_error")
    (await client().post("/users/password/reset", {"token": token, "new_password": NEW})).ok()
    assert await logs_in(client, ada, NEW)
    assert (await client(ada).get("/users/me")).status == 401
    again = await client().post("/users/password/reset", {"token": token, "new_password": NEW})
    assert (again.status, again.error_id) == (400, "api.user.reset_password.invalid_link.app_error")


async def test_the_token_of_a_reset_may_be_called_a_code(make: Make, client: Clients, mails: MailServer) -> None:
    ada = await make.user()
    await mails.next()
    (await client().post("/users/password/reset/send", {"email": ada.email})).ok()
    token = token_in(await mails.next())

    (await client().post("/users/password/reset", {"code": token, "new_password": NEW})).ok()

    assert await logs_in(client, ada, NEW)
    reply = await client().post("/users/password/reset", {"new_password": NEW})
    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_new_users_are_mailed_unless_an_administrator_says_no(
    make: Make, client: Clients, mails: MailServer, admin: Person
) -> None:
    def account(**fields: Any) -> dict[str, Any]:
        name = make.name("mailed")
        return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **fields}

    (await client(admin).post("/users", account(disable_welcome_email=True))).ok(201)
    (await client(admin).post("/users", account(email_verified=True))).ok(201)
    here, away = account(disable_welcome_email=True), account()
    (await client().post("/users?r=/team/channels/news", here)).ok(201)
    (await client().post("/users?r=//elsewhere.example.org", away)).ok(201)

    sent = {mail.receivers[0]: mail.text for mail in [await mails.next(), await mails.next()]}
    assert sent.keys() == {here["email"], away["email"]}
    assert "redirect_to=%2Fteam%2Fchannels%2Fnews" in sent[here["email"]]
    assert "redirect_to" not in sent[away["email"]]
    assert (await client().post(f"/users?r=/{'x' * 600}", account())).status == 400


async def test_asking_again_and_again_sends_one_mail(
    make: Make, client: Clients, mails: MailServer, node: TestNode
) -> None:
    ada = await make.user()
    await mails.next()

    for _ in range(5):
        (await client().post("/users/password/reset/send", {"email": ada.email})).ok()

    await nothing_owed(node.services.db)
    (mail,) = mails.left()
    assert "reset_password" in mail.text


async def test_unknown_addresses_get_the_same_answer_and_no_mail(
    client: Clients, mails: MailServer, node: TestNode
) -> None:
    for path in ("/users/password/reset/send", "/users/email/verify/send"):
        assert (await client().post(path, {"email": "nobody@example.org"})).ok() == {"status": "OK"}
        reply = await client().post(path, {"email": ""})
        assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")

    await nothing_owed(node.services.db)
    assert mails.left() == []


async def test_a_mail_that_can_not_be_sent_is_sent_later(
    make: Make, client: Clients, mails: MailServer, node: TestNode
) -> None:
    mails.refuse = True
    ada = await make.user()
    waiting = SQL("SELECT count(*) FROM jobs WHERE error <> '' AND payload ->> 'user_id' = $1")
    await until(lambda: node.services.db.value(waiting, ada.id))
    mails.refuse = False
    await node.services.db.run(SQL("UPDATE jobs SET run_at = 0 WHERE payload ->> 'user_id' = $1"), ada.id)
    await make.user()  # news of a job wakes the runners

    receivers = {(await mails.next()).receivers[0] for _ in range(2)}

    assert ada.email in receivers


async def test_an_address_is_proven_by_the_link_of_a_mail(
    make: Make, client: Clients, mails: MailServer, settings: Settings, socket: Any
) -> None:
    ada = await make.user()
    settings(EmailSettings={"RequireEmailVerification": True})
    login = {"login_id": ada.username, "password": PASSWORD}
    refused = await client().post("/users/login", login)
    assert (refused.status, refused.error_id) == (401, "api.user.login.not_verified.app_error")

    async with socket(ada) as events:
        token = token_in(await mails.next())
        (await client().post("/users/email/verify", {"token": token})).ok()
        assert (await events.next("user_updated")).raw["user"]["email_verified"] is True

    assert (await client().post("/users/login", login)).ok()["email_verified"] is True
    for bad in (token, "x" * 52, ""):
        reply = await client().post("/users/email/verify", {"token": bad})
        assert (reply.status, reply.error_id) == (400, "api.user.verify_email.bad_link.app_error")


async def test_where_a_proof_is_needed_a_new_address_waits_for_it(
    make: Make, client: Clients, mails: MailServer, settings: Settings
) -> None:
    ada = await make.user()
    (await client().post("/users/email/verify", {"token": token_in(await mails.next())})).ok()
    settings(EmailSettings={"RequireEmailVerification": True})
    address = f"{make.name('new')}@example.org"

    changed = (await client(ada).put("/users/me/patch", {"email": address, "password": PASSWORD})).ok()
    mail = await mails.next()
    (await client().post("/users/email/verify", {"token": token_in(mail)})).ok()

    assert changed["email"] == ada.email
    assert mail.receivers == [address]
    assert (await client(ada).get("/users/me")).ok()["email"] == address


async def test_old_links_have_expired(make: Make, client: Clients, node: TestNode, monkeypatch: Any) -> None:
    ada, db = await make.user(), node.services.db
    extra = {"user_id": ada.id, "email": ada.email}
    with monkeypatch.context() as patched:
        patched.setattr("server.features.users.token_queries.now_ms", lambda: 1_700_000_000_000)
        reset = await insert_mail_token(db, PASSWORD_RECOVERY, extra)
        verify = await insert_mail_token(db, VERIFY_EMAIL, extra)

    reply = await client().post("/users/password/reset", {"token": reset, "new_password": NEW})
    assert (reply.status, reply.error_id) == (400, "api.user.reset_password.link_expired.app_error")
    reply = await client().post("/users/email/verify", {"token": verify})
    assert (reply.status, reply.error_id) == (400, "api.user.verify_email.link_expired.app_error")
    reply = await client().post("/users/password/reset", {"token": verify, "new_password": NEW})
    assert (reply.status, reply.error_id) == (400, "api.user.reset_password.invalid_link.app_error")

    fresh = await insert_mail_token(db, VERIFY_EMAIL, extra)
    await sweep_mail_tokens(db)
    assert await mail_token(db, VERIFY_EMAIL, verify) is None
    assert await mail_token(db, VERIFY_EMAIL, fresh) is not None


IMPORTED = {
    "bcrypt": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
    # made with hashlib.pbkdf2_hmac("sha256", b"Sup3rsecret!", b"0123456789abcdef", 1000)
    "pbkdf2": "$pbkdf2$f=SHA256,w=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$@",
    "pbkdf2 of passlib": "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$@",
}


@pytest.mark.parametrize("kind", list(IMPORTED))
async def test_an_imported_hash_lets_in_and_is_replaced_by_a_better_one(
    make: Make, client: Clients, node: TestNode, kind: str
) -> None:
    ada = await make.user()
    stored = IMPORTED[kind].replace("@", "XOvp5nXKmwpsg5DRX97AooSsStuLmFOG/zL3zbM4En4")
    await node.services.db.run(SET_PASSWORD, ada.id, stored)

    assert not await logs_in(client, ada, "wrong password")
    assert await logs_in(client, ada, PASSWORD)

    assert (await node.services.db.value(PASSWORD_OF, ada.id)).startswith("$argon2id$")
    assert await logs_in(client, ada, PASSWORD)


@pytest.mark.parametrize(
    "stored", ["", "plain", "$2b$", "$argon2id$v=19", "$pbkdf2$f=MD5,w=1,l=1$AA$AA", "$pbkdf2-sha256$9999999999$AA$AA"]
)
async def test_a_broken_hash_lets_nobody_in(stored: str) -> None:
    assert not await verify_password(stored, stored)
    assert not await verify_password("", stored)


@pytest.mark.usefixtures("real_passwords")
async def test_new_hashes_are_argon2id_and_differ() -> None:
    one, two = await hash_password(PASSWORD), await hash_password(PASSWORD)

    assert one != two
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not needs_upgrade(one)
    assert await verify_password(PASSWORD, one)
    assert not await verify_password(PASSWORD + "x", one)
