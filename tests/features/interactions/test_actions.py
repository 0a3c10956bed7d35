"""Buttons and menus of posts: whom they call, and what becomes of the answer."""

import asyncio
from typing import Any

import pytest

from server.features.interactions import calls
from tests.features.interactions.world import Clients, Json, Settings, Sockets, World
from tests.make import Make
from tests.receiver import Receiver

pytestmark = pytest.mark.usefixtures("reachable")

FAILED = "api.post.do_action.action_integration.app_error"
MISSING = "api.post.do_action.action_id.app_error"
FORBIDDEN = "api.context.permissions.app_error"


async def test_a_button_calls_its_program(world: World, receiver: Receiver) -> None:
    post = await world.poll(f"{receiver.url}/vote")

    reply = await world.click(world.bob, post)

    asked = await receiver.next()
    told = asked.json
    answer = reply.ok()
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/vote", "application/json")
    assert told == {
        "user_id": world.bob.id,
        "user_name": world.bob.username,
        "channel_id": world.town.id,
        "channel_name": world.town.name,
        "team_id": world.team.id,
        "team_domain": world.team.name,
        "post_id": post["id"],
        "trigger_id": told["trigger_id"],
        "type": "button",
        "data_source": "",
        "context": {"vote": 1},
    }
    assert answer == {"trigger_id": answer["trigger_id"], "status": "OK"}
    assert len(answer["trigger_id"]) == 26
    assert told["trigger_id"] != answer["trigger_id"]


async def test_a_menu_tells_what_was_chosen(world: World, receiver: Receiver) -> None:
    post = await world.poll(receiver.url)

    (await world.click(world.bob, post, "pick", selected_option="1")).ok()
    (await world.click(world.bob, post, "yes", selected_option="1", query={"row": "12"})).ok()

    chosen, pressed = (await receiver.next()).json, (await receiver.next()).json
    assert (chosen["type"], chosen["context"]) == ("select", {"secret": "shh", "selected_option": "1"})
    assert (pressed["context"], pressed["query"]) == ({"vote": 1}, {"row": "12"})


async def test_menus_of_people_and_channels_say_so(world: World, receiver: Receiver) -> None:
    menu = {"id": "who", "name": "Who", "type": "select", "data_source": "users", "integration": {"url": receiver.url}}
    post = await world.poll(receiver.url, props={"attachments": [{"actions": [menu]}]})

    (await world.click(world.bob, post, "who", selected_option=world.eve.id)).ok()

    told = (await receiver.next()).json
    assert (told["data_source"], told["context"]) == ("users", {"selected_option": world.eve.id})


async def test_direct_channels_have_no_team(world: World, make: Make, receiver: Receiver) -> None:
    direct = await make.direct(world.ada, world.bob)
    post = await world.poll(receiver.url, channel_id=direct.id)

    (await world.click(world.bob, post)).ok()

    told = (await receiver.next()).json
    assert (told["channel_id"], told["team_id"], told["team_domain"]) == (direct.id, "", "")


async def test_the_program_changes_its_post_for_all(world: World, receiver: Receiver, socket: Sockets) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(json={"update": {"message": "1 vote #done", "props": {"votes": 1}}})

    async with socket(world.ada, node=1) as events, socket(world.eve) as outside:
        (await world.click(world.bob, post)).ok()
        edited = await events.next("post_edited")
        assert "post_edited" not in await outside.names()

    shown = await world.read(post)
    assert edited.data["post"]["message"] == shown["message"] == "1 vote #done"
    assert shown["props"] == {"votes": 1}
    assert shown["hashtags"] == "#done"
    assert shown["user_id"] == world.ada.id
    assert shown["edit_at"] > 0
    history = (await world.client(world.ada).get(f"/posts/{post['id']}/edit_history")).ok()
    assert [version["message"] for version in history] == ["a poll"]


async def test_without_props_the_buttons_stay_and_work(world: World, receiver: Receiver) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(json={"update": {"message": "still open"}})
    (await world.click(world.bob, post)).ok()
    receiver.answer(json={"update": {"message": "closed", "props": {}}})
    (await world.click(world.bob, post)).ok()

    closed = await world.click(world.bob, post)

    assert (closed.status, closed.error_id) == (404, MISSING)
    assert (await world.read(post))["props"] == {}
    assert len(receiver.requests) == 2


