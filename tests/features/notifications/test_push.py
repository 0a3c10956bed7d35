"""Push notifications: what phones are told of, by a real push proxy, and what becomes of phones that are gone."""

from collections.abc import Callable
from typing import Any

import pytest

from server.context import Context
from server.db import SQL
from server.features.notifications import push_service
from server.features.notifications.service import notify_of_post
from server.features.persistent_notifications.service import send_due
from server.features.status.presence import Presence
from tests.clients_of import Client
from tests.features.notifications.conftest import World
from tests.make import Make, Person
from tests.receiver import Receiver, Told
from tests.waiting import until_gone

Clients = Callable[..., Client]
Settings = Callable[..., None]

DEVICES = SQL("SELECT device_id FROM sessions WHERE user_id = $1 ORDER BY create_at")
WAITING = SQL("SELECT count(*) FROM jobs WHERE name = $1 AND failed_at = 0 AND payload->>'user_id' = $2")
PUSHES = SQL("SELECT count(*) FROM jobs WHERE name = 'send_push' AND payload->>'post_id' = $1")
EXPIRES = SQL("UPDATE sessions SET expires_at = $2 WHERE device_id = $1")


async def set_props(client: Client, **props: str) -> None:
    (await client.put("/users/me/patch", {"notify_props": props})).ok()


async def look_away(client: Client, person: Person) -> None:
    """Away, also right after having read something: who is online then is taken to be looking."""
    (await client.put("/users/me/status", {"user_id": person.id, "status": "away"})).ok()


async def test_a_mention_reaches_the_phone(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any
) -> None:
    device = await phone(world.bob)
    post = await make.post(world.ada, world.town, f"lunch @{world.bob.username}?")
    asked = await proxy.next()

    facts = (await client().get("/config/client?format=old")).ok()
    assert (asked.method, asked.path) == ("POST", "/api/v1/send_push")
    assert asked.headers["content-type"] == "application/json"
    sent = asked.json
    assert len(sent.pop("ack_id")) == 26
    assert sent == {
        "platform": "apple_rn-v2",
        "server_id": facts["DiagnosticId"],
        "device_id": device.token,
        "post_id": post["id"],
        "category": "CAN_REPLY",
        "message": f"@{world.ada.username}: lunch @{world.bob.username}?",
        "badge": 2,  # being added to the channel was the first mention
        "cont_ava": 1,
        "team_id": world.team.id,
        "channel_id": world.town.id,
        "channel_name": world.town.body["display_name"],
        "type": "message",
        "sender_id": world.ada.id,
        "sender_name": f"@{world.ada.username}",
        "version": "v2",
        "is_crt_enabled": True,
        "is_id_loaded": False,
    }


