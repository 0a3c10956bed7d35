"""What is sent to incoming webhooks, and what becomes of it."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from server.features.posts.models import MAX_MESSAGE
from server.features.webhooks import posting
from server.ids import new_id
from tests.features.webhooks.world import Clients, Settings, Sockets, World
from tests.make import Make

PARSE = "web.incoming_webhook.parse.app_error"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def part(disposition: str, value: str) -> bytes:
    """A multipart form of one part."""
    return f"--y\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n--y--\r\n".encode()


async def test_a_message_is_posted_as_the_owner_to_the_members(world: World, socket: Sockets) -> None:
    hook = await world.hook()

    async with socket(world.bob) as events, socket(world.eve) as outside, socket(world.ada, node=1) as own:
        reply = await world.send(hook, {"text": f"disk is full @{world.bob.username} #disk1"})
        posted = await events.next("posted")
        assert (await own.next("posted")).data["post"]["id"] == posted.data["post"]["id"]
        assert "posted" not in await outside.names()

    post = posted.data["post"]
    assert (reply.status, reply.text, reply.headers["content-type"]) == (200, "ok", "text/plain")
    assert post["user_id"] == world.ada.id
    assert post["props"] == {"from_webhook": "true", "webhook_display_name": "Alerts"}
    assert post["type"] == ""
    assert post["hashtags"] == "#disk1"
    assert posted.data["mentions"] == [world.bob.id]
    assert posted.data["sender_name"] == f"@{world.ada.username}"
    assert posted.data.get("set_online", False) is False


async def test_the_owner_has_not_read_the_message_and_may_be_called_by_it(
    world: World, client: Clients, socket: Sockets
) -> None:
    hook = await world.hook()
    (await client(world.ada).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()

    async with socket(world.ada) as events:
        await world.sent(hook, {"text": f"wake up @{world.ada.username}"})
        posted = await events.next("posted")

    unread = (await client(world.ada).get(f"/users/me/channels/{world.town.id}/unread")).ok()
    assert posted.data["mentions"] == [world.ada.id]
    assert (unread["msg_count"], unread["mention_count"]) == (1, 1)


async def test_the_same_payload_may_come_as_json_form_or_multipart(world: World, client: Clients) -> None:
    hook = await world.hook()
    payload = {"text": "déjà vu & <b>", "attachments": [{"text": "more"}]}
    path = f"//hooks/{hook['id']}"
    raw = json.dumps(payload)

    replies = [
        await client().post(path, payload),
        await client().post(path, raw.encode(), headers={"content-type": "text/plain"}),
        await client().post(path, raw.encode()),
        await client().post(path, urlencode({"payload": raw}).encode(), headers=FORM),
        await client().post(path, files={"payload": (None, raw)}),
        await client().post(path, files={"text": (None, payload["text"]), "attachments": (None, '[{"text":"more"}]')}),
        await client().post(f"{path}/", payload),
    ]

    assert [(reply.status, reply.text) for reply in replies] == [(200, "ok")] * 7
    posts = await world.posts()
    assert len(posts) == 7
    for post in posts:
        assert post["message"] == payload["text"]
        assert post["props"]["attachments"] == [{"text": "more"}]
        assert post["type"] == "slack_attachment"
        assert post["metadata"]["embeds"] == [{"type": "message_attachment"}]


async def test_scripts_may_send_raw_line_breaks(world: World) -> None:
    hook = await world.hook()

    sent = await world.send(hook, b'{"text": "first\nsecond\tthird"}')

    assert sent.status == 200
    assert (await world.posts())[0]["message"] == "first\nsecond\tthird"


async def test_slacks_marks_become_markdown_and_names(world: World, socket: Sockets) -> None:
    hook = await world.hook()
    text = (
        f"<!channel> <!here|here> <!everyone> <@{world.bob.id}> <@{new_id()}> "
        "<https://example.org/a?b=1|the page> <https://example.org> <mailto:a@example.org|write> "
        "<#C1|town> a < b | c > d"
    )

    async with socket(world.bob) as events:
        post = await world.sent(hook, {"text": text, "attachments": [_marked(world.bob.id)]})
        posted = await events.next("posted")

    gone = text.split(" ")[4]
    assert post["message"] == (
        f"@channel @here @all @{world.bob.username} {gone} [the page](https://example.org/a?b=1) "
        "<https://example.org> [write](mailto:a@example.org) ~town a < b | c > d"
    )
    (attachment,) = post["props"]["attachments"]
    assert attachment["pretext"] == f"@{world.bob.username}"
    assert attachment["text"] == "[x](https://example.org)"
    assert [field["value"] for field in attachment["fields"]] == ["[y](https://example.org)", "5", "0.5", "true"]
    assert attachment["color"] == "<no|mark>"
    assert posted.data["mentions"] == [world.bob.id]


def _marked(user_id: str) -> dict[str, Any]:
    return {
        "pretext": f"<@{user_id}>",
        "text": "<https://example.org|x>",
        "color": "<no|mark>",
        "fields": [{"title": "t", "value": value} for value in ("<https://example.org|y>", 5, 0.5, True)],
    }


async def test_another_channel_may_be_named(world: World, make: Make, client: Clients) -> None:
    hook = await world.hook()
    attic = await make.channel(world.team, owner=world.ada)
    unjoined = await make.channel(world.team, members=[world.bob], owner=world.bob)
    mine = await make.channel(world.team, owner=world.ada, type="P")

    for name in (attic.name, f"#{attic.name.upper()}", attic.id, mine.name):
        assert (await world.send(hook, {"text": name, "channel": name})).status == 200
    assert (await world.send(hook, {"text": "open to all of the team", "channel": unjoined.name})).status == 200

    assert len(await world.posts(attic)) == 3
    assert len(await world.posts(mine)) == 1
    assert await world.posts() == []
    assert len((await client(world.bob).get(f"/channels/{unjoined.id}/posts")).ok()["order"]) >= 1


async def test_a_person_may_be_named(world: World, client: Clients, socket: Sockets, make: Make) -> None:
    hook = await world.hook()

    async with socket(world.eve) as events, socket(world.bob) as others:
        sent = await world.send(hook, {"text": "for you", "channel": f"@{world.eve.username.upper()}"})
        posted = await events.next("posted")
        assert "posted" not in await others.names()
    to_owner = await world.send(hook, {"text": "for me", "channel": f"@{world.ada.username}"})

    assert sent.status == to_owner.status == 200
    assert posted.data["channel_type"] == "D"
    assert posted.data["mentions"] == [world.eve.id]
    direct = await make.direct(world.eve, world.ada)
    assert posted.data["post"]["channel_id"] == direct.id
    for person in (world.ada, world.eve):
        unread = (await client(person).get(f"/users/me/channels/{direct.id}/unread")).ok()
        assert (unread["msg_count"], unread["mention_count"]) == (1, 1)
    notes = await make.direct(world.ada, world.ada)
    assert [post["message"] for post in await world.posts(notes)] == ["for me"]


async def test_channels_that_the_owner_may_not_write_to_are_refused(world: World, make: Make, client: Clients) -> None:
    hook = await world.hook()
    secret = await make.channel(world.team, type="P")
    foreign = await make.channel(await make.team())
    direct = await make.direct(world.bob, world.eve)

    refusals = [await world.send(hook, {"text": "x", "channel": name})
                for name in (secret.name, secret.id, foreign.id, direct.id, direct.name)]  # fmt: skip
    unknown = [await world.send(hook, {"text": "x", "channel": name})
               for name in ("nowhere", "#", new_id(), foreign.name)]  # fmt: skip
    nobody = [await world.send(hook, {"text": "x", "channel": name}) for name in ("@", "@nobody", f"@{new_id()}")]

    found = {(reply.status, reply.error_id) for reply in refusals}
    assert found == {(403, "web.incoming_webhook.permissions.app_error")}
    assert {(reply.status, reply.error_id) for reply in unknown} == {(404, "web.incoming_webhook.channel.app_error")}
    assert {(reply.status, reply.error_id) for reply in nobody} == {(400, "web.incoming_webhook.user.app_error")}


async def test_a_locked_hook_posts_into_its_own_channel_only(world: World, make: Make) -> None:
    hook = await world.hook(channel_locked=True)
    attic = await make.channel(world.team, owner=world.ada)

    refused = [
        await world.send(hook, {"text": "x", "channel": name}) for name in (attic.name, f"@{world.bob.username}")
    ]
    named = await world.send(hook, {"text": "x", "channel": f"#{world.town.name}"})

    found = {(reply.status, reply.error_id) for reply in refused}
    assert found == {(403, "web.incoming_webhook.channel_locked.app_error")}
    assert named.status == 200


async def test_names_and_pictures_are_shown_where_that_is_allowed(
    world: World, settings: Settings, socket: Sockets
) -> None:
    looks = {"username": "Robot", "icon_url": "https://example.org/r.png", "icon_emoji": ":robot:"}
    hook = await world.hook()
    plain = await world.sent(hook, {"text": "x", **looks})
    settings(ServiceSettings={"EnablePostUsernameOverride": True, "EnablePostIconOverride": True})
    named = await world.hook(username="monitor", icon_url="https://example.org/m.png")

    async with socket(world.bob) as events:
        shown = await world.sent(hook, {"text": "x", **looks})
        posted = await events.next("posted")
    unnamed = await world.sent(hook, {"text": "y"})
    default = await world.sent(named, {"text": "z"})

    assert set(plain["props"]) == {"from_webhook", "webhook_display_name"}
    assert shown["props"]["override_username"] == posted.data["sender_name"] == "Robot"
    assert shown["props"]["override_icon_url"] == "https://example.org/r.png"
    assert shown["props"]["override_icon_emoji"] == ":robot:"
    assert unnamed["props"]["override_username"] == "webhook"
    assert "override_icon_url" not in unnamed["props"]
    assert default["props"]["override_username"] == "monitor"
    assert default["props"]["override_icon_url"] == "https://example.org/m.png"


async def test_props_are_kept_but_say_nothing_false(world: World) -> None:
    hook = await world.hook()
    props = {"card": "# More", "from_bot": "true", "override_username": "admin", "webhook_display_name": "x",
             "from_webhook": "no", "attachments": [{"text": "hidden"}]}  # fmt: skip

    post = await world.sent(hook, {"text": "x", "props": props})

    assert post["props"] == {"card": "# More", "from_webhook": "true", "webhook_display_name": "Alerts"}


async def test_a_long_text_becomes_several_messages(world: World) -> None:
    hook = await world.hook()
    lines = "".join(f"line {number} é\n" for number in range(4000))

    sent = await world.send(hook, {"text": lines, "attachments": [{"text": "end"}], "priority": {"priority": "urgent"}})

    posts = (await world.posts())[::-1]
    assert sent.status == 200
    assert len(posts) == 3
    assert "".join(post["message"] for post in posts) == lines
    assert all(len(post["message"]) <= MAX_MESSAGE and post["message"].endswith("\n") for post in posts)
    assert ["attachments" in post["props"] for post in posts] == [False] * (len(posts) - 1) + [True]
    assert ["priority" in post["metadata"] for post in posts] == [True] + [False] * (len(posts) - 1)


async def test_a_long_line_is_cut_where_it_must_be(world: World) -> None:
    hook = await world.hook()
    text = "x" * (2 * MAX_MESSAGE + 1)

    assert (await world.send(hook, {"text": text})).status == 200

    assert [len(post["message"]) for post in (await world.posts())[::-1]] == [MAX_MESSAGE, MAX_MESSAGE, 1]


async def test_many_attachments_become_several_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await world.hook()
    monkeypatch.setattr(posting, "ROOM", 5000)
    attachments: list[dict[str, Any]] = [{"text": f"{number}"} for number in range(150)]

    assert (await world.send(hook, {"text": "all", "attachments": attachments})).status == 200
    assert (await world.send(hook, {"attachments": [{"text": "x" * 4000}] * 3})).status == 200

    posts = (await world.posts())[::-1]
    assert [post["message"] for post in posts] == ["all", "", "", "", ""]
    assert [len(post["props"]["attachments"]) for post in posts] == [100, 50, 1, 1, 1]


async def test_the_last_use_is_noted(world: World, client: Clients) -> None:
    hook = await world.hook()

    await world.sent(hook, {"text": "x"})

    used = (await client(world.ada).get(f"/hooks/incoming/{hook['id']}")).ok()
    assert used["last_used"] >= hook["create_at"]
    assert used["update_at"] == hook["update_at"]


async def test_a_hook_outlives_the_rights_of_its_owner(world: World, make: Make, client: Clients) -> None:
    hook = await world.hook()
    (await client(make.admin).delete(f"/teams/{world.team.id}/members/{world.ada.id}")).ok()

    assert (await world.send(hook, {"text": "still here"})).status == 200


async def test_a_hook_sleeps_while_its_owner_is_deactivated(world: World, make: Make, client: Clients) -> None:
    hook = await world.hook()
    for number in (0, 1):
        assert (await client(node=number).post(f"//hooks/{hook['id']}", {"text": "before"})).status == 200

    (await client(make.admin).put(f"/users/{world.ada.id}/active", {"active": False})).ok()

    for number in (0, 1):
        refused = await client(node=number).post(f"//hooks/{hook['id']}", {"text": "is anyone there?"})
        assert (refused.status, refused.error_id) == (400, "web.incoming_webhook.user.app_error")
    (await client(make.admin).put(f"/users/{world.ada.id}/active", {"active": True})).ok()
    assert (await world.send(hook, {"text": "back again"})).status == 200


async def test_archived_channels_get_nothing(world: World, client: Clients) -> None:
    hook = await world.hook()
    (await client(world.ada).delete(f"/channels/{world.town.id}")).ok()

    refused = await world.send(hook, {"text": "x"})

    assert (refused.status, refused.error_id) == (400, "api.post.create_post.can_not_post_to_deleted.error")


@pytest.mark.parametrize("hook_id", ["", "x", "b" * 26, "%20", "../api", "é" * 26, "a" * 300])
async def test_unknown_hooks_are_refused(client: Clients, hook_id: str) -> None:
    refused = await client().post(f"//hooks/{hook_id}", {"text": "x"})

    assert refused.status in (400, 404)
    if hook_id.isalnum() and hook_id.isascii():
        assert refused.error_id == "web.incoming_webhook.invalid.app_error"


@pytest.mark.parametrize(
    ("body", "error_id"),
    [
        (b"", PARSE),
        (b"hello", PARSE),
        (b"[]", PARSE),
        (b'"text"', PARSE),
        (b"null", PARSE),
        (b'{"text": 5}', PARSE),
        (b'{"text": ["x"]}', PARSE),
        (b'{"text": "a\\u0000b"}', PARSE),
        (b'{"text": "\xff"}', PARSE),
        (b'{"text": "\\ud800"}', PARSE),
        (b'{"attachments": "x"}', PARSE),
        (b'{"attachments": {"text": "x"}}', PARSE),
        (b'{"attachments": [null]}', PARSE),
        (b'{"attachments": ["x"]}', PARSE),
        (b'{"text": "x", "props": "x"}', PARSE),
        (b'{"text": "x", "priority": "urgent"}', PARSE),
        (b'{"text":' + b"[" * 100_000, PARSE),
        (b'{"text": "x\n"' + b"[" * 100_000, PARSE),
        (b"{}", "web.incoming_webhook.text.app_error"),
        (b'{"text": ""}', "web.incoming_webhook.text.app_error"),
        (b'{"text": null, "attachments": null}', "web.incoming_webhook.text.app_error"),
        (b'{"attachments": [{"text": 5}]}', "model.post.is_valid.props.app_error"),
        (b'{"attachments": [{"fields": "x"}]}', "model.post.is_valid.props.app_error"),
        (b'{"attachments": [{"fields": [null]}]}', "model.post.is_valid.props.app_error"),
        (b'{"attachments": [{"actions": [5]}]}', "model.post.is_valid.props.app_error"),
        (b'{"text": "x", "type": "system_join_channel"}', "model.post.is_valid.type.app_error"),
    ],
)
async def test_what_can_not_be_read_is_refused(same_world: World, body: bytes, error_id: str) -> None:
    hook = await same_world.hook()

    refused = await same_world.send(hook, body)

    assert (refused.status, refused.error_id) == (400, error_id)
    assert hook["id"] not in refused.text
    assert await same_world.posts() == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"text=x", FORM["content-type"]),
        (b"payload=", FORM["content-type"]),
        (b"payload=%ff", FORM["content-type"]),
        (b"payload=\xff", FORM["content-type"]),
        (b"&".join(b"a%d=1" % number for number in range(200)), FORM["content-type"]),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=y"),
        (part('name="attachments"', "[["), "multipart/form-data; boundary=y"),
        (part('name="f"; filename="f"', "x"), "multipart/form-data; boundary=y"),
        (part('name="text"', "a\0b"), "multipart/form-data; boundary=y"),
    ],
)  # fmt: skip
async def test_forms_that_can_not_be_read_are_refused(same_world: World, body: bytes, kind: str) -> None:
    hook = await same_world.hook()

    refused = await same_world.send(hook, body, headers={"content-type": kind})

    assert refused.status == 400
    assert refused.error_id in (PARSE, "web.incoming_webhook.text.app_error")


async def test_odd_numbers_and_unknown_fields_do_no_harm(world: World) -> None:
    hook = await world.hook()
    numbers = (b"1e999", b"-1e999", b"NaN", b"123456789012345678901234567890", b"-0.0", b"1e-400")

    for number in numbers:
        odd = b'{"blocks": null, "link_names": 1, "attachments": [{"text": null, "ts": %s, "fields": [{"value": %s}]}]}'
        sent = await world.send(hook, odd % (number, number))
        assert sent.status in (200, 400), sent

    assert (await world.send(hook, {"text": "fine"})).status == 200


async def test_a_payload_has_a_largest_size(world: World, settings: Settings) -> None:
    hook = await world.hook()
    settings(ServiceSettings={"MaximumPayloadSizeBytes": 1000})

    refused = await world.send(hook, {"text": "x" * 1000})

    assert (refused.status, refused.error_id) == (413, "api.context.request_body_too_large.app_error")
    assert (await world.send(hook, {"text": "x" * 900})).status == 200


async def test_calls_to_everyone_need_the_owners_right(
    world: World, client: Clients, socket: Sockets, make: Make
) -> None:
    hook = await world.hook()
    role = (await client(make.admin).get("/roles/name/channel_user")).ok()
    less = [name for name in role["permissions"] if name != "use_channel_mentions"]
    (await client(make.admin).put(f"/roles/{role['id']}/patch", {"permissions": less})).ok()
    try:
        async with socket(world.bob) as events:
            await world.sent(hook, {"text": "<!channel> quiet"})
            quiet = await events.next("posted")
    finally:
        (await client(make.admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()
    async with socket(world.bob) as events:
        await world.sent(hook, {"text": "<!channel> loud"})
        loud = await events.next("posted")

    assert "mentions" not in quiet.data
    assert loud.data["mentions"] == [world.bob.id]


async def test_a_message_costs_one_statement(world: World, counted: Callable[..., Any]) -> None:
    hook = await world.hook()
    await world.sent(hook, {"text": "first"})
    await world.send(hook, {"text": "second"})

    with counted(sql=1):
        await world.send(hook, {"text": "third", "attachments": [{"text": "<https://example.org|x>"}]})
