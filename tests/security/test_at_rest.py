"""Who has a dump of the database has no way in: what lets somebody in stands there sealed, or as a hash."""

import base64
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pyotp
import pytest
import pytest_asyncio
from msgspec import Struct

from server.access.installation import LastingSecret, lasting_secret
from server.config import ConfigError
from server.context import request_context
from server.engines.redis import Redis
from server.features.secrets.service import reseal
from tests.clients_of import Client
from tests.features.mfa.test_mfa import code_of
from tests.features.oauth.world import App, consent, fetch, pkce, register
from tests.features.users.test_mail_flows import mailed_to, token_in
from tests.make import PASSWORD, Make, Person
from tests.nodes import AT_REST_KEY, TestNode, start_node
from tests.receiver import Receiver
from tests.security.dumps import dump, readable_in
from tests.smtp import MailServer, mail_server

VARIABLE = "MM_SQLSETTINGS_ATRESTENCRYPTKEY"
OTHER_KEY = "another-another-another-another-another"
SMTP_PASSWORD, S3_SECRET = "Sm7p-passw0rd-of-the-mail-server", "s3-secret-s3-secret-s3-secret"
PUBLIC_SALT = "salt-of-public-links-salt-of-public-links"
INVITATION = "team's invitation"
CHANGED = "Kalliope-0815-secret"

SETTINGS = {
    "MM_SERVICESETTINGS_ENABLEMULTIFACTORAUTHENTICATION": "true",
    "MM_SERVICESETTINGS_ENABLEUSERACCESSTOKENS": "true",
    "MM_SERVICESETTINGS_ENABLEOAUTHSERVICEPROVIDER": "true",
    "MM_SERVICESETTINGS_ENABLEBOTACCOUNTCREATION": "true",
    "MM_SERVICESETTINGS_ENABLEEMAILINVITATIONS": "true",
    "MM_SERVICESETTINGS_ALLOWEDUNTRUSTEDINTERNALCONNECTIONS": "127.0.0.1",
    "MM_SERVICESETTINGS_SITEURL": "https://chat.example.org",
    "MM_EMAILSETTINGS_SMTPSERVER": "127.0.0.1",
    "MM_EMAILSETTINGS_FEEDBACKEMAIL": "hub@example.org",
    "MM_FILESETTINGS_ENABLEPUBLICLINK": "true",
}

Starting = Callable[..., AbstractAsyncContextManager[TestNode]]


class Secrets(Struct):
    """All that lets somebody in, by what it is, and what is needed to try it."""

    known: dict[str, str]
    ada: Person
    hook_path: str
    response_path: str
    team_id: str
    command_id: str
    outgoing_id: str


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


async def live(node: TestNode, mails: MailServer, receiver: Receiver) -> Secrets:
    """Somebody uses all that has a secret."""
    make = Make(node)
    await make.sign_up_admin()
    admin, known = node.client(make.admin.token), {"password": PASSWORD, "administrator's session": make.admin.token}
    ada = await make.user("ada")
    team = await make.team(members=[ada], owner=make.admin)
    channel = await make.channel(team, members=[ada], owner=make.admin)
    hers = node.client(ada.token)
    known |= {"session": ada.token, INVITATION: team.body["invite_id"]}
    known |= await _mailed(node, mails, make, ada)
    known["access token"] = (await admin.post("/users/me/tokens", {"description": "x"})).ok()["token"]
    bot = (await admin.post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    known["bot's token"] = (await admin.post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
    known |= await _factors(hers, admin, ada)
    hook = (await admin.post("/hooks/incoming", {"channel_id": channel.id})).ok(201)["id"]
    wanted = {"team_id": team.id, "trigger_words": ["ship"], "callback_urls": [f"{receiver.url}/out"]}
    outgoing = (await admin.post("/hooks/outgoing", wanted)).ok(201)
    wanted = {"team_id": team.id, "trigger": "deploy", "method": "P", "url": f"{receiver.url}/command"}
    command = (await admin.post("/commands", wanted)).ok(201)
    await hers.post("/commands/execute", {"channel_id": channel.id, "command": "/deploy now"})
    response = (await receiver.next()).form["response_url"][0].removeprefix("https://chat.example.org")
    known |= {
        "incoming webhook": hook,
        "outgoing webhook's token": outgoing["token"],
        "command's token": command["token"],
        "response url": response.rpartition("/")[2],
    }
    known |= await _let_in(node, admin, hers)
    changes = {"EmailSettings": {"SMTPPassword": SMTP_PASSWORD}, "FileSettings": {"AmazonS3SecretAccessKey": S3_SECRET}}
    (await admin.put("/config/patch", changes)).ok()
    (await admin.put("/config/patch", {"FileSettings": {"PublicLinkSalt": PUBLIC_SALT}})).ok()
    (await admin.put("/config/patch", {"FileSettings": {"PublicLinkSalt": ""}})).ok()
    known |= {"mail password": SMTP_PASSWORD, "S3 secret": S3_SECRET, "former salt": PUBLIC_SALT}
    ctx = request_context(node.services)
    known |= {name.value: (await lasting_secret(ctx, name)).decode() for name in LastingSecret}
    return Secrets(known, ada, f"//hooks/{hook}", f"/{response}", team.id, command["id"], outgoing["id"])


async def _mailed(node: TestNode, mails: MailServer, make: Make, ada: Person) -> dict[str, str]:
    known = {"verification": token_in(await mailed_to(mails, ada.email))}
    bob = await make.user("bob")
    await node.client().post("/users/password/reset/send", {"email": bob.email})
    known["reset"] = token_in(await mailed_to(mails, bob.email, "password"))
    team = await make.team(owner=make.admin)
    await node.client(make.admin.token).post(f"/teams/{team.id}/invite/email", ["guest@example.org"])
    invited = (await mailed_to(mails, "guest@example.org")).text
    found = re.search(r"[?&]t=([0-9a-v]+)", invited)
    assert found is not None, invited
    change = {"current_password": PASSWORD, "new_password": CHANGED}
    eve = await make.user("eve")
    (await node.client(eve.token).put("/users/me/password", change)).ok()
    return {**known, "invitation by mail": found[1], "changed password": CHANGED}


async def _factors(hers: Client, admin: Client, ada: Person) -> dict[str, str]:
    secret = (await hers.post(f"/users/{ada.id}/mfa/generate")).ok()["secret"]
    (await hers.put("/users/me/mfa", {"activate": True, "code": code_of(secret)})).ok()
    pending = (await hers.post("/users/me/mfa/generate")).ok()["secret"]
    return {
        "second factor": secret,
        "waiting second factor": pending,
        "second factor's bytes": base64.b32decode(secret).hex(),
    }


async def _let_in(node: TestNode, admin: Client, hers: Client) -> dict[str, str]:
    app: App = await register(admin)
    granted = (
        await fetch(node.client(), app, grant_type="authorization_code", code=(await consent(hers, app))["code"])
    ).ok()
    verifier, challenge = pkce()
    waiting = (await consent(hers, app, **challenge))["code"]
    return {
        "app's secret": app.secret,
        "app's access": granted["access_token"],
        "app's refresh": granted["refresh_token"],
        "app's code": waiting,
        "verifier": verifier,
    }


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
    ctx = request_context(node.services)
    lasting = {name.value: (await lasting_secret(ctx, name)).decode() for name in LastingSecret}

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
        ctx = request_context(node.services)
        lasting = (await lasting_secret(ctx, LastingSecret.TRIGGER_IDS)).decode()
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
    assert lasting == secrets.known[LastingSecret.TRIGGER_IDS]
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
