"""Drafts: keeping them, on all devices of their writer and for nobody else."""

from typing import Any

import pytest

from server.context import request_context
from server.features.drafts.jobs import KEPT_MS, sweep_drafts
from server.ids import new_id, now_ms
from tests.clients_of import Reply
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Counted, Settings, Sockets, World
from tests.make import Make, Person, Thing
from tests.waiting import next_moment


async def keep(client: Clients, person: Person, channel: Thing, message: str = "begun", **fields: Any) -> Reply:
    """POST /drafts."""
    options = {"headers": fields.pop("headers")} if "headers" in fields else {}
    return await client(person).post("/drafts", {"channel_id": channel.id, "message": message, **fields}, **options)


async def drafts(client: Clients, person: Person, team: Thing) -> list[dict[str, Any]]:
    """All drafts of a person."""
    found: list[dict[str, Any]] = (await client(person, node=1).get(f"/users/me/teams/{team.id}/drafts")).ok()
    return found


async def test_a_draft_is_kept_and_reaches_the_other_devices_of_its_writer(
    client: Clients, socket: Sockets, world: World
) -> None:
    async with (
        socket(world.ada) as here,
        socket(world.ada, node=1) as there,
        socket(world.bob) as bob,
        socket(world.carol) as carol,
    ):
        mine = {"connection-id": here.connection_id}
        draft = (await keep(client, world.ada, world.town, props={"a": [1]}, headers=mine)).ok(201)
        created = await there.next("draft_created")
        again = (await keep(client, world.ada, world.town, "more", headers=mine)).ok(201)
        updated = await there.next("draft_updated")
        path = f"/users/me/channels/{world.town.id}/drafts"
        assert (await client(world.ada).delete(path, headers=mine)).ok() == {"status": "OK"}
        deleted = await there.next("draft_deleted")

        for other in (here, bob, carol):
            assert not [name for name in await other.names() if name.startswith("draft")]

    assert created.data["draft"] == draft
    assert updated.data["draft"] == again
    assert (created.broadcast["user_id"], created.broadcast["channel_id"]) == (world.ada.id, world.town.id)
    assert (draft["user_id"], draft["channel_id"], draft["root_id"]) == (world.ada.id, world.town.id, "")
    assert (draft["message"], draft["props"], draft["delete_at"]) == ("begun", {"a": [1]}, 0)
    assert (again["message"], again["props"], again["create_at"]) == ("more", {}, draft["create_at"])
    assert again["update_at"] > draft["update_at"]
    assert (deleted.data["draft"]["message"], deleted.data["draft"]["delete_at"] > 0) == ("more", True)
    assert await drafts(client, world.ada, world.team) == []


async def test_a_channel_and_each_of_its_threads_has_a_draft(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.bob, world.town)
    direct = await make.direct(world.ada, world.bob)
    for channel, message, root_id in ((world.town, "one", ""), (world.town, "two", root["id"]), (direct, "three", "")):
        (await keep(client, world.ada, channel, message, root_id=root_id)).ok(201)
        await next_moment()
    (await keep(client, world.bob, world.town, "bob's")).ok(201)

    found = await drafts(client, world.ada, world.team)
    assert [draft["message"] for draft in found] == ["three", "two", "one"]
    assert found[1]["root_id"] == root["id"]
    other_team = await make.team([world.ada])
    assert [draft["message"] for draft in await drafts(client, world.ada, other_team)] == ["three"]

    (await client(world.ada).delete(f"/users/me/channels/{world.town.id}/drafts/{root['id']}")).ok()
    assert [draft["message"] for draft in await drafts(client, world.ada, world.team)] == ["three", "one"]
    assert [draft["message"] for draft in await drafts(client, world.bob, world.team)] == ["bob's"]


async def test_an_empty_draft_is_none(client: Clients, socket: Sockets, world: World) -> None:
    (await keep(client, world.ada, world.town)).ok(201)
    async with socket(world.ada) as events:
        emptied = (await keep(client, world.ada, world.town, "")).ok(201)
        event = await events.next("draft_deleted")
        nothing = (await keep(client, world.ada, world.town, "")).ok(201)
        assert await events.names() == []

    assert emptied == event.data["draft"]
    assert (emptied["message"], emptied["delete_at"] > 0) == ("begun", True)
    assert (nothing["channel_id"], nothing["delete_at"] > 0) == (world.town.id, True)
    assert await drafts(client, world.ada, world.team) == []


