"""Who has a dump of the database has no way in: what lets somebody in stands there sealed, or as a hash."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pyotp
import pytest
import pytest_asyncio

from server.access.installation import LastingSecret, lasting_secret
from server.config import ConfigError
from server.context import request_context
from server.engines.redis import Redis
from server.features.secrets.service import reseal
from tests.features.mfa.test_mfa import code_of
from tests.make import PASSWORD, Make
from tests.nodes import AT_REST_KEY, TestNode, start_node
from tests.receiver import Receiver
from tests.security.dumps import dump, readable_in
from tests.security.secret_world import INVITATION, S3_SECRET, SETTINGS, SMTP_PASSWORD, Secrets, live
from tests.smtp import MailServer, mail_server

VARIABLE = "MM_SQLSETTINGS_ATRESTENCRYPTKEY"
OTHER_KEY = "another-another-another-another-another"
Starting = Callable[..., AbstractAsyncContextManager[TestNode]]


@pytest_asyncio.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as taking:
        yield taking


@pytest.fixture
def starting(fresh_database: str, redis_server: Redis, tmp_path: Path, mails: MailServer) -> Starting:
    """Starts a node over a database of this test's own, with a key or without."""

    def start(key: str) -> AbstractAsyncContextManager[TestNode]:
        settings = {**SETTINGS, VARIABLE: key, "MM_EMAILSETTINGS_SMTPPORT": str(mails.port)}
        return start_node(fresh_database, f"{redis_server.url}?db=5", tmp_path, **settings)

    return start


async def lasting_secrets(node: TestNode) -> dict[str, str]:
    """The secrets of the installation, by their names."""
    ctx = request_context(node.services)
    return {name.value: (await lasting_secret(ctx, name)).decode() for name in LastingSecret}


async def everything_works(node: TestNode, secrets: Secrets, receiver: Receiver, *, steps: int) -> None:
    """Each of the sealed secrets does what it is there for."""
    known = secrets.known
    body = {
        "login_id": secrets.ada.username,
        "password": PASSWORD,
        "token": code_of(known["second factor"], steps=steps),
    }
    signed_in = await node.client().post("/users/login", body)
    admin = node.client(known["administrator's session"])
    joined = await node.client().get(f"/teams/invite/{known[INVITATION]}")
    listed = (await admin.get(f"/commands?team_id={secrets.team_id}&custom_only=true")).ok()
    hooks = (await admin.get("/hooks/incoming")).ok()
    outgoing = (await admin.get(f"/hooks/outgoing/{secrets.outgoing_id}")).ok()
    teams = (await admin.get(f"/teams/{secrets.team_id}")).ok()
    sent = await node.client().post(secrets.hook_path, {"text": "hello"})
    answered = await node.client().post(secrets.response_path, {"text": "later"})
    lasting = await lasting_secrets(node)

    assert signed_in.status == 200, signed_in
    assert joined.ok()["id"] == secrets.team_id
    assert [command["token"] for command in listed] == [known["command's token"]]
    assert [hook["id"] for hook in hooks] == [known["incoming webhook"]]
    assert outgoing["token"] == known["outgoing webhook's token"]
    assert teams["invite_id"] == known[INVITATION]
    assert (sent.status, answered.status) == (200, 200)
    assert node.services.config.EmailSettings.SMTPPassword == SMTP_PASSWORD
    assert node.services.config.FileSettings.AmazonS3SecretAccessKey == S3_SECRET
    assert lasting == {name.value: known[name.value] for name in LastingSecret}


