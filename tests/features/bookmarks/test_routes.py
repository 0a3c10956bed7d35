"""Bookmarks: links and files above a channel, for all of its members."""

import asyncio
from typing import Any

import pytest

from server.context import request_context
from server.features.bookmarks.jobs import KEPT_MS, sweep_bookmarks
from server.ids import new_id, now_ms
from tests.clients_of import Reply
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Counted, Settings, Sockets, World
from tests.make import Make, Person, Thing
from tests.waiting import until

LINK = {"type": "link", "display_name": "Wiki", "link_url": "https://wiki.example.org/start"}


def path(channel: Thing, bookmark: dict[str, Any] | None = None) -> str:
    """Where bookmarks are."""
    return f"/channels/{channel.id}/bookmarks" + (f"/{bookmark['id']}" if bookmark is not None else "")


async def add(client: Clients, person: Person, channel: Thing, **fields: Any) -> dict[str, Any]:
    """A new link."""
    bookmark: dict[str, Any] = (await client(person).post(path(channel), {**LINK, **fields})).ok(201)
    return bookmark


async def listed(client: Clients, person: Person, channel: Thing, since: int = 0) -> list[dict[str, Any]]:
    """All bookmarks as the other node knows them."""
    query = f"?bookmarks_since={since}" if since else ""
    found: list[dict[str, Any]] = (await client(person, node=1).get(path(channel) + query)).ok()
    return found


async def test_a_link_is_there_for_the_channel(client: Clients, socket: Sockets, world: World) -> None:
    assert await listed(client, world.bob, world.town) == []
    async with socket(world.ada) as here, socket(world.bob, node=1) as bob, socket(world.carol) as carol:
        fields = {**LINK, "image_url": "https://wiki.example.org/a.png", "emoji": ":cat:"}
        reply = await client(world.ada).post(path(world.town), fields, headers={"connection-id": here.connection_id})
        bookmark = reply.ok(201)
        event = await bob.next("channel_bookmark_created")
        for other in (here, carol):
            assert "channel_bookmark_created" not in await other.names()

    assert event.data["bookmark"] == bookmark
    assert event.broadcast["channel_id"] == world.town.id
    assert await listed(client, world.bob, world.town) == [bookmark]
    assert {key: bookmark[key] for key in (*LINK, "image_url", "emoji")} == {**fields, "emoji": "cat"}
    assert (bookmark["owner_id"], bookmark["channel_id"]) == (world.ada.id, world.town.id)
    assert (bookmark["sort_order"], bookmark["delete_at"], bookmark["file_id"]) == (0, 0, "")
    assert bookmark["create_at"] == bookmark["update_at"] > 0
    assert "file" not in bookmark


async def test_a_file_is_read_by_the_channel_as_long_as_it_is_bookmarked(
    client: Clients, make: Make, world: World
) -> None:
    (file,) = await Uploads(client)(world.ada, world.town, ("plan.txt", b"plan"))
    fields = {"type": "file", "display_name": "Plan", "file_id": file["id"]}
    assert (await client(world.bob).get(f"/files/{file['id']}")).status == 403

    bookmark = (await client(world.ada).post(path(world.town), fields)).ok(201)

    assert (bookmark["file_id"], bookmark["file"]["name"]) == (file["id"], "plan.txt")
    assert await listed(client, world.bob, world.town) == [bookmark]
    assert (await client(world.bob, node=1).get(f"/files/{file['id']}")).content == b"plan"
    assert (await client(world.bob).get(f"/files/{file['id']}/info")).status == 200
    assert (await client(world.carol).get(f"/files/{file['id']}")).status == 200  # the channel is public in her team
    assert (await client(await make.user()).get(f"/files/{file['id']}")).status == 403
    posted = await make.post(world.ada, world.town, "no", file_ids=[file["id"]])
    assert "file_ids" not in posted
    again = await client(world.ada).post(path(world.town), fields)
    assert again.error_id == "model.channel_bookmark.is_valid.file_id.missing_or_invalid.app_error"

    deleted = (await client(world.bob).delete(path(world.town, bookmark))).ok()
    assert (deleted["file"]["name"], deleted["delete_at"] > 0) == ("plan.txt", True)
    assert (await client(world.bob).get(f"/files/{file['id']}")).status == 404


