"""A mail server and a push proxy that the nodes are configured for, and two people who talk."""

from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct

from server.context import Context, request_context
from server.db import SQL
from server.features.status.presence import Presence
from tests.clients_of import Client
from tests.make import Make, Person, Thing
from tests.nodes import TestNode
from tests.receiver import Receiver
from tests.smtp import MailServer, nothing_owed
from tests.waiting import until

SITE = "https://chat.example.org"
FAILED = SQL("SELECT count(*) FROM jobs WHERE name = $1 AND payload->>'user_id' = $2 AND failed_at = 0 AND error <> ''")
# They count as not tried yet: what is found to have failed from then on has failed again, or is another one.
RUN_NOW = SQL("""
    WITH due AS (
        UPDATE jobs SET run_at = 0, error = ''
         WHERE name = $1 AND payload->>'user_id' = $2 AND failed_at = 0 AND error <> ''
     RETURNING id
    )
    SELECT count(*), pg_notify('hubbub_jobs', '') FROM due
""")


class World(Struct):
    """Ada writes, Bob is told."""

    ada: Person
    bob: Person
    team: Thing
    town: Thing


@pytest_asyncio.fixture
async def world(make: Make) -> World:
    ada, bob = await make.user("ada", first_name="Ada", last_name="Lovelace"), await make.user("bob")
    team = await make.team(members=[ada, bob])
    return World(ada, bob, team, await make.channel(team, members=[ada, bob]))


@pytest.fixture
def mails(mails: MailServer, settings: Callable[..., None]) -> MailServer:
    """Mails about posts are sent, to this server."""
    settings(
        EmailSettings={
            "SendEmailNotifications": True,
            "FeedbackName": "Hub",
            "FeedbackOrganization": "Example <Works>",
        },
        ServiceSettings={"SiteURL": SITE},
        TeamSettings={"SiteName": "Chat"},
    )
    return mails


@pytest_asyncio.fixture
async def proxy(receiver: Receiver, settings: Callable[..., None], nothing_left: None) -> Receiver:
    """Push notifications are sent, to this proxy."""
    receiver.answer(json={"status": "OK"})
    settings(EmailSettings={"SendPushNotifications": True, "PushNotificationServer": f"{receiver.url}/"})
    return receiver


@pytest.fixture
def ctx(two_nodes: tuple[TestNode, TestNode]) -> Context:
    """What a job of the first node carries."""
    return request_context(two_nodes[0].services)


class Phone:
    """A phone with the app, signed in."""

    def __init__(self, client: Client, device_id: str) -> None:
        self.client = client
        self.device_id = device_id
        self.token = device_id.partition(":")[2]


@pytest.fixture
def phone(two_nodes: tuple[TestNode, TestNode], make: Make) -> Callable[..., Any]:
    """`await phone(bob)` signs Bob in on a phone."""

    async def sign_in(person: Person, platform: str = "apple_rn-v2") -> Phone:
        device_id = f"{platform}:{make.name('token')}"
        body = {"login_id": person.username, "password": person.password, "device_id": device_id}
        reply = await two_nodes[0].client().post("/users/login", body)
        reply.ok()
        return Phone(two_nodes[0].client(reply.headers["token"]), device_id)

    return sign_in


@pytest.fixture
def calm(two_nodes: tuple[TestNode, TestNode]) -> Callable[..., Any]:
    """`await calm()` has the nodes write who is there, else whoever asks next would, while statements are counted."""

    async def wait() -> None:
        for node in two_nodes:
            presence = node.services.extras[Presence]
            assert isinstance(presence, Presence)
            await presence.flush()

    return wait


@pytest.fixture
def all_told(ctx: Context) -> Callable[..., Any]:
    """`await all_told()` waits until whoever is to be told of something was, or could not be at the first try."""

    async def wait() -> None:
        await nothing_owed(ctx.db)

    return wait


@pytest.fixture
def hurry(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`await hurry("send_push", bob)` waits until a job of a kind for a user has failed (`count`: so many), and lets
    it be tried again at once; by itself it would not be in an hour."""
    monkeypatch.setattr("server.jobs.runner.backoff", lambda attempts: 3600.0)

    async def run(name: str, person: Person, count: int = 1) -> None:
        async def failed() -> bool:
            return bool(await ctx.db.value(FAILED, name, person.id) == count)

        await until(failed)
        assert await ctx.db.value(RUN_NOW, name, person.id) == count

    return run
