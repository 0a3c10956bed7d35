"""POST /posts: what is stored, who hears of it, and what is refused."""

from typing import Any

import pytest

from server.features.posts.models import MAX_MESSAGE
from tests.features.posts.world import Clients, Counted, Settings, Sockets, World
from tests.make import Make, Person

CLAIMS = {
    "from_webhook": "true",
    "from_bot": "true",
    "from_plugin": "true",
    "from_oauth_app": "planner",
    "override_username": "boss",
    "override_icon_url": "https://example.org/boss.png",
    "override_icon_emoji": "crown",
}
"""Props that say that no person wrote a post."""


async def test_a_post_reaches_the_members_of_its_channel_on_any_node_and_nobody_else(
    client: Clients, socket: Sockets, world: World
) -> None:
    async with socket(world.bob, node=1) as bob, socket(world.carol, node=1) as carol:
        reply = await client(world.ada).post("/posts", {"channel_id": world.town.id, "message": "hello #world"})

        post = reply.ok(201)
        event = await bob.next("posted")
        assert event.data["post"] == post
        assert event.data["channel_name"] == world.town.name
        assert event.data["channel_display_name"] == world.town.body["display_name"]
        assert event.data["channel_type"] == "O"
        assert event.data["sender_name"] == f"@{world.ada.username}"
        assert event.data["team_id"] == world.team.id
        assert event.data["set_online"] is True
        assert "mentions" not in event.data
        assert "followers" not in event.data
        assert event.broadcast["channel_id"] == world.town.id
        assert "posted" not in await carol.names()
    assert post["user_id"] == world.ada.id
    assert post["channel_id"] == world.town.id
    assert post["message"] == "hello #world"
    assert post["hashtags"] == "#world"
    assert post["create_at"] == post["update_at"] > 0
    assert (post["edit_at"], post["delete_at"], post["root_id"], post["type"]) == (0, 0, "", "")
    assert (await client(world.bob).get(f"/posts/{post['id']}")).ok() == post


async def test_ids_times_and_counts_of_the_client_are_ignored(client: Clients, world: World) -> None:
    body = {
        "id": world.ada.id,
        "user_id": world.bob.id,
        "channel_id": world.town.id,
        "message": "mine",
        "create_at": 1000,
        "update_at": 1000,
        "edit_at": 7,
        "delete_at": 7,
        "reply_count": 9,
        "hashtags": "#none",
        "original_id": world.ada.id,
        "participants": None,
    }

    post = (await client(world.ada).post("/posts", body)).ok(201)

    assert post["id"] != world.ada.id
    assert post["user_id"] == world.ada.id
    assert post["create_at"] > 1000
    assert (post["edit_at"], post["delete_at"], post["reply_count"], post["hashtags"]) == (0, 0, 0, "")


async def test_only_administrators_date_a_post_back(client: Clients, admin: Person, make: Make, world: World) -> None:
    town = await make.channel(world.team, members=[world.ada])
    before = (await client(admin).get(f"/channels/{town.id}")).ok()

    post = await make.post(admin, town, "old", create_at=1_500_000_000_000)

    assert post["create_at"] == post["update_at"] == 1_500_000_000_000
    after = (await client(admin).get(f"/channels/{town.id}")).ok()
    assert after["last_post_at"] == before["last_post_at"]
    assert after["total_msg_count"] == before["total_msg_count"] + 1
    future = await make.post(admin, town, "soon", create_at=32_000_000_000_000)
    assert future["create_at"] < 32_000_000_000_000


@pytest.mark.parametrize("channel_id", ["", "nonsense", "a" * 26, None])
async def test_a_post_without_a_channel_is_forbidden(client: Clients, world: World, channel_id: str) -> None:
    reply = await client(world.ada).post("/posts", {"channel_id": channel_id, "message": "where?"})

    assert reply.status == 403
    assert reply.error_id == "api.context.permissions.app_error"


async def test_strangers_can_not_post_and_nothing_is_told(client: Clients, socket: Sockets, world: World) -> None:
    async with socket(world.bob) as events:
        reply = await client(world.carol).post("/posts", {"channel_id": world.town.id, "message": "let me in"})

        assert reply.status == 403
        assert "posted" not in await events.names()
    assert (await client().post("/posts", {"channel_id": world.town.id, "message": "x"})).status == 401


async def test_archived_channels_refuse_new_posts(client: Clients, make: Make, world: World) -> None:
    attic = await make.channel(world.team, members=[world.ada], archived=True)

    reply = await client(world.ada).post("/posts", {"channel_id": attic.id, "message": "hello?"})

    assert reply.status == 400
    assert reply.error_id == "api.post.create_post.can_not_post_to_deleted.error"


@pytest.mark.parametrize("type", ["system_join_channel", "system_generic", "system_ephemeral", "nonsense"])
async def test_only_the_server_writes_system_posts(client: Clients, world: World, type: str) -> None:
    reply = await client(world.ada).post("/posts", {"channel_id": world.town.id, "message": "x", "type": type})

    assert reply.status == 400
    assert reply.error_id == "model.post.is_valid.type.app_error"