async def test_only_ones_own_new_files_of_the_channel_are_bookmarked(client: Clients, make: Make, world: World) -> None:
    other = await make.channel(world.team, [world.ada])
    uploads = Uploads(client)
    (bobs,) = await uploads(world.bob, world.town, ("a.txt", b"a"))
    (elsewhere,) = await uploads(world.ada, other, ("a.txt", b"a"))
    (posted,) = await uploads(world.ada, world.town, ("a.txt", b"a"))
    await make.post(world.ada, world.town, "sent", file_ids=[posted["id"]])

    for file_id in (bobs["id"], elsewhere["id"], posted["id"], new_id(), "x", ""):
        fields = {"type": "file", "display_name": "Plan", "file_id": file_id}
        reply = await client(world.ada).post(path(world.town), fields)
        assert reply.error_id == "model.channel_bookmark.is_valid.file_id.missing_or_invalid.app_error"
    assert await listed(client, world.ada, world.town) == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": " "}, "display_name"),
        ({"display_name": "x" * 65}, "display_name"),
        ({"link_url": ""}, "link_url"),
        ({"link_url": "wiki"}, "link_url"),
        ({"link_url": "javascript:alert(1)"}, "link_url"),
        ({"link_url": "https://"}, "link_url"),
        ({"link_url": "https://[x"}, "link_url"),
        ({"link_url": "https://x:99999/"}, "link_url"),
        ({"link_url": "https://x/a b"}, "link_url"),
        ({"link_url": "https://x/" + "a" * 1024}, "link_url"),
        ({"image_url": "ftp://x/y.png"}, "image_url"),
        ({"image_url": "data:image/png;base64,x"}, "image_url"),
        ({"emoji": "not one"}, "emoji"),
        ({"file_id": "x" * 26}, "file_id"),
        ({"type": "file", "file_id": "x" * 26}, "link_url"),
    ],
)
async def test_a_bookmark_that_could_not_be_shown_is_refused(
    client: Clients, same_world: World, fields: dict[str, Any], what: str
) -> None:
    reply = await client(same_world.ada).post(path(same_world.town), {**LINK, **fields})

    assert (reply.status, reply.error_id) == (
        400,
        f"model.channel_bookmark.is_valid.{what}.missing_or_invalid.app_error",
    )


@pytest.mark.parametrize("body", [None, [], {}, {**LINK, "type": "board"}, {**LINK, "display_name": 7}])
async def test_bodies_that_are_no_bookmark_are_refused(client: Clients, same_world: World, body: Any) -> None:
    reply = await client(same_world.ada).post(path(same_world.town), body)

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_ones_own_bookmark_is_changed(client: Clients, socket: Sockets, world: World) -> None:
    bookmark = await add(client, world.ada, world.town, emoji="cat")
    async with socket(world.bob, node=1) as events:
        patch = {"display_name": "Handbook", "emoji": "", "sort_order": 7}
        response = (await client(world.ada).patch(path(world.town, bookmark), patch)).ok()
        event = await events.next("channel_bookmark_updated")

    assert event.data["bookmarks"] == response
    assert list(response) == ["updated"]
    updated = response["updated"]
    assert updated["update_at"] > bookmark["update_at"]
    expected = {**bookmark, "display_name": "Handbook", "sort_order": 7, "update_at": updated["update_at"]}
    del expected["emoji"]
    assert updated == expected
    assert await listed(client, world.bob, world.town) == [updated]


async def test_another_ones_bookmark_is_replaced_by_ones_own(client: Clients, socket: Sockets, world: World) -> None:
    (file,) = await Uploads(client)(world.ada, world.town, ("plan.txt", b"plan"))
    fields = {"type": "file", "display_name": "Plan", "file_id": file["id"]}
    bookmark = (await client(world.ada).post(path(world.town), fields)).ok(201)
    async with socket(world.ada) as events:
        response = (await client(world.bob).patch(path(world.town, bookmark), {"display_name": "New plan"})).ok()
        event = await events.next("channel_bookmark_updated")

    assert event.data["bookmarks"] == response
    updated, deleted = response["updated"], response["deleted"]
    assert (deleted["id"], deleted["delete_at"] > 0, deleted["display_name"]) == (bookmark["id"], True, "Plan")
    assert (updated["owner_id"], updated["original_id"]) == (world.bob.id, bookmark["id"])
    assert (updated["display_name"], updated["file"]["id"]) == ("New plan", file["id"])
    assert updated["sort_order"] == bookmark["sort_order"]
    assert await listed(client, world.bob, world.town) == [updated]
    assert (await client(world.bob).get(f"/files/{file['id']}")).content == b"plan"
    assert (await client(world.ada).patch(path(world.town, bookmark), {"display_name": "x"})).status == 404


