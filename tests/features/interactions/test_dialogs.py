"""Dialogs: opened before the user who called a program, and sent back to it."""

import asyncio
from typing import Any

import pytest

from tests.features.interactions.world import Clients, Json, Settings, Sockets, World
from tests.make import Make, Person
from tests.receiver import Receiver

pytestmark = pytest.mark.usefixtures("reachable")

INVALID = "api.context.invalid_body_param.app_error"
FAILED = "api.post.do_action.action_integration.app_error"
FORBIDDEN = "api.context.permissions.app_error"
EXPIRED = "interactive_message.decode_trigger_id.expired"

ELEMENT = {"display_name": "Name", "name": "name", "type": "text"}
DIALOG: Json = {"title": "Lunch", "callback_id": "cb", "state": "st", "elements": [ELEMENT], "notify_on_cancel": True}


async def triggered(world: World, receiver: Receiver, person: Person | None = None) -> tuple[str, str]:
    """Somebody presses a button: the trigger ids of the client and of the program."""
    post = await world.poll(receiver.url)
    reply = (await world.click(person or world.bob, post)).ok()
    return reply["trigger_id"], (await receiver.next()).json["trigger_id"]


def opening(trigger_id: str, url: str = "https://x.example.org/dialog", **dialog: Any) -> Json:
    return {"trigger_id": trigger_id, "url": url, "dialog": {**DIALOG, **dialog}}


async def test_a_program_opens_a_dialog_before_its_caller(
    world: World, client: Clients, receiver: Receiver, socket: Sockets
) -> None:
    short, trigger_id = await triggered(world, receiver)

    async with socket(world.bob, node=1) as events, socket(world.ada) as outside:
        opened = (await client().post("/actions/dialogs/open", opening(trigger_id))).ok()
        event = await events.next("open_dialog")
        assert "open_dialog" not in await outside.names()

    told = event.data["dialog"]
    assert opened == {"status": "OK"}
    assert (told["trigger_id"], told["url"]) == (short, "https://x.example.org/dialog")
    (element,) = told["dialog"].pop("elements")
    assert told["dialog"] == {
        "callback_id": "cb",
        "title": "Lunch",
        "introduction_text": "",
        "icon_url": "",
        "submit_label": "",
        "notify_on_cancel": True,
        "state": "st",
        "source_url": "",
    }
    assert element == {
        **ELEMENT,
        "subtype": "",
        "default": "",
        "placeholder": "",
        "help_text": "",
        "optional": False,
        "min_length": 0,
        "max_length": 0,
        "data_source": "",
        "data_source_url": "",
        "multiselect": False,
        "options": [],
    }


async def test_what_the_server_does_not_know_of_elements_reaches_the_client(
    world: World, client: Clients, receiver: Receiver, socket: Sockets
) -> None:
    _, trigger_id = await triggered(world, receiver)
    element = {**ELEMENT, "type": "datetime", "datetime_config": {"time_interval": 30}, "help_text": None}

    async with socket(world.bob) as events:
        (await client().post("/actions/dialogs/open", opening(trigger_id, elements=[element]))).ok()
        (shown,) = (await events.next("open_dialog")).data["dialog"]["dialog"]["elements"]

    assert shown["datetime_config"] == {"time_interval": 30}
    assert shown["help_text"] == ""


@pytest.mark.parametrize(
    "dialog",
    [
        {"elements": None},
        {"elements": []},
        {"title": "A title that is longer than twenty-four characters"},
        {"elements": [{**ELEMENT, "display_name": "A name that is longer than twenty-four"}]},
        {"elements": [ELEMENT, ELEMENT]},
        {"elements": [{**ELEMENT, "type": "textarea", "subtype": "odd", "min_length": 5, "max_length": 3}]},
        {"elements": [{**ELEMENT, "type": "radio", "default": "2", "options": [{"text": "One", "value": "1"}]}]},
        {"elements": [{**ELEMENT, "type": kind} for kind in ("bool", "date", "datetime", "select", "action_button")]},
        {"elements": [{**ELEMENT, "type": "select", "data_source": "users", "multiselect": True}]},
        {"elements": [{**ELEMENT, "type": "select", "data_source": "dynamic",
                       "data_source_url": "https://x.example.org/"}]},
    ],
)  # fmt: skip
async def test_dialogs_that_clients_can_show_are_opened(
    world: World, client: Clients, receiver: Receiver, dialog: Json
) -> None:
    _, trigger_id = await triggered(world, receiver)

    assert (await client().post("/actions/dialogs/open", opening(trigger_id, **dialog))).status == 200


