"""Answers that a program sends later: where they go, how often and how long they may."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.access.sessions import hash_token
from server.context import Context, request_context
from server.db import SQL
from server.features.commands.jobs import sweep_command_responses
from tests.clients_of import Reply
from tests.features.commands.world import Clients, Settings, Sockets, World, heard
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.receiver import Receiver
from tests.waiting import next_moment

pytestmark = pytest.mark.usefixtures("reachable")

GONE = (404, "web.command_webhook.command.app_error")
HALF_AN_HOUR = 30 * 60 * 1000


class Program:
    """The program of /deploy, which has been called by Bob."""

    def __init__(self, world: World, path: str, command: dict[str, Any]) -> None:
        self.world, self.path, self.command = world, path, command

    async def answer(self, body: object, *, node: int = 0, **options: Any) -> Reply:
        """Send something to its response_url."""
        return await self.world.client(node=node).post(f"/{self.path}", body, **options)


async def called(world: World, receiver: Receiver, *, person: Person | None = None, **fields: Any) -> Program:
    """A program that was called, by Bob unless someone else is named."""
    command = await world.command(receiver.url)
    await world.done(person or world.bob, "/deploy", **fields)
    return Program(world, urlsplit((await receiver.next()).form["response_url"][0]).path, command)


async def test_a_later_answer_reaches_the_caller_from_any_node(
    world: World, receiver: Receiver, socket: Sockets
) -> None:
    program = await called(world, receiver)

    async with socket(world.bob) as bob, socket(world.ada) as ada:
        reply = await program.answer({"text": "<http://example.org|built>"}, node=1)
        event = await bob.next("ephemeral_message")
        assert await heard(ada) == []

    assert reply.ok() == {"status": "OK"}
    assert event.data["post"]["message"] == "[built](http://example.org)"
    assert event.data["post"]["channel_id"] == world.town.id


async def test_a_later_post_stands_in_the_thread_where_it_was_asked(
    world: World, make: Make, receiver: Receiver, socket: Sockets
) -> None:
    root = await make.post(world.ada, world.town)
    program = await called(world, receiver, root_id=root["id"])

    async with socket(world.ada) as ada, socket(world.eve) as eve:
        (await program.answer({"text": "built", "response_type": "in_channel"}, node=1)).ok()
        post = (await ada.next("posted")).data["post"]
        assert "posted" not in await eve.names()

    assert (post["user_id"], post["root_id"], post["message"]) == (world.bob.id, root["id"], "built")
    assert post["props"]["from_webhook"] == "true"


async def test_it_may_be_plain_text(world: World, receiver: Receiver, socket: Sockets) -> None:
    program = await called(world, receiver)

    async with socket(world.bob) as bob:
        (await program.answer(b"half way", headers={"content-type": "text/plain"})).ok()
        assert await heard(bob) == ["half way"]


async def test_it_is_taken_five_times_whatever_nodes_are_asked_at_once(
    world: World, receiver: Receiver, socket: Sockets
) -> None:
    program = await called(world, receiver)

    async with socket(world.bob) as bob:
        replies = await asyncio.gather(*(program.answer({"text": "x"}, node=number % 2) for number in range(12)))
        assert len(await heard(bob)) == 5

    assert sorted(reply.status for reply in replies) == [200] * 5 + [404] * 7
    assert {(reply.status, reply.error_id) for reply in replies if reply.status != 200} == {GONE}


async def test_it_is_taken_for_half_an_hour(
    world: World, receiver: Receiver, node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = request_context(node.services).now()
    program = await called(world, receiver)
    after = request_context(node.services).now()

    monkeypatch.setattr(Context, "now", lambda _: before + HALF_AN_HOUR - 1)
    in_time = await program.answer({"text": "x"})
    monkeypatch.setattr(Context, "now", lambda _: after + HALF_AN_HOUR + 1)
    late = await program.answer({"text": "x"})

    assert in_time.status == 200
    assert (late.status, late.error_id) == GONE


async def test_what_is_too_late_is_swept_away(world: World, receiver: Receiver, node: TestNode) -> None:
    program = await called(world, receiver)
    response_id = hash_token(program.path.rpartition("/")[2]).hex()
    count = SQL("SELECT count(*) FROM command_responses WHERE id = $1")
    age = SQL("UPDATE command_responses SET create_at = create_at - $2 WHERE id = $1")

    await sweep_command_responses(request_context(node.services))
    before = await node.services.db.value(count, response_id)
    await node.services.db.run(age, response_id, HALF_AN_HOUR + 1000)
    await sweep_command_responses(request_context(node.services))

    assert (before, await node.services.db.value(count, response_id)) == (1, 0)


@pytest.mark.parametrize("id", ["01k80bot5fe6pq0jfdrkffqur3", "6bh0ebblmfp758h1npa3ud1t8r", "x", "é", "..%2f"])
async def test_unknown_addresses_say_the_same(client: Clients, id: str) -> None:
    replies = [await client().post(f"//hooks/commands/{id}", {"text": "x"})]

    assert {(reply.status, reply.json["id"]) for reply in replies} == {GONE}


async def test_the_command_its_user_and_the_channel_must_still_be_there(
    world: World, client: Clients, make: Make, receiver: Receiver, admin: Person
) -> None:
    program = await called(world, receiver)
    (await client(world.ada).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()
    left = await program.answer({"text": "x", "response_type": "in_channel"})
    await make.join_channel(world.town, world.bob)
    back = await program.answer({"text": "x", "response_type": "in_channel"})
    (await client(admin).put(f"/users/{world.bob.id}/active", {"active": False})).ok()
    deactivated = await program.answer({"text": "x"})
    (await client(admin).put(f"/users/{world.bob.id}/active", {"active": True})).ok()
    (await client(world.ada).delete(f"/commands/{program.command['id']}")).ok()
    deleted = await program.answer({"text": "x"})

    assert back.status == 200
    assert {(reply.status, reply.error_id) for reply in (left, deactivated, deleted)} == {GONE}
    assert len(await world.posts()) == 1


async def test_archived_channels_take_nothing(world: World, client: Clients, receiver: Receiver) -> None:
    program = await called(world, receiver)
    (await client(world.ada).delete(f"/channels/{world.town.id}")).ok()

    reply = await program.answer({"text": "x", "response_type": "in_channel"})

    assert (reply.status, reply.error_id) == GONE


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": 5}', b'{"text": "\\u0000"}', b"\xff"])
async def test_what_makes_no_sense_uses_nothing_up(world: World, receiver: Receiver, body: bytes) -> None:
    program = await called(world, receiver)

    replies = [await program.answer(body, headers={"content-type": "application/json"}) for _ in range(6)]
    then = await program.answer({"text": "x"})

    parse = (400, "web.command_webhook.parse.app_error")
    assert {(reply.status, reply.error_id) for reply in replies} == {parse}
    assert then.status == 200


async def test_a_body_has_a_limit(world: World, receiver: Receiver, settings: Settings) -> None:
    program = await called(world, receiver)
    settings(ServiceSettings={"MaximumPayloadSizeBytes": 100})

    assert (await program.answer({"text": "x" * 100})).status == 413
    assert (await program.answer({"text": "x"})).status == 200


async def test_a_user_has_so_many_open_at_most(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.features.commands.queries.MAX_OPEN", 2)
    first = await called(world, receiver)
    await world.done(world.ada, "/deploy")
    await receiver.next()
    paths = [first.path]
    for _ in range(2):
        await next_moment()
        await world.done(world.bob, "/deploy")
        paths.append(urlsplit((await receiver.next()).form["response_url"][0]).path)

    replies = [await Program(world, path, first.command).answer({"text": "x"}) for path in paths]

    assert [reply.status for reply in replies] == [404, 200, 200]