async def test_a_bookmark_gets_another_file(client: Clients, world: World) -> None:
    uploads = Uploads(client)
    (one,) = await uploads(world.ada, world.town, ("one.txt", b"1"))
    (two,) = await uploads(world.ada, world.town, ("two.txt", b"2"))
    (bobs,) = await uploads(world.bob, world.town, ("bobs.txt", b"3"))
    fields = {"type": "file", "display_name": "Plan", "file_id": one["id"]}
    bookmark = (await client(world.ada).post(path(world.town), fields)).ok(201)

    refused = await client(world.ada).patch(path(world.town, bookmark), {"file_id": bobs["id"]})
    updated = (await client(world.ada).patch(path(world.town, bookmark), {"file_id": two["id"]})).ok()["updated"]

    assert refused.error_id == "model.channel_bookmark.is_valid.file_id.missing_or_invalid.app_error"
    assert (updated["file_id"], updated["file"]["name"]) == (two["id"], "two.txt")
    assert (await client(world.bob).get(f"/files/{two['id']}")).content == b"2"
    assert (await client(world.ada).get(f"/files/{one['id']}")).status == 404


@pytest.mark.parametrize(
    "patch", [{"display_name": ""}, {"link_url": "x"}, {"sort_order": -1}, {"sort_order": 2**31}, {"emoji": "a b"}, []]
)
async def test_changes_that_make_no_sense_are_refused(client: Clients, world: World, patch: Any) -> None:
    bookmark = await add(client, world.ada, world.town)

    assert (await client(world.ada).patch(path(world.town, bookmark), patch)).status == 400
    assert await listed(client, world.ada, world.town) == [bookmark]


async def test_a_deleted_bookmark_is_gone_and_told_to_those_who_ask_since(
    client: Clients, socket: Sockets, world: World
) -> None:
    first, second = await add(client, world.ada, world.town), await add(client, world.ada, world.town)
    async with socket(world.bob, node=1) as events:
        deleted = (await client(world.ada).delete(path(world.town, first))).ok()
        event = await events.next("channel_bookmark_deleted")

    assert event.data["bookmark"] == deleted
    assert deleted["delete_at"] == deleted["update_at"] > first["update_at"]
    assert await listed(client, world.bob, world.town) == [second]
    assert await listed(client, world.bob, world.town, since=deleted["update_at"]) == [deleted]
    assert await listed(client, world.bob, world.town, since=first["create_at"]) == [deleted, second]
    assert await listed(client, world.bob, world.town, since=deleted["update_at"] + 1000) == []
    assert (await client(world.ada).delete(path(world.town, first))).error_id == "app.channel.bookmark.get.app_error"
    assert (await client(world.ada).get(path(world.town) + "?bookmarks_since=-1")).status == 400


async def test_bookmarks_are_sorted(client: Clients, socket: Sockets, world: World) -> None:
    a, b, c = [await add(client, world.ada, world.town, display_name=name) for name in "abc"]
    assert [bookmark["sort_order"] for bookmark in (a, b, c)] == [0, 1, 2]

    async def sort(bookmark: dict[str, Any], place: Any) -> Reply:
        return await client(world.bob).post(path(world.town, bookmark) + "/sort_order", place)

    async with socket(world.ada, node=1) as events:
        sorted_ = (await sort(c, 0)).ok()
        event = await events.next("channel_bookmark_sorted")
    assert event.data["bookmarks"] == sorted_ == await listed(client, world.ada, world.town)
    assert [(bookmark["display_name"], bookmark["sort_order"]) for bookmark in sorted_] == [
        ("c", 0),
        ("a", 1),
        ("b", 2),
    ]
    assert [each["display_name"] for each in (await sort(c, 1)).ok()] == ["a", "c", "b"]
    assert [each["display_name"] for each in (await sort(a, 2)).ok()] == ["c", "b", "a"]
    for place in (-1, 3, 2**40, 2**70, "1", 1.5, None, [0]):
        assert (await sort(c, place)).status == 400
    assert (await sort({"id": new_id()}, 0)).status == 404


async def test_a_channel_has_so_many_bookmarks_and_no_more(client: Clients, make: Make, world: World) -> None:
    for _ in range(48):
        await add(client, world.ada, world.town)

    replies = await asyncio.gather(
        *(client(world.ada, node=node).post(path(world.town), LINK) for node in (0, 1, 0, 1))
    )

    assert sorted(reply.status for reply in replies) == [201, 201, 400, 400]
    assert {reply.error_id for reply in replies if reply.status == 400} == {"app.channel.bookmark.save.app_error"}
    found = await listed(client, world.ada, world.town)
    assert [bookmark["sort_order"] for bookmark in found] == list(range(50))
    (await client(world.ada).delete(path(world.town, found[0]))).ok()
    assert (await add(client, world.ada, world.town))["sort_order"] == 50


async def everything(client: Clients, person: Person, channel: Thing, bookmark: dict[str, Any]) -> list[Reply]:
    """All that changes bookmarks."""
    caller = client(person)
    return [
        await caller.post(path(channel), LINK),
        await caller.patch(path(channel, bookmark), {"display_name": "x"}),
        await caller.post(path(channel, bookmark) + "/sort_order", 0),
        await caller.delete(path(channel, bookmark)),
    ]


