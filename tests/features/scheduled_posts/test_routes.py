"""Scheduling posts: what is kept, who may, and what the author's other connections hear."""

from collections.abc import Callable
from typing import Any

import pytest

from server.features.posts.models import MAX_MESSAGE
from server.features.scheduled_posts import models, queries
from server.features.scheduled_posts.models import MAX_AHEAD_MS
from server.ids import new_id, now_ms
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Settings, Sockets, World
from tests.make import Make

Later = Callable[..., dict[str, Any]]


async def test_a_scheduled_post_is_kept_for_its_author_alone(
    client: Clients, socket: Sockets, world: World, later: Later
) -> None:
    body = later(
        world.town,
        "later",
        props={"a": 1},
        priority={"priority": "important", "requested_ack": True, "persistent_notifications": False},
    )
    async with socket(world.ada) as own, socket(world.ada, node=1) as other, socket(world.bob) as bob:
        headers = {"Connection-Id": own.connection_id}
        made = (await client(world.ada).post("/posts/schedule", body, headers=headers)).ok(201)

        event = await other.next("scheduled_post_created")
        assert event.data == {"scheduledPost": made}
        assert event.broadcast["user_id"] == world.ada.id
        for socket_of in (own, bob):
            assert "scheduled_post_created" not in await socket_of.names()
    assert made | body == made
    assert (made["user_id"], made["root_id"], made["processed_at"], made["error_code"]) == (world.ada.id, "", 0, "")
    assert made["metadata"] == {"priority": body["priority"]}
    assert "post_id" not in made
    path = f"/posts/scheduled/team/{world.team.id}"
    assert (await client(world.ada).get(path)).ok() == {world.team.id: [made]}
    assert (await client(world.bob).get(path)).ok() == {world.team.id: []}
    order = (await client(world.bob).get(f"/channels/{world.town.id}/posts")).ok()["posts"]
    assert "later" not in [post["message"] for post in order.values()]


async def test_lists_are_by_team_and_by_time_with_direct_channels_on_request(
    client: Clients, make: Make, world: World, later: Later
) -> None:
    other = await make.team(members=[world.ada])
    elsewhere = await make.channel(other, [world.ada])
    direct = await make.direct(world.ada, world.bob)
    group = await make.group(world.ada, world.bob, world.carol)
    ids = {}
    for name, body in {
        "second": later(world.town, ms=7_200_000),
        "first": later(world.town, ms=3_600_000),
        "elsewhere": later(elsewhere),
        "direct": later(direct, ms=3_600_000),
        "group": later(group, ms=3_700_000),
    }.items():
        ids[name] = (await client(world.ada).post("/posts/schedule", body)).ok(201)["id"]

    found = (await client(world.ada).get(f"/posts/scheduled/team/{world.team.id}?includeDirectChannels=true")).ok()

    assert {key: [each["id"] for each in posts] for key, posts in found.items()} == {
        world.team.id: [ids["first"], ids["second"]],
        "directChannels": [ids["direct"], ids["group"]],
    }
    stranger = await make.user()
    assert (await client(stranger).get(f"/posts/scheduled/team/{world.team.id}")).status == 403


async def test_the_author_changes_and_deletes_it(client: Clients, socket: Sockets, world: World, later: Later) -> None:
    made = (await client(world.ada).post("/posts/schedule", later(world.town, "first"))).ok(201)
    path = f"/posts/schedule/{made['id']}"
    wanted = {**made, "message": "second", "scheduled_at": made["scheduled_at"] + 1000, "channel_id": new_id()}
    async with socket(world.ada, node=1) as other:
        changed = (await client(world.ada).put(path, wanted)).ok(201)

        assert (await other.next("scheduled_post_updated")).data == {"scheduledPost": changed}
        assert changed["update_at"] > made["update_at"]
        expected = {**made, "message": "second", "scheduled_at": wanted["scheduled_at"]}
        assert {**changed, "update_at": made["update_at"]} == expected
        for body in ({**wanted, "message": ""}, {**wanted, "scheduled_at": now_ms() - 10_000}):
            assert (await client(world.ada).put(path, body)).status == 400
        gone = (await client(world.ada).delete(path)).ok(201)
        assert (await other.next("scheduled_post_deleted")).data == {"scheduledPost": gone}
    assert gone == changed
    assert (await client(world.ada).get(f"/posts/scheduled/team/{world.team.id}")).ok() == {world.team.id: []}
    again = await client(world.ada).delete(path)
    assert (again.status, again.error_id) == (404, "app.delete_scheduled_post.existing_scheduled_post.not_exist")
    again = await client(world.ada).put(path, wanted)
    assert (again.status, again.error_id) == (404, "app.update_scheduled_post.existing_scheduled_post.not_exist")


async def test_nobody_touches_what_others_scheduled(client: Clients, make: Make, world: World, later: Later) -> None:
    made = (await client(world.ada).post("/posts/schedule", later(world.town))).ok(201)
    path = f"/posts/schedule/{made['id']}"

    for person in (world.bob, make.admin):
        changed = await client(person).put(path, made)
        assert (changed.status, changed.error_id) == (403, "app.update_scheduled_post.update_permission.error")
        deleted = await client(person).delete(path)
        assert (deleted.status, deleted.error_id) == (403, "app.delete_scheduled_post.delete_permission.error")
    assert (await client(world.ada).get(f"/posts/scheduled/team/{world.team.id}")).ok() == {world.team.id: [made]}