async def test_a_dump_of_the_database_is_no_way_in(
    starting: Starting, fresh_database: str, mails: MailServer, receiver: Receiver
) -> None:
    async with starting(AT_REST_KEY) as node:
        secrets = await live(node, mails, receiver)
        secrets.known |= await lasting_secrets(node)
        await everything_works(node, secrets, receiver, steps=1)
        stored = await dump(fresh_database)
        sealed = re.findall(r"sealed:[rl]:[0-9a-f]{10}:[\w=-]+", stored)
        tried = [
            *[await node.client().get(f"/teams/invite/{text}") for text in sealed],
            *[await node.client().post(f"//hooks/{text}", {"text": "in"}) for text in sealed],
            *[await node.client(text).get("/users/me") for text in sealed],
        ]

    assert len(secrets.known) == 28
    assert readable_in(stored, secrets.known) == []
    assert readable_in(f"{stored} {PASSWORD}", secrets.known) == ["password"]
    assert AT_REST_KEY not in stored
    assert len(set(sealed)) >= 11
    assert {reply.status for reply in tried} <= {400, 401, 404}


async def test_what_stood_in_the_open_is_sealed_and_keys_can_be_changed(
    starting: Starting, fresh_database: str, mails: MailServer, receiver: Receiver
) -> None:
    async with starting("") as node:
        secrets = await live(node, mails, receiver)
        secrets.known |= await lasting_secrets(node)
    before = readable_in(await dump(fresh_database), secrets.known)
    async with starting(AT_REST_KEY) as node:
        await everything_works(node, secrets, receiver, steps=1)
    after = readable_in(await dump(fresh_database), secrets.known)
    for key, words in (("", "is not set"), (OTHER_KEY, "is not the key")):
        with pytest.raises(ConfigError, match=f"^{VARIABLE} {words}"):
            async with starting(key):
                pass
    sealed = await dump(fresh_database)
    async with starting(f"{OTHER_KEY} {AT_REST_KEY}") as node:
        count = await reseal(node.services.db)
        again = await reseal(node.services.db)
    async with starting(OTHER_KEY) as node:
        lasting = await lasting_secrets(node)
        hooked = await node.client().post(secrets.hook_path, {"text": "hello"})
        joined = await node.client().get(f"/teams/invite/{secrets.known[INVITATION]}")
    with pytest.raises(ConfigError, match="is not the key"):
        async with starting(AT_REST_KEY):
            pass
    resealed = await dump(fresh_database)

    assert len(before) >= 11
    assert after == readable_in(resealed, secrets.known) == []
    old_id = set(re.findall(r"sealed:.:([0-9a-f]{10}):", sealed))
    new_id = set(re.findall(r"sealed:.:([0-9a-f]{10}):", resealed))
    assert len(old_id) == len(new_id) == 1
    assert old_id != new_id
    assert (count, again) == (len(COLUMNS_FILLED), 0)
    assert lasting.items() <= secrets.known.items()
    assert (hooked.status, joined.status) == (200, 200)


COLUMNS_FILLED = (
    "second factor",
    "waiting second factor",
    "command",
    "outgoing webhook",
    "three of the installation",
    "three of the installation",
    "three of the installation",
    "two teams",
    "two teams",
    "incoming webhook",
)


async def test_a_secret_that_was_moved_to_another_account_is_of_no_use(
    starting: Starting, fresh_database: str, mails: MailServer
) -> None:
    """Who can write into the database, but has no key, can't make somebody's second factor known."""
    async with starting(AT_REST_KEY) as node:
        make = Make(node)
        await make.sign_up_admin()
        ada, eve = await make.users(2)
        secrets: dict[str, str] = {}
        for person in (ada, eve):
            own: Any = node.client(person.token)
            secrets[person.id] = (await own.post("/users/me/mfa/generate")).ok()["secret"]
            body = {"activate": True, "code": pyotp.TOTP(secrets[person.id]).now()}
            (await own.put("/users/me/mfa", body)).ok()
        await _move(fresh_database, eve.id, ada.id)
        body = {"login_id": ada.username, "password": PASSWORD, "token": code_of(secrets[eve.id], steps=1)}
        reply = await node.client().post("/users/login", body)

    assert (reply.status, reply.error_id) == (503, "api.context.server_busy.app_error")


async def _move(dsn: str, from_id: str, to_id: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "UPDATE credentials SET mfa_secret = (SELECT mfa_secret FROM credentials WHERE user_id = $1) "
        "WHERE user_id = $2",
        from_id,
        to_id,
    )
    await connection.close()