async def test_a_draft_has_the_files_that_can_still_be_posted(client: Clients, make: Make, world: World) -> None:
    uploads = Uploads(client)
    (first,) = await uploads(world.ada, world.town, ("a.txt", b"a"))
    (second,) = await uploads(world.ada, world.town, ("b.txt", b"b"))
    (bobs,) = await uploads(world.bob, world.town, ("c.txt", b"c"))
    ids = [second["id"], bobs["id"], first["id"], new_id(), "x"]

    draft = (await keep(client, world.ada, world.town, "", file_ids=ids)).ok(201)
    assert draft["file_ids"] == [second["id"], first["id"]]
    assert draft["metadata"]["files"] == [second, first]

    await make.post(world.ada, world.town, "sent", file_ids=[second["id"]])
    (left,) = await drafts(client, world.ada, world.team)
    assert (left["file_ids"], left["metadata"]["files"]) == ([first["id"]], [first])


async def test_a_draft_has_a_priority(client: Clients, world: World) -> None:
    priority = {"priority": "urgent", "requested_ack": True, "persistent_notifications": False}

    draft = (await keep(client, world.ada, world.town, priority=priority)).ok(201)

    assert draft["priority"] == draft["metadata"]["priority"] == priority
    assert "priority" not in (await keep(client, world.ada, world.town, priority=None)).ok(201)


async def test_what_could_not_be_posted_is_not_shown(client: Clients, make: Make, world: World) -> None:
    left, archived = [await make.channel(world.team, [world.ada]) for _ in range(2)]
    root = await make.post(world.ada, world.town)
    for channel, root_id in ((left, ""), (archived, ""), (world.town, root["id"]), (world.town, "")):
        (await keep(client, world.ada, channel, f"for {channel.id} {root_id}", root_id=root_id)).ok(201)

    (await client(world.ada).delete(f"/channels/{left.id}/members/{world.ada.id}")).ok()
    (await client(make.admin).delete(f"/channels/{archived.id}")).ok()
    (await client(world.ada).delete(f"/posts/{root['id']}")).ok()
    assert [draft["root_id"] for draft in await drafts(client, world.ada, world.team)] == [""]

    (await client(make.admin).post(f"/channels/{archived.id}/restore")).ok()
    found = {draft["channel_id"] for draft in await drafts(client, world.ada, world.team)}
    assert found == {world.town.id, archived.id}


async def test_a_sent_post_leaves_the_draft_to_its_client(client: Clients, make: Make, world: World) -> None:
    (await keep(client, world.ada, world.town)).ok(201)

    await make.post(world.ada, world.town, "begun")

    assert len(await drafts(client, world.ada, world.team)) == 1


async def test_nobody_else_sees_or_deletes_a_draft(client: Clients, make: Make, world: World) -> None:
    (await keep(client, world.ada, world.town)).ok(201)
    listed, gone = f"/users/{world.ada.id}/teams/{world.team.id}/drafts", f"/users/{world.ada.id}/channels"

    for other in (world.bob, make.admin):
        assert (await client(other).get(listed)).error_id == "api.context.permissions.app_error"
        assert (await client(other).delete(f"{gone}/{world.town.id}/drafts")).status == 403
        assert (await client(other).delete(f"{gone}/{world.town.id}/drafts/{new_id()}")).status == 403
    assert (await client().get(listed)).status == 401
    assert len(await drafts(client, world.ada, world.team)) == 1
    assert await drafts(client, world.bob, world.team) == []


async def test_drafts_are_for_who_may_write_there(client: Clients, make: Make, world: World) -> None:
    private = await make.channel(world.team, [world.bob], type="P")
    archived = await make.channel(world.team, [world.ada], archived=True)
    stranger = await make.user()

    assert (await keep(client, world.ada, private)).status == 403
    assert (await client(world.ada).post("/drafts", {"channel_id": new_id(), "message": "x"})).status == 403
    reply = await keep(client, world.ada, archived)
    assert (reply.status, reply.error_id) == (400, "api.draft.create_draft.can_not_draft_to_deleted.error")
    assert (await client(stranger).get(f"/users/me/teams/{world.team.id}/drafts")).status == 403
    assert (await client().post("/drafts", {"channel_id": world.town.id, "message": "x"})).status == 401