async def test_who_is_not_called_hears_nothing_unless_all_is_wanted(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    cyd = await make.user("cyd")
    await make.join_team(world.team, cyd)
    await make.join_channel(world.town, cyd)
    await all_told()  # that she has come
    for person in (world.ada, world.bob, cyd):
        await phone(person)
    await set_props(client(cyd), push="all")
    post = await make.post(world.ada, world.town, "nobody in particular")
    asked = await proxy.next()

    assert (asked.json["post_id"], asked.json["sender_id"]) == (post["id"], world.ada.id)
    await make.post(world.ada, world.town, f"only @{world.bob.username}")
    two = [(await proxy.next()).json, (await proxy.next()).json]
    assert {sent["device_id"] for sent in two} != {asked.json["device_id"]}
    await all_told()
    assert proxy.nothing()


async def test_each_phone_of_a_user_is_told_once(world: World, make: Make, proxy: Receiver, phone: Any) -> None:
    one, other = await phone(world.bob), await phone(world.bob, "android_rn-v2")
    direct = await make.direct(world.ada, world.bob)
    await make.post(world.ada, direct, "psst")
    sent = [(await proxy.next()).json for _ in range(2)]

    assert {(each["platform"], each["device_id"]) for each in sent} == {
        ("apple_rn-v2", one.token),
        ("android_rn-v2", other.token),
    }
    assert {each["message"] for each in sent} == {"psst"}
    assert {each["channel_name"] for each in sent} == {f"@{world.ada.username}"}
    assert "team_id" not in sent[0]
    assert len({each["ack_id"] for each in sent}) == 2


@pytest.mark.parametrize(
    ("contents", "channel", "message"),
    [
        ("generic", True, "{ada} mentioned you."),
        ("generic_no_channel", False, "{ada} mentioned you."),
        ("id_loaded", False, "You have a new message."),
    ],
)
async def test_as_much_is_told_as_the_settings_say(
    world: World,
    make: Make,
    proxy: Receiver,
    phone: Any,
    settings: Settings,
    contents: str,
    channel: bool,
    message: str,
) -> None:
    settings(EmailSettings={"PushNotificationContents": contents})
    await phone(world.bob)
    await make.post(world.ada, world.town, f"secret @{world.bob.username}")
    asked = await proxy.next()

    assert asked.json["message"] == message.format(ada=f"@{world.ada.username}")
    assert ("channel_name" in asked.json) == channel
    assert asked.json["is_id_loaded"] == (contents == "id_loaded")
    assert b"secret" not in asked.body
    if contents == "id_loaded":
        assert world.ada.username.encode() not in asked.body


async def test_a_phone_fetches_what_it_was_only_told_the_id_of(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, settings: Settings
) -> None:
    settings(EmailSettings={"PushNotificationContents": "id_loaded"})
    device = await phone(world.bob)
    post = await make.post(world.ada, world.town, f"secret @{world.bob.username}")
    sent = (await proxy.next()).json
    ack = {
        "id": sent["ack_id"],
        "received_at": 1234,
        "platform": "ios",
        "type": "message",
        "post_id": post["id"],
        "is_id_loaded": True,
    }
    fetched = (await device.client.post("/notifications/ack", ack)).ok()
    forwarded = await proxy.next()

    assert fetched["message"] == f"@{world.ada.username}: secret @{world.bob.username}"
    assert (fetched["post_id"], fetched["sender_id"], fetched["is_id_loaded"]) == (post["id"], world.ada.id, True)
    assert fetched["channel_name"] == world.town.body["display_name"]
    assert (forwarded.method, forwarded.path, forwarded.json) == ("POST", "/api/v1/ack", ack)

    stranger = await make.user()
    refused = await client(stranger).post("/notifications/ack", ack)
    assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
    gone = await device.client.post("/notifications/ack", {**ack, "post_id": "a" * 26})
    assert gone.status == 404


async def test_acks_of_other_notifications_are_passed_on_and_bad_ones_refused(
    client: Clients, world: World, proxy: Receiver, settings: Settings
) -> None:
    (await client(world.bob).post("/notifications/ack", {"id": "x", "received_at": 5, "type": "clear"})).ok()
    forwarded = (await proxy.next()).json
    assert forwarded == {"id": "x", "received_at": 5, "platform": "", "type": "clear", "is_id_loaded": False}

    for bad in ({}, {"id": 5}, {"id": "x" * 300}, {"id": "x", "received_at": -1}, {"id": "x", "post_id": "../.."}):
        assert (await client(world.bob).post("/notifications/ack", bad)).status == 400
    assert (await client().post("/notifications/ack", {"id": "x"})).status == 401
    settings(EmailSettings={"SendPushNotifications": False})
    off = await client(world.bob).post("/notifications/ack", {"id": "x"})
    assert (off.status, off.error_id) == (501, "api.push_notification.disabled.app_error")


async def test_a_phone_that_is_gone_is_forgotten_but_its_session_lives(
    ctx: Context, client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    device = await phone(world.bob)
    proxy.answer(json={"status": "REMOVE"})
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await proxy.next()
    await all_told()

    assert device.device_id not in await ctx.db.values(DEVICES, world.bob.id)
    assert (await device.client.get("/users/me")).ok()["id"] == world.bob.id


@pytest.mark.parametrize(
    "told", [Told(status=500), Told(body=b"busy"), Told(body=b'{"status":"FAIL","error":"no"}'), Told(breaks=True)]
)
async def test_a_proxy_that_fails_is_asked_again(
    world: World, make: Make, proxy: Receiver, phone: Any, hurry: Any, told: Told
) -> None:
    device = await phone(world.bob)
    proxy.answer(by=lambda _: told)
    await make.post(world.ada, world.town, f"again @{world.bob.username}")
    first = (await proxy.next()).json
    proxy.answer(json={"status": "OK"})
    await hurry("send_push", world.bob)
    second = (await proxy.next()).json

    assert first["device_id"] == second["device_id"] == device.token
    assert first["post_id"] == second["post_id"]


async def test_phones_that_want_nothing_are_left_alone(
    world: World, make: Make, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    quiet = await phone(world.bob)
    (await quiet.client.put("/users/sessions/device", {"deviceNotificationDisabled": "true"})).ok()
    loud = await phone(world.bob)
    await make.post(world.ada, world.town, f"@{world.bob.username}")

    assert (await proxy.next()).json["device_id"] == loud.token
    await all_told()
    assert proxy.nothing()


async def test_what_is_read_elsewhere_goes_off_the_phones(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    device = await phone(world.bob)
    await look_away(client(world.bob), world.bob)
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await proxy.next()
    await device.client.post("/channels/members/me/view", {"channel_id": world.town.id})  # it knows by itself
    await make.post(world.ada, world.town, f"@{world.bob.username} again")
    again = (await proxy.next()).json
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    cleared = (await proxy.next()).json

    assert (again["type"], again.get("badge")) == ("message", 1), again
    assert (cleared["type"], cleared["channel_id"], cleared["device_id"]) == ("clear", world.town.id, device.token)
    assert "badge" not in cleared
    assert "message" not in cleared
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    await all_told()
    assert proxy.nothing()  # nothing new was read


async def test_looking_costs_no_more_for_who_has_no_phone_and_a_new_phone_is_noticed(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, counted: Callable[..., Any], calm: Any
) -> None:
    bob, view = client(world.bob), {"channel_id": world.town.id, "collapsed_threads_supported": True}
    await look_away(bob, world.bob)
    for _ in range(2):
        await make.post(world.ada, world.town, "hello")
        (await bob.post("/channels/members/me/view", view)).ok()
    await make.post(world.ada, world.town, "hello")
    await calm()
    with counted(sql=1):
        (await bob.post("/channels/members/me/view", view)).ok()
    assert proxy.nothing()

    device = await phone(world.bob)
    await make.post(world.ada, world.town, "hello")
    (await bob.post("/channels/members/me/view", view)).ok()
    cleared = (await proxy.next()).json
    assert (cleared["type"], cleared["device_id"]) == ("clear", device.token)


async def test_a_thread_that_is_read_and_a_post_that_is_set_unread(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any
) -> None:
    await phone(world.bob)
    await look_away(client(world.bob), world.bob)
    root = await make.post(world.bob, world.town, "root")
    reply = await make.post(world.ada, world.town, "reply", root_id=root["id"])
    told = (await proxy.next()).json
    assert (told["post_id"], told["root_id"]) == (reply["id"], root["id"])
    assert told["channel_name"] == f"Reply in {world.town.body['display_name']}"

    threads = f"/users/me/teams/{world.team.id}/threads/{root['id']}"
    (await client(world.bob).put(f"{threads}/read/{reply['create_at']}")).ok()
    cleared = (await proxy.next()).json
    assert (cleared["type"], cleared["root_id"]) == ("clear", root["id"])

    again = await make.post(world.ada, world.town, f"@{world.bob.username}")
    await proxy.next()
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    assert (await proxy.next()).json["type"] == "clear"
    (await client(world.bob).post(f"/users/me/posts/{again['id']}/set_unread")).ok()
    badge = (await proxy.next()).json
    assert (badge["type"], badge["badge"], badge["sound"]) == ("update_badge", 1, "none")


async def test_who_is_looking_into_the_channel_is_not_pushed(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, two_nodes: Any
) -> None:
    device = await phone(world.bob)
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    assert (await proxy.next()).json["type"] == "clear"
    await two_nodes[0].services.extras[Presence].flush()
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    direct = await make.direct(world.ada, world.bob)
    post = await make.post(world.ada, direct, "elsewhere")

    told = (await proxy.next()).json
    assert (told["post_id"], told["device_id"]) == (post["id"], device.token)


async def test_a_phone_whose_session_ends_is_told_once(
    ctx: Context, world: World, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    device = await phone(world.bob)
    await ctx.db.run(EXPIRES, device.device_id, ctx.now() + 60_000)
    await push_service.enqueue_ended_sessions(ctx, 90_000)
    await push_service.enqueue_ended_sessions(ctx, 90_000)
    told = (await proxy.next()).json

    assert (told["type"], told["device_id"]) == ("session", device.token)
    assert "log in" in told["message"]
    await all_told()
    assert proxy.nothing()


async def test_a_test_is_pushed_whatever_was_chosen(client: Clients, world: World, proxy: Receiver, phone: Any) -> None:
    device = await phone(world.bob)
    await set_props(client(world.bob), push="none")
    (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "dnd"})).ok()
    (await client(world.bob).post("/notifications/test")).ok()
    told = (await proxy.next()).json

    assert told["device_id"] == device.token
    assert told["sender_name"].startswith("@system-bot")
    channels = (await client(world.bob).get(f"/users/me/teams/{world.team.id}/channels")).ok()
    direct = next(channel for channel in channels if channel["id"] == told["channel_id"])
    posts = (await client(world.bob).get(f"/channels/{direct['id']}/posts")).ok()
    assert [post["props"]["from_bot"] for post in posts["posts"].values()] == ["true"]
    assert (await client().post("/notifications/test")).status == 401


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Told(body=b'{"status":"OK"}'), "true"),
        (Told(body=b'{"status":"REMOVE"}'), "false"),
        (Told(body=b'{"status":"FAIL"}'), "unknown"),
        (Told(status=500), "unknown"),
    ],
)
async def test_a_phone_asks_whether_it_can_be_reached(
    client: Clients, proxy: Receiver, told: Told, expected: str
) -> None:
    proxy.answer(by=lambda _: told)
    ping = (await client().get("/system/ping?device_id=apple_rn-v2:abc")).ok()
    asked = (await proxy.next()).json

    assert ping["CanReceiveNotifications"] == expected
    assert (asked["type"], asked["platform"], asked["device_id"]) == ("test", "apple_rn-v2", "abc")
    assert asked["badge"] == -1