async def test_who_is_not_in_the_channel_changes_nothing(client: Clients, make: Make, world: World) -> None:
    private = await make.channel(world.team, [world.ada], type="P")
    for channel in (world.town, private):
        bookmark = await add(client, world.ada, channel)
        replies = await everything(client, world.carol, channel, bookmark)
        assert [reply.error_id for reply in replies] == ["api.context.permissions.app_error"] * 4
        assert [reply.status for reply in await everything(client, world.ada, channel, bookmark)] == [
            201,
            200,
            200,
            200,
        ]
    assert (await client(world.carol).get(path(private))).status == 403
    assert (await client(world.carol).get(path(world.town))).status == 200
    assert (await client().get(path(world.town))).status == 401
    assert (await client(world.ada).post(f"/channels/{new_id()}/bookmarks", LINK)).status == 404


async def test_guests_only_read_them(client: Clients, make: Make, settings: Settings, world: World) -> None:
    settings(GuestAccountsSettings={"Enable": True})
    bookmark = await add(client, world.ada, world.town)
    guest = await make.user()
    (await client(make.admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    await make.join_team(world.team, guest)
    await make.join_channel(world.town, guest)
    group = await make.group(world.ada, world.bob, guest)
    grouped = await add(client, world.ada, group)

    assert [each.status for each in await everything(client, guest, world.town, bookmark)] == [403] * 4
    replies = await everything(client, guest, group, grouped)
    assert [reply.status for reply in replies] == [403] * 4
    assert all("direct_or_group_channels_by_guests" in reply.error_id for reply in replies)
    assert (await client(guest).get(path(world.town))).ok() == [bookmark]
    assert (await client(guest).get(path(group))).ok() == [grouped]


async def test_direct_and_group_channels_have_them_for_their_members(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    for channel in (await make.direct(world.ada, world.bob), await make.group(world.ada, world.bob, world.carol)):
        async with socket(world.bob, node=1) as events:
            bookmark = await add(client, world.ada, channel)
            assert (await events.next("channel_bookmark_created")).data["bookmark"] == bookmark
        for stranger in (await make.user(), make.admin):
            replies = await everything(client, stranger, channel, bookmark)
            assert [reply.status for reply in replies] == [403] * 4
            assert all("direct_or_group_channels.forbidden" in reply.error_id for reply in replies)
        assert [each.status for each in await everything(client, world.bob, channel, bookmark)] == [201, 200, 404, 404]


async def test_an_archived_channel_keeps_its_bookmarks(client: Clients, make: Make, world: World) -> None:
    bookmark = await add(client, world.ada, world.town)
    (await client(make.admin).delete(f"/channels/{world.town.id}")).ok()

    replies = await everything(client, world.ada, world.town, bookmark)

    assert [reply.status for reply in replies] == [403] * 4
    assert replies[0].error_id == "api.channel.bookmark.create_channel_bookmark.deleted_channel.forbidden.app_error"
    assert await listed(client, world.ada, world.town) == [bookmark]


async def test_a_bookmark_is_reached_through_its_own_channel_only(client: Clients, make: Make, world: World) -> None:
    other = await make.channel(world.team, [world.bob])
    bookmark = await add(client, world.ada, world.town)

    replies = await everything(client, world.bob, other, bookmark)

    assert [reply.status for reply in replies] == [201, 404, 404, 404]
    assert await listed(client, world.ada, world.town) == [bookmark]


async def test_reading_them_again_costs_no_statement(client: Clients, counted: Counted, world: World) -> None:
    (await client(world.ada).get(path(world.town))).ok()
    with counted(sql=0):
        assert (await client(world.ada).get(path(world.town))).ok() == []
    bookmark = (await client(world.ada, node=1).post(path(world.town), LINK)).ok(201)

    async def is_known() -> bool:
        return bool((await client(world.ada).get(path(world.town))).ok() == [bookmark])

    await until(is_known)
    with counted(sql=0):
        assert (await client(world.ada).get(path(world.town))).ok() == [bookmark]


async def test_deleted_ones_are_swept_in_the_end(client: Clients, world: World, two_nodes: Any) -> None:
    bookmark = await add(client, world.ada, world.town)
    (await client(world.ada).delete(path(world.town, bookmark))).ok()
    connection = await two_nodes[0].services.db.connect()
    try:
        ctx = request_context(two_nodes[0].services)
        await sweep_bookmarks(ctx)
        assert len(await listed(client, world.ada, world.town, since=1)) == 1
        old = now_ms() - KEPT_MS - 1
        await connection.execute("UPDATE channel_bookmarks SET delete_at = $2 WHERE id = $1", bookmark["id"], old)
        await sweep_bookmarks(ctx)
    finally:
        await connection.close()
    assert await listed(client, world.ada, world.town, since=1) == []