@pytest.mark.parametrize("type", ["", "slack_attachment", "custom_my_poll"])
async def test_other_types_are_kept(make: Make, world: World, type: str) -> None:
    assert (await make.post(world.ada, world.town, "x", type=type))["type"] == type


async def test_a_message_has_a_longest_length(client: Clients, make: Make, world: World) -> None:
    assert len((await make.post(world.ada, world.town, "😀" * MAX_MESSAGE))["message"]) == MAX_MESSAGE

    reply = await client(world.ada).post("/posts", {"channel_id": world.town.id, "message": "a" * (MAX_MESSAGE + 1)})

    assert reply.status == 400
    assert reply.error_id == "model.post.is_valid.message_length.app_error"


@pytest.mark.parametrize(
    "props",
    [
        {"attachments": "text"},
        {"attachments": [None]},
        {"attachments": [{"text": 7}]},
        {"attachments": [{"fields": [None]}]},
        {"attachments": [{"fields": "x"}]},
        {"attachments": [{"actions": [None]}]},
        {"attachments": [{"actions": [{"integration": "x"}]}]},
        {"attachments": [{}] * 101},
        {"filler": "x" * 800_000},
    ],
)
async def test_props_that_clients_could_not_show_are_refused(
    client: Clients, same_world: World, props: dict[str, Any]
) -> None:
    reply = await client(same_world.ada).post(
        "/posts", {"channel_id": same_world.town.id, "message": "x", "props": props}
    )

    assert reply.status == 400
    assert reply.error_id == "model.post.is_valid.props.app_error"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"channel_id": 7}',
        b'{"message": {}}',
        b'{"props": []}',
        b'{"file_ids": "x"}',
        b'{"message": "a\\u0000b"}',
        b'{"props": {"a\\u0000": 1}}',
        b'{"message": "\xff"}',
        b'{"metadata": {"priority": {"priority": "whatever"}}}',
    ],
)
async def test_malformed_bodies_are_a_400_or_name_no_channel(client: Clients, same_world: World, body: bytes) -> None:
    reply = await client(same_world.ada).post("/posts", body)

    assert reply.status in (400, 403), reply
    assert reply.error_id


async def test_lone_surrogates_are_no_crash(client: Clients, world: World) -> None:
    body = b'{"channel_id": "%s", "message": "\\ud800"}' % world.town.id.encode()

    assert (await client(world.ada).post("/posts", body)).status in (201, 400)


async def test_attachments_become_an_embed_and_keep_their_addresses_to_themselves(
    client: Clients, socket: Sockets, make: Make, world: World
) -> None:
    attachments = [
        {"text": "choose", "actions": [{"name": "Yes", "type": "button", "integration": {"url": "http://127.0.0.1/x"}}]}
    ]
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, "", props={"attachments": attachments})
        event = await events.next("posted")

    assert event.data["post"] == post
    assert post["metadata"]["embeds"] == [{"type": "message_attachment"}]
    (action,) = post["props"]["attachments"][0]["actions"]
    assert len(action["id"]) == 26
    assert "integration" not in action
    again = (await client(world.bob).get(f"/channels/{world.town.id}/posts")).ok()["posts"][post["id"]]
    assert again == post


async def test_files_that_are_not_there_are_dropped_silently(make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "see file", file_ids=["a" * 26])

    assert not post.get("file_ids")


async def test_a_priority_belongs_to_the_first_post_of_a_thread(client: Clients, make: Make, world: World) -> None:
    metadata = {"priority": {"priority": "urgent", "requested_ack": True}}

    post = await make.post(world.ada, world.town, "fire", metadata=metadata)

    assert post["metadata"]["priority"] == {
        "priority": "urgent",
        "requested_ack": True,
        "persistent_notifications": False,
    }
    body = {"channel_id": world.town.id, "message": "more", "root_id": post["id"], "metadata": metadata}
    assert (await client(world.ada).post("/posts", body)).status == 400


async def test_priorities_can_be_switched_off(client: Clients, settings: Settings, world: World) -> None:
    settings(ServiceSettings={"PostPriority": False})
    body = {"channel_id": world.town.id, "message": "fire", "metadata": {"priority": {"priority": "urgent"}}}

    assert (await client(world.ada).post("/posts", body)).status == 403


async def test_a_reply_belongs_to_a_live_root_in_the_same_channel(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])
    elsewhere = await make.post(world.ada, await make.channel(world.team, [world.ada]), "elsewhere")
    gone = await make.post(world.ada, world.town, "gone")
    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
    wrong = {
        reply["id"]: "api.post.create_post.root_id.app_error",
        gone["id"]: "api.post.create_post.root_id.app_error",
        "z" * 26: "api.post.create_post.root_id.app_error",
        "nonsense": "api.post.create_post.root_id.app_error",
        elsewhere["id"]: "api.post.create_post.channel_root_id.app_error",
    }

    for root_id, error_id in wrong.items():
        answer = await client(world.ada).post(
            "/posts", {"channel_id": world.town.id, "message": "x", "root_id": root_id}
        )
        assert (answer.status, answer.error_id) == (400, error_id)
    assert reply["root_id"] == root["id"]
    assert reply["reply_count"] == 1


