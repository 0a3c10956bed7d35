"""A mail server and a push proxy that the nodes are configured for, and two people who talk."""

import asyncio
from collections.abc import AsyncIterator, Callable
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
from tests.smtp import MailServer, mail_server

SITE = "https://chat.example.org"
RUN_NOW = SQL("""
    WITH due AS (UPDATE jobs SET run_at = 0 WHERE name = $1 AND failed_at = 0 RETURNING id)
    SELECT count(*), pg_notify('hubbub_jobs', '') FROM due
""")
FORGET_PUSHES = SQL("DELETE FROM jobs WHERE name LIKE '%push%'")


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


@pytest_asyncio.fixture
async def mails(settings: Callable[..., None]) -> AsyncIterator[MailServer]:
    """Mails about posts are sent, to this server."""
    async with mail_server() as taking:
        settings(
            EmailSettings={
                "SendEmailNotifications": True,
                "SMTPServer": "127.0.0.1",
                "SMTPPort": str(taking.port),
                "FeedbackEmail": "hub@example.org",
                "FeedbackName": "Hub",
                "FeedbackOrganization": "Example <Works>",
            },
            ServiceSettings={"SiteURL": SITE},
            TeamSettings={"SiteName": "Chat"},
        )
        yield taking


@pytest_asyncio.fixture
async def proxy(receiver: Receiver, settings: Callable[..., None], ctx: Context) -> Receiver:
    """Push notifications are sent, to this proxy: what other tests left for theirs is dropped."""
    await ctx.db.run(FORGET_PUSHES)
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
    """`await calm()` waits for what nodes do in the background, so that statements can be counted."""

    async def wait() -> None:
        for node in two_nodes:
            presence = node.services.extras[Presence]
            assert isinstance(presence, Presence)
            await presence.flush()
        await asyncio.sleep(0.2)

    return wait


@pytest.fixture
def hurry(two_nodes: tuple[TestNode, TestNode]) -> Callable[..., Any]:
    """`await hurry("send_push")` lets jobs of a kind that wait for their next try run at once; how many."""

    async def run(name: str) -> int:
        return int(await two_nodes[0].services.db.value(RUN_NOW, name))

    return run
