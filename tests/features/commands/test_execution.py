"""Running lines: what they mean, who may, and what programs of custom commands are asked."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.access.trigger_ids import read_trigger_id
from server.context import request_context
from server.features.interactions import calls
from server.ids import new_id
from tests.features.commands.world import Clients, Settings, Sockets, World, heard
from tests.make import Make
from tests.nodes import TestNode
from tests.receiver import Receiver

pytestmark = pytest.mark.usefixtures("reachable")

NOT_FOUND = (404, "api.command.execute_command.not_found.app_error")
FORBIDDEN = (403, "api.context.permissions.app_error")


@pytest.mark.parametrize("line", ["deploy", "", "/", " ", "/ deploy", "say /deploy"])
async def test_a_line_begins_with_a_slash_and_a_word(world: World, line: str) -> None:
    reply = await world.run(world.bob, line)

    assert (reply.status, reply.error_id) == (400, "api.command.execute_command.start.app_error")


async def test_unknown_commands_are_not_found(world: World, make: Make) -> None:
    await world.command(team_id=(await make.team(owner=world.ada)).id)

    replies = [
        await world.run(world.bob, line) for line in ("/nosuch thing", "/deploy main", "/echo hi", "/test posts 1")
    ]

    assert {(reply.status, reply.error_id) for reply in replies} == {NOT_FOUND}


async def test_only_those_who_may_write_run_commands(world: World, client: Clients, make: Make) -> None:
    attic = await make.channel(world.team, members=[world.ada, world.bob], archived=True)
    secret = await make.channel(world.team, owner=world.ada, type="P")
    body = {"channel_id": world.town.id, "command": "/shrug"}

    archived = await world.run(world.bob, "/shrug", attic)
    outside = [
        await world.run(world.eve, "/shrug", secret),
        await world.run(await make.user(), "/shrug"),
        await client(world.bob).post("/commands/execute", {**body, "channel_id": new_id()}),
    ]
    signed_out = await client().post("/commands/execute", body)
    malformed = await client(world.bob).post("/commands/execute", {**body, "channel_id": "x"})
    too_long = await world.run(world.bob, "/shrug " + "x" * 17_000)

    assert (archived.status, archived.error_id) == (400, "api.command.execute_command.deleted.error")
    assert {(reply.status, reply.error_id) for reply in outside} == {FORBIDDEN}
    assert signed_out.status == 401
    assert malformed.status == too_long.status == 400
    assert await world.posts() == []


async def test_a_guest_runs_commands_where_it_is(world: World, make: Make, receiver: Receiver) -> None:
    await world.command(receiver.url)
    receiver.answer(json={"text": "on it"})
    gus = await world.guest(make, world.town)
    elsewhere = await make.channel(world.team, owner=world.ada)

    assert (await world.run(gus, "/deploy @nobody", elsewhere)).status == 403
    assert (await world.done(gus, "/deploy")).get("text") == "on it"
    assert (await receiver.next()).form["user_id"] == [gus.id]


async def test_the_program_is_posted_a_form(world: World, receiver: Receiver, node: TestNode) -> None:
    command = await world.command(f"{receiver.url}/hook?kept=1")
    line = f"/DePloy  main @{world.ada.username} @nobody, @{world.bob.username}. ~{world.town.name} ä&=\nmore"

    answer = await world.done(world.bob, line)

    asked = await receiver.next()
    form = asked.form
    response_url = form.pop("response_url")[0]
    trigger_id = form.pop("trigger_id")[0]
    assert (asked.method, asked.path, asked.query) == ("POST", "/hook", {"kept": ["1"]})
    assert asked.headers["authorization"] == f"Token {command['token']}"
    assert asked.headers["accept"] == "application/json"
    assert {name: sorted(values) for name, values in form.items()} == {
        "token": [command["token"]],
        "team_id": [world.team.id],
        "team_domain": [world.team.name],
        "channel_id": [world.town.id],
        "channel_name": [world.town.name],
        "user_id": [world.bob.id],
        "user_name": [world.bob.username],
        "command": ["/deploy"],
        "text": [line.partition(" ")[2]],
        "user_mentions": sorted([world.ada.username, world.bob.username]),
        "user_mentions_ids": sorted([world.ada.id, world.bob.id]),
        "channel_mentions": [world.town.name],
        "channel_mentions_ids": [world.town.id],
    }
    assert urlsplit(response_url).path.startswith("/hooks/commands/")
    assert response_url.startswith(node.url)
    shown = (answer["trigger_id"], world.bob.id)
    assert await read_trigger_id(request_context(node.services), trigger_id, max_age_ms=60_000) == shown


async def test_names_and_ids_of_people_come_in_the_same_order(world: World, receiver: Receiver) -> None:
    await world.command(receiver.url)
    people = {person.username: person.id for person in (world.ada, world.bob, world.eve)}

    await world.done(world.bob, "/deploy " + " ".join(f"@{name}" for name in people))

    form = (await receiver.next()).form
    assert dict(zip(form["user_mentions"], form["user_mentions_ids"], strict=True)) == people


async def test_the_program_is_asked_with_a_query(world: World, receiver: Receiver) -> None:
    command = await world.command(f"{receiver.url}/hook?kept=1", method="G")

    await world.done(world.bob, "/deploy a&b " + "x" * 5000)

    asked = await receiver.next()
    assert (asked.method, asked.path, asked.body) == ("GET", "/hook", b"")
    assert asked.query["kept"] == ["1"]
    assert asked.query["text"] == ["a&b " + "x" * 5000]
    assert asked.query["token"] == [command["token"]]
    assert asked.headers["authorization"] == f"Token {command['token']}"
    assert "content-type" not in asked.headers


async def test_people_whom_the_caller_may_not_know_are_not_told(world: World, make: Make, receiver: Receiver) -> None:
    await world.command(receiver.url)
    gus = await world.guest(make, world.town)

    await world.done(gus, f"/deploy @{world.eve.username} @{world.bob.username} @{make.admin.username}")

    assert (await receiver.next()).form["user_mentions"] == [world.bob.username]


async def test_in_a_direct_channel_the_team_is_the_one_that_is_named(
    world: World, client: Clients, make: Make, receiver: Receiver
) -> None:
    await world.command(receiver.url)
    direct = await make.direct(world.bob, world.ada)
    foreign = await make.team()

    without = await world.run(world.bob, "/deploy", direct)
    stranger = await world.run(world.bob, "/deploy", direct, team_id=foreign.id)
    await world.done(world.bob, "/deploy", direct, team_id=world.team.id)

    assert (without.status, without.error_id) == NOT_FOUND
    assert (stranger.status, stranger.error_id) == FORBIDDEN
    assert (await receiver.next()).form["channel_id"] == [direct.id]
    assert receiver.nothing()


async def test_a_text_is_shown_to_the_caller_alone(world: World, receiver: Receiver, socket: Sockets) -> None:
    await world.command(receiver.url)
    receiver.answer(json={"text": "done <http://example.org|here>", "goto_location": "http://example.org/go"})

    async with socket(world.bob) as bob, socket(world.ada, node=1) as ada:
        answer = await world.done(world.bob, "/deploy")
        event = await bob.next("ephemeral_message")

        assert await heard(ada) == []
    post = event.data["post"]
    assert (post["type"], post["user_id"], post["channel_id"]) == ("system_ephemeral", world.bob.id, world.town.id)
    assert post["message"] == "done [here](http://example.org)"
    assert post["props"]["from_webhook"] == "true"
    assert event.broadcast["user_id"] == world.bob.id
    assert answer["goto_location"] == "http://example.org/go"
    assert await world.posts() == []


async def test_plain_text_is_an_answer_for_the_caller(world: World, receiver: Receiver, socket: Sockets) -> None:
    await world.command(receiver.url)
    receiver.answer(text=" just words \n")

    async with socket(world.bob) as events:
        answer = await world.done(world.bob, "/deploy")
        assert await heard(events) == ["just words"]

    assert (answer["text"], answer["response_type"]) == ("just words", "")


async def test_an_answer_in_the_channel_is_a_post_of_the_caller(
    world: World, receiver: Receiver, socket: Sockets
) -> None:
    await world.command(receiver.url, username="shipper")
    receiver.answer(
        json={
            "response_type": "in_channel",
            "text": "shipped <!here>",
            "attachments": [{"text": "see <http://example.org|there>"}],
            "props": {"from_bot": "true", "mine": 1},
            "username": "other",
            "icon_url": "http://example.org/i.png",
            "type": "system_join_channel",
        }
    )

    async with socket(world.ada) as ada, socket(world.eve) as eve:
        await world.done(world.bob, "/deploy")
        event = await ada.next("posted")
        assert "posted" not in await eve.names()

    post = event.data["post"]
    assert (post["user_id"], post["type"]) == (world.bob.id, "slack_attachment")
    assert post["message"] == "shipped @here"
    assert post["props"]["from_webhook"] == "true"
    assert post["props"]["mine"] == 1
    assert post["props"]["attachments"][0]["text"] == "see [there](http://example.org)"
    assert not {"from_bot", "override_username", "override_icon_url"} & set(post["props"])
    assert [one["id"] for one in await world.posts()] == [post["id"]]


async def test_names_and_icons_are_shown_where_the_settings_allow_it(
    world: World, receiver: Receiver, settings: Settings
) -> None:
    settings(ServiceSettings={"EnablePostUsernameOverride": True, "EnablePostIconOverride": True})
    await world.command(receiver.url, username="shipper")
    receiver.answer(
        json={"response_type": "in_channel", "text": "x", "username": "other", "icon_url": "http://example.org/i.png"}
    )

    await world.done(world.bob, "/deploy")

    props = (await world.posts())[0]["props"]
    assert (props["override_username"], props["override_icon_url"]) == ("shipper", "http://example.org/i.png")


async def test_words_stay_as_they_are_on_request(world: World, receiver: Receiver) -> None:
    await world.command(receiver.url)
    receiver.answer(json={"response_type": "in_channel", "text": "<!here> <a|b>", "skip_slack_parsing": True})

    await world.done(world.bob, "/deploy")

    assert [post["message"] for post in await world.posts()] == ["<!here> <a|b>"]


async def test_one_answer_may_bring_others(world: World, receiver: Receiver, socket: Sockets) -> None:
    await world.command(receiver.url)
    receiver.answer(
        json={
            "text": "first",
            "extra_responses": [
                {"text": "second", "response_type": "in_channel"},
                {"text": "third", "extra_responses": [{"text": "never"}]},
                {},
            ],
        }
    )

    async with socket(world.bob) as events:
        await world.done(world.bob, "/deploy")
        assert await heard(events) == ["first", "third"]

    assert [post["message"] for post in await world.posts()] == ["second"]


async def test_an_answer_stays_in_its_thread(world: World, make: Make, receiver: Receiver, socket: Sockets) -> None:
    await world.command(receiver.url)
    root = await make.post(world.ada, world.town)
    receiver.answer(json={"text": "x", "response_type": "in_channel", "extra_responses": [{"text": "y"}]})
    foreign = await make.post(world.ada, await make.channel(world.team, owner=world.ada))

    async with socket(world.bob) as events:
        await world.done(world.bob, "/deploy", root_id=root["id"])
        shown = await events.next("ephemeral_message")
    wrong = await world.run(world.bob, "/deploy", root_id=foreign["id"])

    assert (await receiver.next()).form["root_id"] == [root["id"]]
    assert (await world.posts())[0]["root_id"] == root["id"]
    assert shown.data["post"]["root_id"] == root["id"]
    assert (wrong.status, wrong.error_id) == (400, "api.post.create_post.root_id.app_error")


async def test_an_answer_goes_into_another_channel_of_the_callers(
    world: World, make: Make, receiver: Receiver, socket: Sockets
) -> None:
    await world.command(receiver.url)
    own = await make.channel(world.team, members=[world.bob], owner=world.ada)
    foreign = await make.channel(world.team, owner=world.ada)

    receiver.answer(json={"text": "x", "response_type": "in_channel", "channel_id": own.id})
    await world.done(world.bob, "/deploy")
    receiver.answer(json={"text": "y", "response_type": "in_channel", "channel_id": foreign.id})
    refused = await world.run(world.bob, "/deploy")

    assert [post["message"] for post in await world.posts(own)] == ["x"]
    assert (refused.status, refused.error_id) == (403, "api.command.command_post.forbidden.app_error")
    assert await world.posts(foreign) == await world.posts() == []


FAILED = "api.command.execute_command.failed.app_error"
FAILED_RESP = "api.command.execute_command.failed_resp.app_error"


@pytest.mark.parametrize(
    ("answer", "error_id"),
    [
        ({"status": 500, "text": "secret-of-the-target"}, FAILED_RESP),
        ({"status": 404}, FAILED_RESP),
        ({"status": 204}, FAILED_RESP),
        ({"text": "{secret-of-the-target", "headers": {"content-type": "application/json"}}, FAILED_RESP),
        ({"json": ["secret-of-the-target"]}, FAILED_RESP),
        ({"json": {"text": 5}}, FAILED_RESP),
        ({"json": {"text": "a\0b"}}, FAILED_RESP),
        ({"json": {"attachments": [None]}}, FAILED_RESP),
        ({"size": 2_000_000}, FAILED),
        ({"text": "half", "breaks": True}, FAILED),
        ({"location": "http://10.1.2.3/"}, FAILED),
        ({"location": "ftp://example.org/"}, FAILED),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_program_that_fails_is_an_error_in_our_words(
    world: World, receiver: Receiver, answer: dict[str, Any], error_id: str
) -> None:
    await world.command(receiver.url)
    receiver.answer(**answer)

    reply = await world.run(world.bob, "/deploy")

    assert (reply.status, reply.error_id) == (400, error_id)
    assert "/deploy" in reply.json["message"]
    assert "secret-of-the-target" not in reply.text
    assert await world.posts() == []


async def test_a_program_has_so_much_time(world: World, receiver: Receiver, settings: Settings) -> None:
    settings(ServiceSettings={"OutgoingIntegrationRequestsTimeout": 1})
    await world.command(f"{receiver.url}/hangs", trigger="hangs")
    await world.command(f"{receiver.url}/endless", trigger="endless")
    receiver.answer(path="/hangs", hangs=True)
    receiver.answer(path="/endless", endless=True)

    replies = await asyncio.gather(world.run(world.bob, "/hangs"), world.run(world.bob, "/endless"))

    assert {(reply.status, reply.error_id) for reply in replies} == {(400, FAILED)}


async def test_redirects_are_followed_but_not_for_ever(world: World, receiver: Receiver) -> None:
    await world.command(f"{receiver.url}/old", method="G")
    receiver.answer(path="/old", location="/new")
    receiver.answer(path="/new", json={"text": "moved"})
    assert (await world.done(world.bob, "/deploy"))["text"] == "moved"

    receiver.answer(path="/new", location="/old")
    before = len(receiver.requests)
    reply = await world.run(world.bob, "/deploy")

    assert (reply.status, reply.error_id) == (400, FAILED_RESP)
    assert len(receiver.requests) - before == 4


async def test_addresses_inside_are_not_called(world: World, receiver: Receiver, settings: Settings) -> None:
    settings(ServiceSettings={"AllowedUntrustedInternalConnections": ""})
    await world.command(receiver.url)

    reply = await world.run(world.bob, "/deploy")

    assert (reply.status, reply.error_id) == (400, FAILED)
    assert receiver.requests == []


async def test_what_is_too_long_for_a_post_is_refused(world: World, receiver: Receiver) -> None:
    await world.command(receiver.url)
    for kind in ("ephemeral", "in_channel"):
        receiver.answer(json={"text": "x" * 17_000, "response_type": kind})

        reply = await world.run(world.bob, "/deploy")

        assert (reply.status, reply.error_id) == (400, "model.post.is_valid.message_length.app_error")
    receiver.answer(json={"text": "x", "extra_responses": [{"text": "y"}] * 21})
    assert (await world.run(world.bob, "/deploy")).status == 400


async def test_a_custom_command_of_another_team_answers_nobody_here(
    world: World, make: Make, receiver: Receiver
) -> None:
    other = await make.team(owner=world.ada)
    await world.command(receiver.url, team_id=other.id)

    assert (await world.run(world.ada, "/deploy")).status == 404
    assert receiver.requests == []


async def test_the_settings_decide_which_address_programs_are_told(
    world: World, receiver: Receiver, settings: Settings
) -> None:
    settings(ServiceSettings={"SiteURL": "https://chat.example.org/sub/"})
    await world.command(receiver.url)

    await world.done(world.bob, "/deploy")

    url = (await receiver.next()).form["response_url"][0]
    assert url.startswith("https://chat.example.org/sub/hooks/commands/")


async def test_a_program_opens_a_dialog_before_its_caller(
    world: World, client: Clients, receiver: Receiver, socket: Sockets
) -> None:
    await world.command(receiver.url)
    dialog = {"callback_id": "c", "title": "Which?", "elements": []}

    async with socket(world.bob) as bob, socket(world.ada) as ada:
        answer = await world.done(world.bob, "/deploy")
        trigger_id = (await receiver.next()).form["trigger_id"][0]
        body = {"trigger_id": trigger_id, "url": f"{receiver.url}/dialog", "dialog": dialog}
        (await client(node=1).post("/actions/dialogs/open", body)).ok()
        event = await bob.next("open_dialog")
        assert "open_dialog" not in await ada.names()

    assert event.data["dialog"]["trigger_id"] == answer["trigger_id"]
    assert event.data["dialog"]["dialog"]["title"] == "Which?"


async def test_one_user_waits_for_so_many_programs(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "AT_ONCE", 2)
    await world.command(receiver.url)
    enough = asyncio.Event()
    receiver.answer(json={}, when=enough)
    waiting = [asyncio.create_task(world.run(world.bob, "/deploy")) for _ in range(2)]
    for _ in waiting:
        await receiver.next()

    third = await world.run(world.bob, "/deploy")
    other = asyncio.create_task(world.run(world.ada, "/deploy"))
    await receiver.next()
    enough.set()

    assert third.status == 429
    assert [reply.status for reply in await asyncio.gather(*waiting, other)] == [200, 200, 200]
    assert (await world.run(world.bob, "/deploy")).status == 200