@pytest.mark.parametrize(
    ("body", "error_id"),
    [
        ({"url": ""}, INVALID),
        ({"url": "ftp://x.example.org"}, INVALID),
        ({"url": "/plugins/x"}, INVALID),
        ({"dialog": None}, INVALID),
        ({"dialog": {"title": ""}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "type": "hologram"}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "name": ""}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "name": "x" * 301}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "max_length": "5"}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "type": "select", "data_source": "wiki"}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "type": "select", "data_source": "dynamic"}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "options": [None]}]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": [{**ELEMENT, "name": f"n{n}"} for n in range(101)]}}, INVALID),
        ({"dialog": {**DIALOG, "elements": "none"}}, INVALID),
        ({"trigger_id": "junk"}, "interactive_message.decode_trigger_id"),
        ({"trigger_id": ""}, "interactive_message.decode_trigger_id"),
        ({"trigger_id": None}, INVALID),
    ],
)
async def test_dialogs_that_no_client_can_show_are_refused(
    same_world: World, client: Clients, receiver: Receiver, socket: Sockets, body: Json, error_id: str
) -> None:
    _, trigger_id = await triggered(same_world, receiver)

    async with socket(same_world.bob) as events:
        refused = await client().post("/actions/dialogs/open", {**opening(trigger_id), **body})
        assert "open_dialog" not in await events.names()

    assert refused.status == 400
    assert refused.error_id.startswith(error_id)


async def test_a_trigger_id_lasts_as_long_as_a_program_may_think(
    world: World, client: Clients, receiver: Receiver, settings: Settings
) -> None:
    _, trigger_id = await triggered(world, receiver)
    settings(ServiceSettings={"OutgoingIntegrationRequestsTimeout": 0})
    await asyncio.sleep(0.005)

    refused = await client().post("/actions/dialogs/open", opening(trigger_id))

    assert (refused.status, refused.error_id) == (400, EXPIRED)


def filled_in(world: World, receiver: Receiver, **fields: Any) -> Json:
    return {
        "url": receiver.url,
        "channel_id": world.town.id,
        "team_id": "b" * 26,
        "callback_id": "cb",
        "state": "st",
        "submission": {"name": "Bob", "many": ["a", "b"], "flag": True},
        **fields,
    }


async def test_what_was_filled_in_goes_to_the_program(world: World, client: Clients, receiver: Receiver) -> None:
    said = {"user_id": world.ada.id, "cancelled": False}

    reply = (await client(world.bob).post("/actions/dialogs/submit", filled_in(world, receiver, **said))).ok()

    asked = await receiver.next()
    assert reply == {}
    assert asked.json == {
        "type": "dialog_submission",
        "callback_id": "cb",
        "state": "st",
        "user_id": world.bob.id,
        "channel_id": world.town.id,
        "team_id": world.team.id,
        "submission": {"name": "Bob", "many": ["a", "b"], "flag": True},
        "cancelled": False,
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": {"name": "is taken"}},
        {"error": "no lunch today"},
        {"type": "ok"},
        {"type": "navigate"},
    ],
)
async def test_what_the_program_says_reaches_the_client(
    world: World, client: Clients, receiver: Receiver, answer: Json
) -> None:
    receiver.answer(json={**answer, "unknown": 1})

    assert (await client(world.bob).post("/actions/dialogs/submit", filled_in(world, receiver))).ok() == answer


async def test_another_form_may_follow(world: World, client: Clients, receiver: Receiver) -> None:
    receiver.answer(json={"type": "form", "form": {"title": "Step 2", "elements": [ELEMENT]}})

    reply = (await client(world.bob).post("/actions/dialogs/submit", filled_in(world, receiver))).ok()
    receiver.answer(json={"type": "form", "form": {"title": "", "elements": []}})
    refused = await client(world.bob).post("/actions/dialogs/submit", filled_in(world, receiver, type="refresh"))

    assert reply["type"] == "form"
    assert reply["form"]["title"] == "Step 2"
    assert reply["form"]["elements"][0]["options"] == []
    assert (refused.status, refused.error_id) == (400, FAILED)
    assert [asked.json["type"] for asked in receiver.requests] == ["dialog_submission", "refresh"]


async def test_the_program_hears_of_a_cancelled_dialog(world: World, client: Clients, receiver: Receiver) -> None:
    body = filled_in(world, receiver, cancelled=True, submission={})

    (await client(world.bob).post("/actions/dialogs/submit", body)).ok()

    told = (await receiver.next()).json
    assert (told["cancelled"], told["submission"], told["callback_id"]) == (True, {}, "cb")