async def test_people_cant_force_a_push(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    await phone(world.bob)
    await set_props(client(world.bob), push="none")
    await make.post(world.ada, world.town, f"@{world.bob.username}", props={"force_notification": "x"})
    await all_told()

    assert proxy.nothing()


async def test_a_message_that_was_read_or_deleted_meanwhile_is_not_pushed(
    ctx: Context, client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, hurry: Any
) -> None:
    device = await phone(world.bob)
    proxy.answer(by=lambda _: Told(status=503))
    post = await make.post(world.ada, world.town, f"@{world.bob.username}")
    gone = await make.post(world.ada, world.town, f"@{world.bob.username} oops")
    await proxy.next()
    await proxy.next()
    proxy.answer(json={"status": "OK"})
    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
    (await device.client.post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    await hurry("send_push", world.bob, 2)
    await until_gone(lambda: ctx.db.value(WAITING, "send_push", world.bob.id))

    assert proxy.nothing(), post


async def test_who_has_left_the_channel_is_not_told(
    client: Clients, world: World, make: Make, proxy: Receiver, phone: Any, all_told: Any
) -> None:
    await phone(world.bob)
    await set_props(client(world.bob), push="all")
    (await client(world.bob).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await all_told()

    assert proxy.nothing()


async def test_an_urgent_post_is_pushed_again_until_it_is_answered(
    ctx: Context,
    client: Clients,
    world: World,
    make: Make,
    proxy: Receiver,
    phone: Any,
    settings: Settings,
    all_told: Any,
) -> None:
    settings(ServiceSettings={"PostPriority": True, "AllowPersistentNotifications": True})
    device = await phone(world.bob)
    await look_away(client(world.bob), world.bob)
    priority = {"priority": {"priority": "urgent", "persistent_notifications": True}}
    post = await make.post(world.ada, world.town, f"fire @{world.bob.username}", metadata=priority)
    await proxy.next()
    (await device.client.post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    await send_due(ctx, ctx.now() + 3600_000)
    told = (await proxy.next()).json

    assert (told["type"], told["post_id"], told["device_id"]) == ("message", post["id"], device.token)
    reaction = {"user_id": world.bob.id, "post_id": post["id"], "emoji_name": "eyes"}
    (await client(world.bob).post("/reactions", reaction)).ok()
    await send_due(ctx, ctx.now() + 7200_000)
    await all_told()
    assert proxy.nothing()


async def test_telling_many_takes_as_many_statements_as_telling_one(
    ctx: Context,
    world: World,
    make: Make,
    proxy: Receiver,
    phone: Any,
    counted: Callable[..., Any],
    calm: Any,
    settings: Settings,
) -> None:
    settings(JobSettings={"RunJobs": False})
    people = [world.bob, *(await make.users(4))]
    for person in people:
        if person is not world.bob:
            await make.join_team(world.team, person)
            await make.join_channel(world.town, person)
        await phone(person)
    posts = [await make.post(world.ada, world.town, text) for text in (f"@{world.bob.username}", "@channel")]
    for post in posts:
        await notify_of_post(ctx, post["id"])  # the first time statuses are read as well
    for post, pushes in zip(posts, (1, 5), strict=True):
        await calm()
        with counted(sql=4):  # the post, its readers, their phones, the jobs
            await notify_of_post(ctx, post["id"])
        found = await ctx.db.value(PUSHES, post["id"])
        assert found == 2 * pushes


async def test_without_a_proxy_nothing_is_enqueued(
    ctx: Context, world: World, make: Make, counted: Callable[..., Any], calm: Any, client: Clients, phone: Any
) -> None:
    await phone(world.bob)
    body = {"channel_id": world.town.id, "message": f"@{world.bob.username}"}
    (await client(world.ada).post("/posts", body)).ok(201)
    await calm()
    with counted(sql=1):
        post = (await client(world.ada).post("/posts", body)).ok(201)

    about = SQL("SELECT count(*) FROM jobs WHERE payload->>'post_id' = $1")
    assert await ctx.db.value(about, post["id"]) == 0


async def test_with_a_proxy_a_post_is_still_one_statement(
    world: World,
    proxy: Receiver,
    counted: Callable[..., Any],
    calm: Any,
    client: Clients,
    make: Make,
    settings: Settings,
) -> None:
    settings(JobSettings={"RunJobs": False})
    dee: Person = await make.user("dee")
    await make.join_team(world.team, dee)
    for message in ("hello", "hello"):
        body = {"channel_id": world.town.id, "message": message}
        (await client(world.ada).post("/posts", body)).ok(201)
    await calm()
    with counted(sql=1):
        (await client(world.ada).post("/posts", {"channel_id": world.town.id, "message": "hello"})).ok(201)
