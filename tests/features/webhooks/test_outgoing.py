"""Which posts call outgoing webhooks, what these are sent, and what becomes of their answers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.webhooks import outgoing
from server.features.webhooks.outgoing_models import CallHook
from tests.features.webhooks.world import Clients, Json, Settings, Sockets, World
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.receiver import Receiver, Told
from tests.waiting import PATIENCE, until, until_gone

pytestmark = pytest.mark.usefixtures("reachable")

CALLS_OF = SQL("SELECT count(*) FROM jobs WHERE name = 'call_outgoing_webhook' AND payload ->> 'post_id' = $1")
HASTEN = SQL("UPDATE jobs SET run_at = 0 WHERE name = 'call_outgoing_webhook' AND payload ->> 'post_id' = $1")
ATTEMPTS = SQL("""
    SELECT attempts FROM jobs
     WHERE name = 'call_outgoing_webhook' AND payload ->> 'post_id' = $1 AND error <> ''
""")
WAKE = SQL("SELECT pg_notify('hubbub_jobs', '')")


async def calls_of(node: TestNode, post: Json) -> int:
    """How many calls of a post are waiting or under way."""
    return int(await node.services.db.value(CALLS_OF, post["id"]))


async def called(receiver: Receiver, post: Json) -> Json:
    """What was sent because of a post."""
    asked = await receiver.next()
    assert asked.form["post_id"] == [post["id"]]
    return {name: values[0] for name, values in asked.form.items()}


async def answered(world: World, count: int = 1) -> list[Json]:
    """The posts of hooks in the channel, once there are so many."""

    async def enough() -> list[Json] | None:
        posts = await world.posts()
        return posts if len(posts) >= count else None

    return await until(enough)


async def done(node: TestNode, post: Json) -> None:
    """Wait until no call of a post is left."""
    await until_gone(lambda: calls_of(node, post), "a call is left")


async def test_a_word_calls_the_hook_with_a_form(world: World, make: Make, receiver: Receiver) -> None:
    hook = await world.outgoing("ping", url=f"{receiver.url}/hook")

    post = await make.post(world.bob, world.town, "ping me & you, ü")

    asked = await receiver.next()
    assert (asked.method, asked.path) == ("POST", "/hook")
    assert asked.headers["accept"] == "application/json"
    assert asked.form == {
        "token": [hook["token"]],
        "team_id": [world.team.id],
        "team_domain": [world.team.name],
        "channel_id": [world.town.id],
        "channel_name": [world.town.name],
        "timestamp": [str(post["create_at"] // 1000)],
        "user_id": [world.bob.id],
        "user_name": [world.bob.username],
        "post_id": [post["id"]],
        "text": ["ping me & you, ü"],
        "trigger_word": ["ping"],
        "file_ids": [""],
    }


async def test_json_is_sent_where_it_is_wanted(world: World, make: Make, client: Clients, receiver: Receiver) -> None:
    hook = await world.outgoing("see", url=receiver.url, content_type="application/json")
    form = await client(world.bob).request(
        "POST", f"/files?channel_id={world.town.id}", files={"files": ("a.txt", b"text")}
    )
    file_id = form.ok(201)["file_infos"][0]["id"]

    post = await make.post(world.bob, world.town, "see this", file_ids=[file_id])

    asked = await receiver.next()
    assert asked.headers["content-type"] == "application/json"
    assert asked.json == {
        "token": hook["token"],
        "team_id": world.team.id,
        "team_domain": world.team.name,
        "channel_id": world.town.id,
        "channel_name": world.town.name,
        "timestamp": post["create_at"],
        "user_id": world.bob.id,
        "user_name": world.bob.username,
        "post_id": post["id"],
        "text": "see this",
        "trigger_word": "see",
        "file_ids": file_id,
    }


@pytest.mark.parametrize(
    ("when", "words", "message", "word"),
    [
        (0, ["ping"], "ping", "ping"),
        (0, ["pong", "ping"], "  ping\tme", "ping"),
        (0, ["ping"], "pinging", None),
        (0, ["ping"], "Ping", None),
        (0, ["ping"], "do ping", None),
        (0, ["ping"], "", None),
        (1, ["ping"], "pinging all", "ping"),
        (1, ["#"], "#hash", "#"),
        (1, ["ping"], "pin", None),
        (1, ["ping"], "a ping", None),
    ],
)
async def test_the_first_word_of_a_message_calls(
    world: World,
    make: Make,
    node: TestNode,
    receiver: Receiver,
    when: int,
    words: list[str],
    message: str,
    word: str | None,
) -> None:
    await world.outgoing(*words, url=receiver.url, trigger_when=when)

    post = await make.post(world.bob, world.town, message)

    await done(node, post)
    assert [asked.form["trigger_word"] for asked in receiver.requests] == ([] if word is None else [[word]])


async def test_a_hook_of_a_channel_hears_that_channel_only(
    world: World, make: Make, node: TestNode, receiver: Receiver
) -> None:
    other = await make.channel(world.team, [world.bob], owner=world.ada)
    await world.outgoing(url=f"{receiver.url}/all", channel_id=world.town.id)
    await world.outgoing("ping", url=f"{receiver.url}/word", channel_id=world.town.id)

    posts = [
        await make.post(world.bob, world.town, "anything"),
        await make.post(world.bob, world.town, "ping"),
        await make.post(world.bob, other, "ping"),
    ]

    for post in posts:
        await done(node, post)
    heard = sorted((asked.path, asked.form["text"][0], asked.form["trigger_word"][0]) for asked in receiver.requests)
    assert heard == [("/all", "anything", ""), ("/all", "ping", ""), ("/word", "ping", "ping")]


async def test_posts_elsewhere_and_of_programs_call_nobody(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver
) -> None:
    await world.outgoing("ping", url=receiver.url)
    await world.outgoing(url=f"{receiver.url}/town", channel_id=world.town.id)
    secret = await make.channel(world.team, [world.bob], type="P", owner=world.ada)
    direct = await make.direct(world.bob, world.ada)
    other_team = await make.team(owner=world.bob)
    elsewhere = await make.channel(other_team, owner=world.bob)

    posts = [await make.post(world.bob, channel, "ping") for channel in (secret, direct, elsewhere)]
    posts.append(await world.sent(await world.hook(), {"text": "ping"}))
    await make.join_channel(world.town, world.eve)

    assert [await calls_of(node, post) for post in posts] == [0, 0, 0, 0]
    await done(node, await make.post(world.bob, world.town, "ping"))
    assert {asked.form["channel_id"][0] for asked in receiver.requests} == {world.town.id}
    assert [asked.form["text"] for asked in receiver.requests] == [["ping"]] * 2


async def test_posts_of_bots_call_hooks(
    world: World, make: Make, client: Clients, settings: Settings, receiver: Receiver
) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True})
    await world.outgoing("ping", url=receiver.url)
    bot = (await client(make.admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    token = (await client(make.admin).post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
    person = Person({"id": bot, "username": "", "email": ""}, token)
    await make.join_team(world.team, person)
    await make.join_channel(world.town, person)

    post = await make.post(person, world.town, "ping")

    assert (await called(receiver, post))["user_id"] == bot


async def test_replies_of_people_call_hooks_too(world: World, make: Make, receiver: Receiver) -> None:
    await world.outgoing("ping", url=receiver.url)
    receiver.answer(json={"text": "pong", "response_type": "comment"})
    root = await make.post(world.ada, world.town, "a thread")

    reply = await make.post(world.bob, world.town, "ping", root_id=root["id"])

    await called(receiver, reply)
    assert (await answered(world))[0]["root_id"] == root["id"]


async def test_an_answer_is_posted_as_the_creator_after_the_call(
    world: World, make: Make, receiver: Receiver, socket: Sockets
) -> None:
    await world.outgoing("ping", url=receiver.url)
    receiver.answer(json={"text": "pong <!here> <https://x.example.org|x>", "props": {"mine": 1, "from_bot": "true"}})

    async with socket(world.bob) as events, socket(world.ada, node=1) as own, socket(world.eve) as outside:
        post = await make.post(world.bob, world.town, "ping")
        first, second = await events.next("posted"), await events.next("posted")
        assert [(await own.next("posted")).data["post"]["id"] for _ in range(2)] == [
            first.data["post"]["id"],
            second.data["post"]["id"],
        ]
        assert "posted" not in await outside.names()

    answer = second.data["post"]
    assert first.data["post"]["id"] == post["id"]
    assert answer["user_id"] == world.ada.id
    assert answer["root_id"] == ""
    assert answer["message"] == "pong @here [x](https://x.example.org)"
    assert answer["props"] == {"mine": 1, "from_webhook": "true", "webhook_display_name": "Robot"}
    assert second.data["sender_name"] == f"@{world.ada.username}"


async def test_an_answer_may_be_a_comment_with_attachments(world: World, make: Make, receiver: Receiver) -> None:
    await world.outgoing("ping", url=receiver.url)
    action = {"name": "Do it", "type": "button", "integration": {"url": "https://x.example.org/secret"}}
    receiver.answer(json={"attachments": [{"text": "<!all>", "actions": [action]}], "response_type": "comment"})

    post = await make.post(world.bob, world.town, "ping")

    answer = (await answered(world))[0]
    (shown,) = answer["props"]["attachments"][0]["actions"]
    assert answer["root_id"] == post["id"]
    assert answer["type"] == "slack_attachment"
    assert answer["props"]["attachments"][0]["text"] == "@all"
    assert shown == {"name": "Do it", "type": "button", "id": shown["id"]}


async def test_answers_appear_as_the_settings_allow(
    world: World, make: Make, receiver: Receiver, settings: Settings
) -> None:
    looks: dict[str, Any] = {"username": "hookbot", "icon_url": "https://x.example.org/hook.png"}
    await world.outgoing("ping", url=receiver.url, **looks)
    receiver.answer(json={"text": "plain", "username": "sly"})
    await make.post(world.bob, world.town, "ping")
    await answered(world, 1)
    settings(ServiceSettings={"EnablePostUsernameOverride": True, "EnablePostIconOverride": True})
    await make.post(world.bob, world.town, "ping")
    await answered(world, 2)
    receiver.answer(json={"text": "own"})
    await make.post(world.bob, world.town, "ping")

    newest, middle, oldest = [post["props"] for post in await answered(world, 3)]
    assert not {"override_username", "override_icon_url"} & set(oldest)
    assert (middle["override_username"], middle["override_icon_url"]) == ("sly", looks["icon_url"])
    assert (newest["override_username"], newest["override_icon_url"]) == ("hookbot", looks["icon_url"])


async def test_an_answer_calls_no_hook(world: World, make: Make, node: TestNode, receiver: Receiver) -> None:
    await world.outgoing("ping", url=receiver.url)
    await world.outgoing(url=f"{receiver.url}/all", channel_id=world.town.id)
    receiver.answer(json={"text": "ping"})

    post = await make.post(world.bob, world.town, "ping")

    answers = await answered(world, 2)
    await done(node, post)
    assert [await calls_of(node, answer) for answer in answers] == [0, 0]
    assert len(receiver.requests) == 2
    assert len(await world.posts()) == 2


async def test_a_long_answer_becomes_several_posts(world: World, make: Make, receiver: Receiver) -> None:
    await world.outgoing("ping", url=receiver.url)
    receiver.answer(json={"text": f"{'a' * 16000}\n{'b' * 16000}"})

    await make.post(world.bob, world.town, "ping")

    assert [post["message"][0] for post in await answered(world, 2)] == ["b", "a"]


@pytest.mark.parametrize(
    "how",
    [
        {"text": "just text"},
        {"text": ""},
        {"json": {"text": ""}},
        {"json": ["no", "object"]},
        {"json": {"text": 5}},
        {"json": {"text": "x", "type": "system_join_team"}},
        {"json": {"text": "not found"}, "status": 404},
        {"json": {"text": "see there"}, "location": "http://10.0.0.1/"},
        {"json": {"text": "x" * 1_000_001}},
        {"size": 3_000_000},
    ],
)
async def test_other_answers_are_no_posts_and_are_not_asked_for_again(
    world: World, make: Make, node: TestNode, receiver: Receiver, how: dict[str, Any]
) -> None:
    await world.outgoing("ping", url=receiver.url)
    receiver.answer(**how)

    post = await make.post(world.bob, world.town, "ping")

    await receiver.next()
    await done(node, post)
    assert await world.posts() == []
    assert len(receiver.requests) == 1


async def test_all_addresses_are_called_and_each_answer_is_posted(
    world: World, make: Make, node: TestNode, receiver: Receiver
) -> None:
    urls = [f"{receiver.url}/{name}" for name in ("a", "b")]
    await world.outgoing("ping", callback_urls=urls)
    receiver.answer(by=lambda asked: Told(body=b'{"text": "%s"}' % asked.path.encode()))

    await make.post(world.bob, world.town, "ping")

    assert {post["message"] for post in await answered(world, 2)} == {"/a", "/b"}


async def test_a_failing_address_is_tried_again_and_answers_once(
    world: World, make: Make, node: TestNode, receiver: Receiver
) -> None:
    await world.outgoing("ping", url=receiver.url)
    receiver.answer(status=503)
    post = await make.post(world.bob, world.town, "ping")
    await receiver.next()
    await until(lambda: node.services.db.value(ATTEMPTS, post["id"]))
    receiver.answer(json={"text": "here I am"})

    await node.services.db.run(HASTEN, post["id"])
    await node.services.db.run(WAKE)

    assert [answer["message"] for answer in await answered(world)] == ["here I am"]
    assert (await receiver.next()).form["post_id"] == [post["id"]]


def job_of(hook: Json, post: Json) -> CallHook:
    url = hook["callback_urls"][0]
    return CallHook(post_id=post["id"], hook_id=hook["id"], address=outgoing._digest(url), trigger_word="ping")


async def test_what_is_delivered_twice_is_posted_once(
    world: World, make: Make, node: TestNode, receiver: Receiver
) -> None:
    hook = await world.outgoing("ping", url=receiver.url)
    receiver.answer(json={"text": f"{'a' * 16000}\n{'b' * 16000}"})
    post = await make.post(world.bob, world.town, "ping")
    first = await answered(world, 2)
    await done(node, post)

    await outgoing.call(request_context(node.services), job_of(hook, post))

    assert [each["id"] for each in await world.posts()] == [each["id"] for each in first]
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("how", [{"status": 500}, {"status": 503}, {"breaks": True, "text": "half"}])
async def test_failures_are_worth_another_try(
    world: World, make: Make, node: TestNode, receiver: Receiver, how: dict[str, Any]
) -> None:
    hook = await world.outgoing("unsaid", url=receiver.url)
    post = await make.post(world.bob, world.town, "ping")
    receiver.answer(**how)

    with pytest.raises(outgoing.NotDelivered):
        await outgoing.call(request_context(node.services), job_of(hook, post))


async def test_nobody_there_is_worth_another_try(world: World, make: Make, node: TestNode) -> None:
    hook = await world.outgoing("unsaid", url="http://127.0.0.1:9/")
    post = await make.post(world.bob, world.town, "ping")

    with pytest.raises(outgoing.NotDelivered):
        await outgoing.call(request_context(node.services), job_of(hook, post))


@pytest.mark.parametrize("how", [{"hangs": True}, {"endless": True}])
async def test_an_address_has_so_much_time(
    world: World, make: Make, node: TestNode, receiver: Receiver, settings: Settings, how: dict[str, Any]
) -> None:
    hook = await world.outgoing("unsaid", url=receiver.url)
    post = await make.post(world.bob, world.town, "ping")
    receiver.answer(**how)
    settings(ServiceSettings={"OutgoingIntegrationRequestsTimeout": 1})

    async with asyncio.timeout(PATIENCE):
        await outgoing.call(request_context(node.services), job_of(hook, post))

    assert await world.posts() == []


async def test_what_is_gone_is_not_sent(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver, settings: Settings
) -> None:
    hook = await world.outgoing("unsaid", url=receiver.url)
    post = await make.post(world.bob, world.town, "ping")
    deleted = await make.post(world.bob, world.town, "ping")
    (await client(world.bob).delete(f"/posts/{deleted['id']}")).ok()
    closed = await make.channel(world.team, [world.bob], owner=world.ada)
    in_closed = await make.post(world.bob, closed, "ping")
    (await client(world.ada).put(f"/channels/{closed.id}/privacy", {"privacy": "P"})).ok()
    ctx = request_context(node.services)

    await outgoing.call(ctx, job_of(hook, deleted))
    await outgoing.call(ctx, job_of(hook, in_closed))
    await outgoing.call(ctx, job_of({**hook, "callback_urls": ["https://former.example.org"]}, post))
    (await client(world.ada).delete(f"/hooks/outgoing/{hook['id']}")).ok()
    await outgoing.call(ctx, job_of(hook, post))

    assert receiver.requests == []


@pytest.mark.parametrize("change", ["deleted", "disabled", "deactivated", "reworded"])
async def test_a_hook_that_ended_is_not_called_from_any_node(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver, settings: Settings, change: str
) -> None:
    carl = await make.user()
    await make.join_team(world.team, carl)
    hook = await world.outgoing("ping", url=receiver.url, creator_id=carl.id)
    body = {"channel_id": world.town.id, "message": "ping"}
    sent: Json = {}
    for number in (0, 1):
        sent = (await client(world.bob, node=number).post("/posts", body)).ok(201)
        await called(receiver, sent)

    if change == "deleted":
        (await client(world.ada).delete(f"/hooks/outgoing/{hook['id']}")).ok()
    elif change == "disabled":
        settings(ServiceSettings={"EnableOutgoingWebhooks": False})
    elif change == "deactivated":
        (await client(make.admin).put(f"/users/{carl.id}/active", {"active": False})).ok()
        await outgoing.call(request_context(node.services), job_of(hook, sent))
    else:
        (await client(world.ada).put(f"/hooks/outgoing/{hook['id']}", {**hook, "trigger_words": ["pong"]})).ok()

    for number in (0, 1):
        post = (await client(world.bob, node=number).post("/posts", body)).ok(201)
        assert await calls_of(node, post) == 0
    assert receiver.nothing()


async def test_a_channel_takes_its_hooks_to_another_team(
    world: World, make: Make, client: Clients, receiver: Receiver, node: TestNode
) -> None:
    other = await make.team([world.bob], owner=world.ada)
    elsewhere = await make.channel(other, [world.bob], owner=world.ada)
    hook = await world.outgoing("ping", url=receiver.url, channel_id=world.town.id)
    await done(node, await make.post(world.bob, elsewhere, "ping"))

    move = {"team_id": other.id, "force": True}
    (await client(make.admin).post(f"/channels/{world.town.id}/move", move)).ok()
    post = await make.post(world.bob, world.town, "ping")

    assert (await called(receiver, post))["team_id"] == other.id
    assert (await client(world.ada).get(f"/hooks/outgoing/{hook['id']}")).ok()["team_id"] == other.id


async def test_one_post_calls_so_many_addresses(
    world: World, make: Make, node: TestNode, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "CALLS", 2)
    await world.outgoing("ping", callback_urls=[f"{receiver.url}/{number}" for number in range(4)])

    post = await make.post(world.bob, world.town, "ping")

    await done(node, post)
    assert sorted(asked.path for asked in receiver.requests) == ["/0", "/1"]


async def test_a_post_costs_one_statement_whether_it_calls_or_not(
    world: World, make: Make, client: Clients, node: TestNode, receiver: Receiver, counted: Callable[..., Any]
) -> None:
    await world.outgoing("ping", url=receiver.url)
    body = {"channel_id": world.town.id, "message": "no word"}
    (await client(world.bob).post("/posts", body)).ok(201)

    with counted(sql=1):
        (await client(world.bob).post("/posts", body)).ok(201)