async def test_who_wrote_the_post_stays_said(world: World, receiver: Receiver, settings: Settings) -> None:
    settings(ServiceSettings={"EnablePostUsernameOverride": True})
    hook = (await world.client(world.ada).post("/hooks/incoming", {"channel_id": world.town.id})).ok(201)
    action = {"name": "Go", "integration": {"url": receiver.url}}
    payload = {"username": "robot", "attachments": [{"text": "x", "actions": [action]}]}
    assert (await world.client().post(f"//hooks/{hook['id']}", payload)).status == 200
    listed = (await world.client(world.bob).get(f"/channels/{world.town.id}/posts")).ok()
    post = listed["posts"][listed["order"][0]]
    action_id = post["props"]["attachments"][0]["actions"][0]["id"]
    assert len(action_id) == 26
    receiver.answer(
        json={
            "update": {"message": "sly", "props": {"override_username": "boss", "from_bot": "true"}},
            "ephemeral_text": "x",
        }
    )

    (await world.click(world.bob, post, action_id)).ok()

    shown = await world.read(post)
    assert shown["message"] == "sly"
    assert shown["props"] == {"from_webhook": "true", "override_username": "robot", "webhook_display_name": ""}


async def test_only_the_caller_sees_an_ephemeral_text(world: World, receiver: Receiver, socket: Sockets) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(json={"ephemeral_text": "Thanks <!here> <https://x.example.org|x>"})

    async with socket(world.bob) as events, socket(world.ada) as outside:
        (await world.click(world.bob, post)).ok()
        thanks = await events.next("ephemeral_message")
        receiver.answer(json={"ephemeral_text": "<!here>", "skip_slack_parsing": True})
        (await world.click(world.bob, post)).ok()
        verbatim = await events.next("ephemeral_message")
        assert "ephemeral_message" not in await outside.names()

    told = thanks.data["post"]
    assert told["message"] == "Thanks @here [x](https://x.example.org)"
    assert (told["channel_id"], told["root_id"], told["type"]) == (world.town.id, post["id"], "system_ephemeral")
    assert verbatim.data["post"]["message"] == "<!here>"
    assert (await world.read(post))["message"] == "a poll"


async def test_an_edit_keeps_what_the_buttons_call(world: World, client: Clients, receiver: Receiver) -> None:
    post = await world.poll(receiver.url)
    path = f"/posts/{post['id']}"

    whole = (await client(world.ada).put(path, {**post, "message": "edited"})).ok()
    (await client(world.ada).put(f"{path}/patch", {"message": "again", "props": whole["props"]})).ok()
    (await client(world.ada).put(f"{path}/patch", {"message": "third"})).ok()

    assert "integration" not in str(whole)
    (await world.click(world.bob, post)).ok()
    assert (await receiver.next()).json["context"] == {"vote": 1}


async def test_strangers_to_the_channel_press_nothing(world: World, client: Clients, receiver: Receiver) -> None:
    post = await world.poll(receiver.url)

    stranger = await world.click(world.eve, post)
    nobody = await client().post(f"/posts/{post['id']}/actions/yes")

    assert (stranger.status, stranger.error_id) == (403, FORBIDDEN)
    assert nobody.status == 401
    assert receiver.requests == []