async def test_only_own_files_are_submitted(world: World, client: Clients, receiver: Receiver) -> None:
    path = f"/files?channel_id={world.town.id}"
    upload = await client(world.bob).request("POST", path, files={"files": ("a.txt", b"text")})
    file_id = upload.ok(201)["file_infos"][0]["id"]
    body = filled_in(world, receiver, file_ids=[file_id])

    (await client(world.bob).post("/actions/dialogs/submit", body)).ok()
    others = await client(world.ada).post("/actions/dialogs/submit", body)
    many = await client(world.bob).post("/actions/dialogs/submit", {**body, "file_ids": [file_id] * 11})

    assert (await receiver.next()).json["file_ids"] == [file_id]
    assert {(reply.status, reply.error_id) for reply in (others, many)} == {(400, INVALID)}
    assert receiver.nothing()


async def test_choices_are_looked_up(world: World, client: Clients, receiver: Receiver) -> None:
    receiver.answer(json={"items": [{"text": "One", "value": "1"}, {"text": "Two", "value": "2", "more": 1}]})
    body = filled_in(world, receiver, submission={"query": "o", "selected_field": "name"})

    found = (await client(world.bob).post("/actions/dialogs/lookup", body)).ok()
    receiver.answer(json={})
    none = (await client(world.bob).post("/actions/dialogs/lookup", body)).ok()

    assert found == {"items": [{"text": "One", "value": "1"}, {"text": "Two", "value": "2"}]}
    assert none == {"items": []}
    told = (await receiver.next()).json
    assert told["type"] == "dialog_lookup"
    assert told["submission"] == {"query": "o", "selected_field": "name"}
    assert told["user_id"] == world.bob.id


async def test_a_button_of_a_dialog_opens_another_one(
    world: World, client: Clients, receiver: Receiver, socket: Sockets
) -> None:
    body = {"url": receiver.url, "channel_id": world.town.id, "context": {"step": 2}}

    reply = (await client(world.bob).post("/actions/dialogs/execute", body)).ok()

    told = (await receiver.next()).json
    assert (told["type"], told["context"]) == ("dialog_action", {"step": 2})
    assert (told["user_id"], told["team_id"]) == (world.bob.id, world.team.id)
    async with socket(world.bob) as events:
        (await client().post("/actions/dialogs/open", opening(told["trigger_id"]))).ok()
        event = await events.next("open_dialog")
    assert event.data["dialog"]["trigger_id"] == reply["trigger_id"]


async def test_dialogs_are_for_members_of_the_channel(
    world: World, client: Clients, make: Make, receiver: Receiver
) -> None:
    body = filled_in(world, receiver)
    open_channel = await make.channel(world.team, owner=world.ada)
    direct = await make.direct(world.ada, world.bob)
    for operation in ("submit", "lookup", "execute"):
        path = f"/actions/dialogs/{operation}"
        stranger = await client(world.eve).post(path, body)
        passer_by = await client(world.eve).post(path, {**body, "channel_id": open_channel.id})
        nobody = await client().post(path, body)
        nowhere = await client(world.bob).post(path, {**body, "channel_id": "b" * 26})

        assert {(reply.status, reply.error_id) for reply in (stranger, passer_by)} == {(403, FORBIDDEN)}
        assert (nobody.status, nowhere.status) == (401, 404)
        assert receiver.nothing()
        (await client(world.bob).post(path, {**body, "channel_id": direct.id})).ok()
        assert (await receiver.next()).json["team_id"] == ""


async def test_programs_that_fail_are_told_of_in_constant_words(
    world: World, client: Clients, receiver: Receiver
) -> None:
    ways: list[tuple[Json, int]] = [
        ({"status": 404}, 400),
        ({"status": 500, "text": "secret stack trace"}, 400),
        ({"status": 503}, 400),
        ({"status": 429}, 400),
        ({"size": 3_000_000}, 400),
        ({"text": "no json"}, 400),
        ({"json": {"errors": 5, "items": 5}}, 400),
    ]
    for how, status in ways:
        receiver.answer(**how)
        for operation in ("submit", "lookup", "execute"):
            reply = await client(world.bob).post(f"/actions/dialogs/{operation}", filled_in(world, receiver))

            if operation == "execute" and ("json" in how or how == {"text": "no json"}):
                assert reply.status == 200
            else:
                assert (reply.status, reply.error_id) == (status, FAILED), (how, operation)
                assert "secret" not in reply.text


async def test_addresses_must_be_some(world: World, client: Clients, receiver: Receiver) -> None:
    for url in ("", "x", "/plugins/x", "ftp://x.example.org/", "http://", "https://a b/", None, 5):
        for operation in ("submit", "lookup", "execute"):
            body = filled_in(world, receiver, url=url)

            refused = await client(world.bob).post(f"/actions/dialogs/{operation}", body)

            assert (refused.status, refused.error_id) == (400, INVALID), (url, operation)
