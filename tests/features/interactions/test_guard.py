"""Addresses that lead inside, through hooks, actions and dialogs: refused in constant words, within limits."""

import asyncio
import socket as sockets
from typing import Any

import pytest

from server.context import request_context
from server.features.webhooks import outgoing
from server.features.webhooks.outgoing_models import CallHook
from tests.features.interactions.world import Clients, Json, Settings, World
from tests.make import Make
from tests.nodes import TestNode
from tests.receiver import Receiver
from tests.waiting import PATIENCE

FAILED = "api.post.do_action.action_integration.app_error"
NOT_ALLOWED = "The address is not allowed."

INSIDE = [
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://017700000001:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::]:{port}/",
    "http://localhost:{port}/",
    "http://inside.example.org:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://192.168.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]:{port}/",
    "http://[fd00::1]:{port}/",
    "http://100.64.0.1:{port}/",
]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that a stranger lets point to the loopback."""
    real = sockets.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if name == "inside.example.org" else host, *args, **options)

    monkeypatch.setattr(sockets, "getaddrinfo", getaddrinfo)


async def test_actions_and_dialogs_call_nobody_inside(world: World, client: Clients, receiver: Receiver) -> None:
    for template in INSIDE:
        url = template.format(port=receiver.port)
        post = await world.poll(url)
        body = {"url": url, "channel_id": world.town.id, "submission": {}}

        refused = [
            await world.click(world.bob, post),
            *[
                await client(world.bob).post(f"/actions/dialogs/{word}", body)
                for word in ("submit", "lookup", "execute")
            ],
        ]

        said = {(reply.status, reply.error_id, reply.json["message"]) for reply in refused}
        assert said == {(400, FAILED, NOT_ALLOWED)}, url
    assert receiver.connections == 0


async def called(world: World, make: Make, client: Clients, node: TestNode, url: str) -> None:
    """Let a hook call an address, as its job does."""
    square = await make.channel(world.team, [world.bob], owner=world.ada)
    body = {"team_id": world.team.id, "trigger_words": ["unsaid"], "callback_urls": [url]}
    hook: Json = (await client(world.ada).post("/hooks/outgoing", body)).ok(201)
    post = (await client(world.bob).post("/posts", {"channel_id": square.id, "message": "x"})).ok(201)
    job = CallHook(post_id=post["id"], hook_id=hook["id"], address=outgoing._digest(url), trigger_word="unsaid")
    await outgoing.call(request_context(node.services), job)
    listed = (await client(world.bob).get(f"/channels/{square.id}/posts")).ok()["posts"].values()
    assert not any(each["props"].get("from_webhook") for each in listed)


async def test_hooks_call_nobody_inside_and_do_not_try_again(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver
) -> None:
    for url in INSIDE:
        await called(world, make, client, node, url.format(port=receiver.port))

    assert receiver.connections == 0


@pytest.mark.parametrize("status", [302, 307])
async def test_nobody_is_led_inside(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver, reachable: None, status: int
) -> None:
    post = await world.poll(f"{receiver.url}/out")
    for target in ("http://10.0.0.1/", f"http://[::1]:{receiver.port}/", "http://169.254.169.254/", "file:///"):
        receiver.answer(path="/out", location=target, status=status)

        refused = await world.click(world.bob, post)

        assert (refused.status, refused.error_id, refused.json["message"]) == (400, FAILED, NOT_ALLOWED), target
    await called(world, make, client, node, f"{receiver.url}/out")
    assert [asked.path for asked in receiver.requests] == ["/out"] * 5


async def test_circles_end(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver, reachable: None
) -> None:
    receiver.answer(location="/again", status=307)
    post = await world.poll(receiver.url)

    refused = await world.click(world.bob, post)

    assert (refused.status, refused.error_id) == (400, FAILED)
    assert len(receiver.requests) == 4


@pytest.mark.parametrize("how", [{"size": 50_000_000}, {"endless": True}, {"hangs": True}])
async def test_answers_without_end_are_cut_short(
    world: World,
    client: Clients,
    receiver: Receiver,
    reachable: None,
    settings: Settings,
    how: dict[str, Any],
) -> None:
    settings(ServiceSettings={"OutgoingIntegrationRequestsTimeout": 1})
    receiver.answer(**how)
    body = {"url": receiver.url, "channel_id": world.town.id, "submission": {}}

    async with asyncio.timeout(PATIENCE):
        refused = await client(world.bob).post("/actions/dialogs/submit", body)

    assert (refused.status, refused.error_id) == (400, FAILED)
    assert receiver.url not in refused.text