async def test_there_must_be_such_an_action(world: World, client: Clients, receiver: Receiver) -> None:
    actions = [
        {"id": "bare", "name": "x"},
        {"id": "empty", "name": "x", "integration": {}},
        {"id": "odd", "name": "x", "integration": {"url": 5}},
        {"id": "null", "name": "x", "integration": None},
    ]
    post = await world.poll(receiver.url, props={"attachments": [{"actions": actions}, {"text": "no actions"}]})
    deleted = await world.poll(receiver.url)
    (await client(world.ada).delete(f"/posts/{deleted['id']}")).ok()

    found = [await world.click(world.bob, post, name) for name in ("no", "bare", "empty", "odd", "null", "é", "a b")]
    gone = await world.click(world.bob, deleted)
    unknown = await world.click(world.bob, {"id": "b" * 26})

    assert {(reply.status, reply.error_id) for reply in found} == {(404, MISSING)}
    assert (gone.status, unknown.status) == (404, 404)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"status": 404}, 400),
        ({"status": 302, "location": "http://10.0.0.1/"}, 400),
        ({"status": 500, "text": "secret stack trace"}, 400),
        ({"status": 503}, 400),
        ({"status": 429}, 400),
        ({"text": "no json"}, 400),
        ({"json": ["no", "object"]}, 400),
        ({"json": {"update": "x"}}, 400),
        ({"json": {"update": {"message": 5}}}, 400),
        ({"json": {"ephemeral_text": "x" * 1_000_001}}, 400),
        ({"size": 3_000_000}, 400),
        ({"breaks": True, "text": "{}"}, 400),
    ],
)
async def test_programs_that_fail_are_told_of_in_constant_words(
    same_world: World, receiver: Receiver, how: dict[str, Any], status: int
) -> None:
    post = await same_world.poll(receiver.url)
    receiver.answer(**how)

    reply = await same_world.click(same_world.bob, post)

    assert (reply.status, reply.error_id) == (status, FAILED)
    assert "secret" not in reply.text
    assert receiver.url not in reply.text
    assert (await same_world.read(post))["message"] == "a poll"


@pytest.mark.parametrize(
    "update",
    [
        {"message": "x" * 16_384},
        {"message": "x", "props": {"attachments": "none"}},
        {"message": "x", "props": {"attachments": [None]}},
        {"message": "x", "props": {"big": "x" * 800_001}},
    ],
)
async def test_contents_that_no_post_can_have_are_refused(world: World, receiver: Receiver, update: Json) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(json={"update": update})

    reply = await world.click(world.bob, post)

    assert reply.status == 400
    assert (await world.read(post))["message"] == "a poll"


async def test_archived_channels_stay_as_they_are(
    world: World, client: Clients, receiver: Receiver, make: Make
) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(json={"update": {"message": "changed"}})
    (await client(world.ada).delete(f"/channels/{world.town.id}")).ok()

    reply = await world.click(world.bob, post)

    assert (reply.status, reply.error_id) == (400, "api.post.update_post.can_not_update_post_in_deleted.error")


@pytest.mark.parametrize("how", [{"hangs": True}, {"endless": True}])
async def test_a_program_has_so_much_time(
    world: World, receiver: Receiver, settings: Settings, how: dict[str, Any]
) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(**how)
    settings(ServiceSettings={"OutgoingIntegrationRequestsTimeout": 1})

    reply = await world.click(world.bob, post)

    assert (reply.status, reply.error_id) == (400, FAILED)


@pytest.mark.parametrize(
    ("body", "error_id"),
    [
        ({"query": {f"k{number}": "v" for number in range(51)}}, "api.post.do_action.query.app_error"),
        ({"query": {"k" * 101: "v"}}, "api.post.do_action.query.app_error"),
        ({"query": {"k": "v" * 1001}}, "api.post.do_action.query.app_error"),
        ({"query": {"k": 1}}, "api.context.invalid_body_param.app_error"),
        ({"selected_option": "x" * 3001}, "api.context.invalid_body_param.app_error"),
        ({"selected_option": "a\0b"}, "api.context.invalid_body_param.app_error"),
        ({"cookie": "é"}, FAILED),
        ({"cookie": "no cookie"}, FAILED),
        ({"cookie": "QUJD" * 30}, FAILED),
    ],
)
async def test_malformed_requests_are_refused(same_world: World, receiver: Receiver, body: Json, error_id: str) -> None:
    post = await same_world.poll(receiver.url)

    reply = await same_world.click(same_world.bob, post, **body)

    assert (reply.status, reply.error_id) == (400, error_id)
    assert receiver.requests == []


async def ephemeral(world: World, make: Make, receiver: Receiver, events: Any) -> Json:
    """A post with a button that only Bob sees."""
    action = {"id": "go", "name": "Go", "integration": {"url": receiver.url, "context": {"secret": "shh"}}}
    new = {"channel_id": world.town.id, "message": "psst", "props": {"attachments": [{"actions": [action]}]}}
    body = {"user_id": world.bob.id, "post": new}
    (await world.client(make.admin).post("/posts/ephemeral", body)).ok(201)
    post: Json = (await events.next("ephemeral_message")).data["post"]
    return post