async def test_one_schedules_only_where_one_may_write(client: Clients, make: Make, world: World, later: Later) -> None:
    private = await make.channel(world.team, [world.ada], type="P")
    attic = await make.channel(world.team, [world.ada], archived=True)

    secret = await client(world.bob).post("/posts/schedule", later(private))
    archived = await client(world.ada).post("/posts/schedule", later(attic))
    nowhere = await client(world.ada).post("/posts/schedule", {**later(attic), "channel_id": new_id()})

    assert (secret.status, secret.error_id) == (403, "api.context.permissions.app_error")
    assert (archived.status, archived.error_id) == (400, "app.save_scheduled_post.channel_deleted.app_error")
    assert nowhere.status == 403


@pytest.mark.parametrize(
    ("fields", "error_id"),
    [
        ({"scheduled_at": 1}, "model.scheduled_post.is_valid.scheduled_at.app_error"),
        ({"scheduled_at": -1}, "model.scheduled_post.is_valid.scheduled_at.app_error"),
        ({"scheduled_at": now_ms() + MAX_AHEAD_MS + 10**9}, "model.scheduled_post.is_valid.scheduled_at.app_error"),
        ({"scheduled_at": 2**62}, "model.scheduled_post.is_valid.scheduled_at.app_error"),
        ({"scheduled_at": "soon"}, "api.context.invalid_body_param.app_error"),
        ({"message": ""}, "model.scheduled_post.is_valid.empty_post.app_error"),
        ({"message": "", "file_ids": [new_id()]}, "model.scheduled_post.is_valid.empty_post.app_error"),
        ({"message": "a" * (MAX_MESSAGE + 1)}, "model.post.is_valid.message_length.app_error"),
        ({"props": {"attachments": [None]}}, "model.post.is_valid.props.app_error"),
        ({"root_id": new_id()}, "api.post.create_post.root_id.app_error"),
        ({"root_id": "x"}, "api.post.create_post.root_id.app_error"),
        ({"file_ids": [new_id() for _ in range(11)]}, "model.post.is_valid.file_ids.app_error"),
        ({"priority": {"priority": "whenever"}}, "api.context.invalid_body_param.app_error"),
        ({"channel_id": "x"}, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_bodies_are_checked(
    client: Clients, same_world: World, later: Later, fields: dict[str, Any], error_id: str
) -> None:
    reply = await client(same_world.ada).post("/posts/schedule", {**later(same_world.town), **fields})

    assert (reply.status, reply.error_id) == (400, error_id)


async def test_a_priority_is_for_first_posts(client: Clients, make: Make, world: World, later: Later) -> None:
    root = await make.post(world.ada, world.town)
    body = later(world.town, root_id=root["id"], priority={"priority": "urgent"})

    assert (await client(world.ada).post("/posts/schedule", body)).status == 400
    made = (await client(world.ada).post("/posts/schedule", {**body, "priority": None})).ok(201)
    assert (made["root_id"], "priority" in made) == (root["id"], False)


async def test_only_own_files_that_are_in_no_post_come_along(
    client: Clients, make: Make, world: World, later: Later
) -> None:
    (mine,) = await Uploads(client)(world.ada, world.town, ("a.txt", b"text"))
    (taken,) = await Uploads(client)(world.ada, world.town, ("a.txt", b"text"))
    await make.post(world.ada, world.town, file_ids=[taken["id"]])
    (theirs,) = await Uploads(client)(world.bob, world.town, ("a.txt", b"text"))
    body = later(world.town, "", file_ids=[theirs["id"], mine["id"], taken["id"]])

    made = (await client(world.ada).post("/posts/schedule", body)).ok(201)

    assert made["file_ids"] == [mine["id"]]
    assert [file["id"] for file in made["metadata"]["files"]] == [mine["id"]]


async def test_it_can_be_switched_off(client: Clients, world: World, later: Later, settings: Settings) -> None:
    settings(ServiceSettings={"ScheduledPosts": False})

    for reply in (
        await client(world.ada).post("/posts/schedule", later(world.town)),
        await client(world.ada).get(f"/posts/scheduled/team/{world.team.id}"),
        await client(world.ada).put(f"/posts/schedule/{new_id()}", later(world.town)),
        await client(world.ada).delete(f"/posts/schedule/{new_id()}"),
    ):
        assert (reply.status, reply.error_id) == (400, "api.scheduled_posts.feature_disabled")


async def test_there_is_a_limit_for_each_author(
    client: Clients, world: World, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = queries.INSERT.text.replace(str(models.MAX_WAITING), "2")
    assert limited != queries.INSERT.text
    monkeypatch.setattr(queries, "INSERT", type(queries.INSERT)(limited))

    for _ in range(2):
        (await client(world.ada).post("/posts/schedule", later(world.town))).ok(201)
    third = await client(world.ada).post("/posts/schedule", later(world.town))

    assert (third.status, third.error_id) == (400, "app.save_scheduled_post.save.app_error")
    (await client(world.bob).post("/posts/schedule", later(world.town))).ok(201)