@pytest.mark.parametrize(
    ("fields", "error_id"),
    [
        ({"message": "x" * 16_384}, "model.draft.is_valid.message_length.app_error"),
        ({"props": {"x": "y" * 70_000}}, "model.draft.is_valid.props.app_error"),
        ({"file_ids": [new_id() for _ in range(11)]}, "model.draft.is_valid.file_ids.app_error"),
        ({"type": "x" * 27}, "model.draft.is_valid.type.app_error"),
        ({"root_id": new_id()}, "model.draft.is_valid.root_id.app_error"),
        ({"root_id": "x"}, "api.context.invalid_body_param.app_error"),
        ({"message": 7}, "api.context.invalid_body_param.app_error"),
        ({"props": "x"}, "api.context.invalid_body_param.app_error"),
        ({"priority": {"priority": "high"}}, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_drafts_have_limits(client: Clients, same_world: World, fields: dict[str, Any], error_id: str) -> None:
    reply = await keep(client, same_world.ada, same_world.town, **fields)

    assert (reply.status, reply.error_id) == (400, error_id)
    assert await drafts(client, same_world.ada, same_world.team) == []


async def test_a_draft_belongs_to_a_thread_of_its_channel(client: Clients, make: Make, world: World) -> None:
    other = await make.channel(world.team, [world.ada])
    root = await make.post(world.ada, other)
    reply = await make.post(world.ada, other, root_id=root["id"])

    for root_id, channel in ((root["id"], world.town), (reply["id"], other)):
        refused = await keep(client, world.ada, channel, root_id=root_id)
        assert (refused.status, refused.error_id) == (400, "model.draft.is_valid.root_id.app_error")


async def test_a_user_has_so_many_drafts_and_no_more(client: Clients, make: Make, world: World, two_nodes: Any) -> None:
    fill = """
        INSERT INTO drafts (user_id, channel_id, root_id, create_at, update_at, message)
        SELECT $1, $2, lpad(n::text, 26, 'x'), $3, $3, 'x' FROM generate_series(1, 999) AS n
    """
    connection = await two_nodes[0].services.db.connect()
    try:
        await connection.execute(fill, world.ada.id, world.town.id, now_ms())  # nothing that is swept away as old
    finally:
        await connection.close()
    (await keep(client, world.ada, world.town)).ok(201)
    other = await make.channel(world.team, [world.ada])

    refused = await keep(client, world.ada, other)

    assert (refused.status, refused.error_id) == (400, "app.draft.save.too_many.app_error")
    assert (await keep(client, world.ada, world.town, "changed")).ok(201)["message"] == "changed"
    (await client(world.ada).delete(f"/users/me/channels/{world.town.id}/drafts")).ok()
    (await keep(client, world.ada, other)).ok(201)


async def test_drafts_can_be_switched_off(client: Clients, settings: Settings, world: World) -> None:
    settings(ServiceSettings={"AllowSyncedDrafts": False})

    replies = [
        await keep(client, world.ada, world.town),
        await client(world.ada).get(f"/users/me/teams/{world.team.id}/drafts"),
        await client(world.ada).delete(f"/users/me/channels/{world.town.id}/drafts"),
        await client(world.ada).delete(f"/users/me/channels/{world.town.id}/drafts/{new_id()}"),
    ]

    assert {(reply.status, reply.error_id) for reply in replies} == {(501, "api.drafts.disabled.app_error")}


async def test_each_costs_one_statement_and_deleting_none_no_event(
    client: Clients, counted: Counted, socket: Sockets, world: World
) -> None:
    (await keep(client, world.ada, world.town)).ok(201)
    path = f"/users/me/channels/{world.town.id}/drafts"
    with counted(sql=1):
        (await keep(client, world.ada, world.town, "more")).ok(201)
    with counted(sql=1):
        (await client(world.ada).get(f"/users/me/teams/{world.team.id}/drafts")).ok()
    with counted(sql=1):
        (await client(world.ada).delete(path)).ok()
    async with socket(world.ada) as events:
        with counted(sql=1):
            assert (await client(world.ada).delete(path)).ok() == {"status": "OK"}
        assert await events.names() == []
    assert (await client(world.ada).delete(f"/users/me/channels/{new_id()}/drafts")).ok() == {"status": "OK"}


async def test_drafts_that_nobody_can_post_are_swept_in_the_end(
    client: Clients, make: Make, world: World, two_nodes: Any
) -> None:
    left = await make.channel(world.team, [world.ada])
    for channel in (left, world.town):
        (await keep(client, world.ada, channel)).ok(201)
    (await client(world.ada).delete(f"/channels/{left.id}/members/{world.ada.id}")).ok()
    connection = await two_nodes[0].services.db.connect()
    try:
        ctx = request_context(two_nodes[0].services)
        await sweep_drafts(ctx)
        count = "SELECT count(*) FROM drafts WHERE user_id = $1"
        assert await connection.fetchval(count, world.ada.id) == 2
        await connection.execute(
            "UPDATE drafts SET update_at = $2 WHERE user_id = $1", world.ada.id, now_ms() - KEPT_MS - 1
        )
        await sweep_drafts(ctx)
        assert await connection.fetchval(count, world.ada.id) == 1
    finally:
        await connection.close()
    assert [draft["channel_id"] for draft in await drafts(client, world.ada, world.team)] == [world.town.id]