def action_of(post: Json) -> Json:
    found: Json = post["props"]["attachments"][0]["actions"][0]
    return found


async def test_an_ephemeral_post_carries_its_integrations_sealed(
    world: World, make: Make, receiver: Receiver, socket: Sockets
) -> None:
    async with socket(world.bob) as events:
        post = await ephemeral(world, make, receiver, events)

    action = action_of(post)
    assert set(action) == {"id", "name", "cookie"}
    assert "shh" not in str(post)
    assert str(receiver.port) not in str(post)
    (await world.click(world.bob, post, "go", cookie=action["cookie"])).ok()
    told = (await receiver.next()).json
    assert (told["context"], told["post_id"], told["user_id"]) == ({"secret": "shh"}, post["id"], world.bob.id)


async def test_a_cookie_is_for_its_reader_its_post_and_its_action_only(
    world: World, make: Make, client: Clients, receiver: Receiver, socket: Sockets
) -> None:
    async with socket(world.bob) as events:
        post = await ephemeral(world, make, receiver, events)
        other = await ephemeral(world, make, receiver, events)
    cookie = action_of(post)["cookie"]
    broken = ("B" if cookie[40] == "A" else "A").join((cookie[:40], cookie[41:]))

    refused = [
        await world.click(world.ada, post, "go", cookie=cookie),
        await world.click(world.bob, other, "go", cookie=cookie),
        await world.click(world.bob, post, "other", cookie=cookie),
        await world.click(world.bob, post, "go", cookie=broken),
    ]
    without = await world.click(world.bob, post, "go")
    (await client(world.ada).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()
    outside = await world.click(world.bob, post, "go", cookie=cookie)

    assert {(reply.status, reply.error_id) for reply in refused} == {(400, FAILED)}
    assert without.status == 404
    assert (outside.status, outside.error_id) == (403, FORBIDDEN)
    assert receiver.requests == []


async def test_an_ephemeral_post_is_changed_for_its_reader(
    world: World, make: Make, receiver: Receiver, socket: Sockets
) -> None:
    action = {"id": "next", "name": "Next", "integration": {"url": f"{receiver.url}/next"}}
    receiver.answer(json={"update": {"message": "step 2", "props": {"attachments": [{"actions": [action]}]}}})

    async with socket(world.bob) as events, socket(world.ada) as outside:
        post = await ephemeral(world, make, receiver, events)
        (await world.click(world.bob, post, "go", cookie=action_of(post)["cookie"])).ok()
        changed = (await events.next("post_edited")).data["post"]
        assert "post_edited" not in await outside.names()

    assert (changed["id"], changed["message"], changed["type"]) == (post["id"], "step 2", "system_ephemeral")
    assert "integration" not in action_of(changed)
    receiver.answer(json={})
    (await world.click(world.bob, changed, "next", cookie=action_of(changed)["cookie"])).ok()
    assert [asked.path for asked in receiver.requests] == ["/", "/next"]


async def test_one_user_waits_for_so_many_programs(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "AT_ONCE", 2)
    post = await world.poll(receiver.url)
    enough = asyncio.Event()
    receiver.answer(json={}, when=enough)
    waiting = [asyncio.create_task(world.click(world.bob, post)) for _ in range(2)]
    for _ in waiting:
        await receiver.next()

    third = await world.click(world.bob, post)
    other = asyncio.create_task(world.click(world.ada, post))
    await receiver.next()
    enough.set()

    assert third.status == 429
    assert [reply.status for reply in await asyncio.gather(*waiting, other)] == [200, 200, 200]
    assert (await world.click(world.bob, post)).status == 200


async def test_addresses_of_unknown_parts_are_not_kept(world: World) -> None:
    props = {"mm_blocks_actions": {"go": {"type": "external", "url": "https://secret.example.org"}}, "mine": 1}

    post = await world.poll("https://x.example.org", props=props)

    assert post["props"] == {"mine": 1}
    assert (await world.read(post))["props"] == {"mine": 1}