async def test_a_post_costs_one_statement_when_its_channel_is_known(
    client: Clients, counted: Counted, make: Make, world: World
) -> None:
    await make.post(world.ada, world.town, "warm")
    body = {"channel_id": world.town.id, "message": "hot", "pending_post_id": f"{world.ada.id}:1"}

    with counted(sql=1):
        (await client(world.ada).post("/posts", body)).ok(201)


async def test_a_known_mention_costs_no_further_statement(
    client: Clients, counted: Counted, make: Make, world: World
) -> None:
    await make.post(world.ada, world.town, f"warm @{world.bob.username} @channel")
    body = {"channel_id": world.town.id, "message": f"hot @{world.bob.username} @channel"}

    with counted(sql=1):
        (await client(world.ada).post("/posts", body)).ok(201)


async def test_a_reply_costs_two_statements(client: Clients, counted: Counted, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, "warm", root_id=root["id"])
    body = {"channel_id": world.town.id, "message": "hot", "root_id": root["id"]}

    with counted(sql=2):
        (await client(world.bob).post("/posts", body)).ok(201)


async def test_posts_of_direct_channels_go_to_the_two(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    direct = await make.direct(world.ada, world.bob)
    async with socket(world.bob, node=1) as bob, socket(world.carol) as carol:
        await make.post(world.ada, direct, "psst")

        event = await bob.next("posted")
        assert event.data["channel_type"] == "D"
        assert event.data["channel_display_name"] == f"@{world.ada.username}"
        assert event.data["team_id"] == ""
        assert event.data["mentions"] == [world.bob.id]
        assert event.broadcast["channel_id"] == direct.id
        assert "posted" not in await carol.names()


async def test_posts_of_group_channels_mention_everybody_else(make: Make, socket: Sockets, world: World) -> None:
    group = await make.group(world.ada, world.bob, world.carol)
    async with socket(world.bob) as bob, socket(world.ada) as ada:
        await make.post(world.ada, group, "hi all")

        assert (await bob.next("posted")).data["mentions"] == [world.bob.id]
        assert "mentions" not in (await ada.next("posted")).data


async def test_the_author_is_online_afterwards_unless_it_asks_for_silence(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    async with socket(world.bob) as events:
        reply = await client(world.ada).post(
            "/posts?set_online=false", {"channel_id": world.town.id, "message": "ghost"}
        )
        reply.ok(201)

        assert (await events.next("posted")).data["set_online"] is False


async def test_people_can_not_pose_as_bots(make: Make, settings: Settings, world: World) -> None:
    post = await make.post(world.ada, world.town, "beep", props={"from_bot": "true", "kept": 1})
    assert post["props"] == {"kept": 1}

    for hardened in (False, True):
        settings(ServiceSettings={"ExperimentalEnableHardenedMode": hardened})
        post = await make.post(world.ada, world.town, "beep", props=CLAIMS)
        assert post["props"] == {}


async def test_programs_choose_their_names_but_not_in_hardened_mode(
    make: Make, client: Clients, settings: Settings, world: World, admin: Person
) -> None:
    settings(ServiceSettings={"EnableUserAccessTokens": True, "EnableBotAccountCreation": True})
    script = (await client(admin).post("/users/me/tokens", {"description": "x"})).ok()["token"]
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    token = (await client(admin).post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
    body = {"channel_id": world.town.id, "message": "beep", "props": CLAIMS}
    programs = [Person({"id": "", "username": "", "email": ""}, each) for each in (script, token)]
    for person in (admin, Person({"id": bot, "username": "", "email": ""}, "")):
        await make.join_team(world.team, person)
        await make.join_channel(world.town, person)

    open_mode = [(await client(program).post("/posts", body)).ok(201)["props"] for program in programs]
    settings(ServiceSettings={"ExperimentalEnableHardenedMode": True})
    hardened = [(await client(program).post("/posts", body)).ok(201)["props"] for program in programs]

    kept = {name: value for name, value in CLAIMS.items() if name not in ("from_oauth_app", "from_bot")}
    assert open_mode == [kept, {**kept, "from_bot": "true"}]
    assert hardened == [{}, {**kept, "from_bot": "true"}]


async def test_a_claimed_webhook_lends_no_name(make: Make, settings: Settings, socket: Sockets, world: World) -> None:
    settings(ServiceSettings={"EnablePostUsernameOverride": True})
    async with socket(world.bob) as events:
        await make.post(world.ada, world.town, "x", props={"from_webhook": "true", "override_username": "boss"})

        assert (await events.next("posted")).data["sender_name"] == f"@{world.ada.username}"
