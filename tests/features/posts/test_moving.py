"""Moving threads: everything goes along, everyone sees it, and only those may who have the rights in both channels."""

from typing import Any

import pytest

from server.ids import new_id
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Members, Settings, Sockets, World
from tests.make import Make, Person, Thing


async def page(client: Clients, person: Person, channel: Thing) -> list[dict[str, Any]]:
    """The posts of a channel, the oldest first, without those of the server."""
    listed = (await client(person).get(f"/channels/{channel.id}/posts")).ok()
    posts = [listed["posts"][post_id] for post_id in reversed(listed["order"])]
    return [post for post in posts if not post["type"].startswith("system_")]


async def move(client: Clients, person: Person, post: dict[str, Any], channel: Thing) -> Any:
    return await client(person).post(f"/posts/{post['id']}/move", {"channel_id": channel.id})


async def test_a_thread_moves_with_all_that_belongs_to_it(
    client: Clients, make: Make, socket: Sockets, world: World, member: Members
) -> None:
    target = await make.channel(world.team, [world.ada, world.bob, world.carol])
    (file,) = await Uploads(client)(world.ada, world.town, ("a.txt", b"text"))
    priority = {"priority": "important", "requested_ack": True, "persistent_notifications": False}
    root = await make.post(
        world.ada,
        world.town,
        f"root #tag @{world.carol.username}",
        file_ids=[file["id"]],
        props={"a": 1},
        metadata={"priority": priority},
    )
    replies = [
        await make.post(person, world.town, f"reply {number}", root_id=root["id"])
        for number, person in enumerate((world.bob, world.ada, world.bob))
    ]
    await client(world.bob).post("/reactions", {"user_id": world.bob.id, "post_id": root["id"], "emoji_name": "cat"})
    (await client(world.bob).post(f"/users/me/posts/{root['id']}/ack")).ok()
    flag = {"user_id": world.bob.id, "category": "flagged_post", "name": root["id"], "value": "true"}
    (await client(world.bob).put("/users/me/preferences", [flag])).ok()
    other = await make.post(world.bob, world.town, "stays")
    before = (await member(world.carol, target), (await client(world.carol).get(f"/channels/{target.id}")).ok())
    async with socket(world.bob, node=1) as bob, socket(world.carol) as carol:
        (await move(client, world.ada, replies[1], target)).ok()

        assert (await bob.next("post_deleted")).data["post"]["id"] == root["id"]
        events = [event for event in await carol.until_now() if event.name == "posted"]
    posts = await page(client, world.carol, target)
    assert [post["message"] for post in posts] == [root["message"], "reply 0", "reply 1", "reply 2"]
    assert [post["user_id"] for post in posts] == [world.ada.id, world.bob.id, world.ada.id, world.bob.id]
    first, *rest = posts
    assert {post["id"] for post in posts}.isdisjoint({root["id"], *(reply["id"] for reply in replies)})
    assert {post["root_id"] for post in rest} == {first["id"]}
    # The message that it was moved is a reply as well.
    assert (first["reply_count"], first["props"], first["hashtags"]) == (4, {"a": 1}, "#tag")
    assert first["metadata"]["priority"] == priority
    assert [each["id"] for each in first["metadata"]["files"]] == [file["id"]]
    assert first["metadata"]["files"][0]["channel_id"] == target.id
    assert (await client(world.carol).get(f"/files/{file['id']}")).content == b"text"
    assert [each["emoji_name"] for each in first["metadata"]["reactions"]] == ["cat"]
    assert first["metadata"]["reactions"][0]["channel_id"] == target.id
    assert [each["user_id"] for each in first["metadata"]["acknowledgements"]] == [world.bob.id]
    flagged = (await client(world.bob).get("/users/me/posts/flagged")).ok()
    assert flagged["order"] == [first["id"]]
    assert [event.data["post"]["message"] for event in events[:4]] == [post["message"] for post in posts]
    assert {**first, "reply_count": 3, "update_at": 0} == {**events[0].data["post"], "update_at": 0}
    assert events[0].data["mentions"] == [world.carol.id]
    assert [post["id"] for post in await page(client, world.ada, world.town)] == [other["id"]]
    assert (await client(world.ada).get(f"/posts/{root['id']}")).status == 404
    after = (await member(world.carol, target), (await client(world.carol).get(f"/channels/{target.id}")).ok())
    assert after[1]["total_msg_count"] - before[1]["total_msg_count"] == 5
    assert after[1]["total_msg_count_root"] - before[1]["total_msg_count_root"] == 1
    assert after[1]["last_post_at"] > before[1]["last_post_at"]
    assert after[0]["mention_count"] - before[0]["mention_count"] == 1
    assert after[0]["msg_count"] == before[0]["msg_count"]
    threads = (await client(world.bob).get(f"/users/me/teams/{world.team.id}/threads")).ok()["threads"]
    assert [(thread["id"], thread["reply_count"]) for thread in threads] == [(first["id"], 4)]


async def test_both_channels_are_told(client: Clients, make: Make, settings: Settings, world: World) -> None:
    settings(ServiceSettings={"SiteURL": "https://chat.example.org"})
    target = await make.channel(world.team, [world.ada])
    root = await make.post(world.ada, world.town, "alone")

    (await move(client, world.ada, root, target)).ok()

    (moved,) = await page(client, world.ada, target)
    told = {}
    for channel in (world.town, target):
        listed = (await client(world.ada).get(f"/channels/{channel.id}/posts")).ok()["posts"].values()
        (told[channel.id],) = [post for post in listed if post["type"] == "system_wrangler"]
    source = told[world.town.id]
    assert source["props"]["MovedThreadPermalink"].endswith(f"/pl/{moved['id']}")
    assert (source["props"]["NumMessages"], source["user_id"]) == (1, world.ada.id)
    assert source["props"]["MovedThreadPermalink"] in source["message"]
    assert told[target.id]["root_id"] == moved["id"]


async def test_who_was_away_finds_the_thread_gone_by_since(client: Clients, make: Make, world: World) -> None:
    target = await make.channel(world.team, [world.ada])
    root = await make.post(world.ada, world.town, "root")
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])
    since = (await client(world.bob).get(f"/posts/{reply['id']}")).ok()["update_at"]

    (await move(client, world.ada, root, target)).ok()

    changed = (await client(world.bob).get(f"/channels/{world.town.id}/posts?since={since}")).ok()["posts"]
    assert {post_id for post_id, post in changed.items() if post["delete_at"]} == {root["id"], reply["id"]}


async def test_rights_are_needed_in_both_channels(client: Clients, make: Make, world: World) -> None:
    target = await make.channel(world.team, [world.ada])
    secret = await make.channel(world.team, [world.carol], owner=world.carol, type="P")
    root = await make.post(world.ada, world.town, "root")

    for person, channel, status in (
        (world.carol, target, 403),  # not in the source
        (world.bob, target, 403),  # not in the target
        (world.ada, secret, 403),
    ):
        reply = await move(client, person, root, channel)
        assert (reply.status, reply.error_id) == (status, "api.context.permissions.app_error")
    await make.join_channel(target, world.bob)
    assert (await move(client, world.bob, root, target)).status == 403  # another one's thread
    nowhere = await client(world.ada).post(f"/posts/{root['id']}/move", {"channel_id": new_id()})
    assert nowhere.status == 403
    lost = await client(world.ada).post(f"/posts/{new_id()}/move", {"channel_id": target.id})
    assert lost.status == 404
    assert [post["id"] for post in await page(client, world.ada, world.town)] == [root["id"]]
    (await move(client, make.admin, root, target)).ok()
    assert [post["message"] for post in await page(client, world.ada, target)] == ["root"]


async def test_what_the_settings_say(client: Clients, make: Make, settings: Settings, world: World) -> None:
    target = await make.channel(world.team, [world.ada, world.bob])
    attic = await make.channel(world.team, [world.ada], archived=True)
    private = await make.channel(world.team, [world.ada, world.bob], type="P")
    elsewhere = await make.channel(await make.team(members=[world.ada]), [world.ada])
    direct, group = await make.direct(world.ada, world.bob), await make.group(world.ada, world.bob, world.carol)
    posts = {channel.id: await make.post(world.ada, channel) for channel in (world.town, private, direct, group)}

    async def tried(source: Thing, channel: Thing) -> int:
        reply = await move(client, world.ada, posts[source.id], channel)
        if reply.status == 400:
            assert reply.error_id == "app.post.move_thread_command.error"
        status: int = reply.status
        return status

    refused = [
        (world.town, world.town),
        (world.town, attic),
        (world.town, elsewhere),
        (private, target),
        (direct, target),
        (group, target),
        (direct, group),
    ]
    for source, channel in refused:
        assert await tried(source, channel) == 400, (source, channel)
    await make.post(world.bob, world.town, "reply", root_id=posts[world.town.id]["id"])
    settings(WranglerSettings={"MoveThreadMaxCount": 1})
    assert await tried(world.town, target) == 400
    settings(WranglerSettings={"MoveThreadMaxCount": 0, "PermittedWranglerRoles": ["team_admin"]})
    assert await tried(world.town, target) == 403
    settings(WranglerSettings={"PermittedWranglerRoles": [], "AllowedEmailDomain": ["example.com"]})
    assert await tried(world.town, target) == 403
    settings(
        WranglerSettings={
            "PermittedWranglerRoles": ["channel_user"],
            "AllowedEmailDomain": ["example.org"],
            "MoveThreadToAnotherTeamEnable": True,
            "MoveThreadFromPrivateChannelEnable": True,
            "MoveThreadFromDirectMessageChannelEnable": True,
            "MoveThreadFromGroupMessageChannelEnable": True,
        }
    )
    assert await tried(direct, group) == 400
    assert await tried(world.town, elsewhere) == 200
    for source in (private, direct, group):
        assert await tried(source, target) == 200
    to_direct = await make.post(world.ada, target, "to you")
    (await move(client, world.ada, to_direct, direct)).ok()
    assert [post["message"] for post in await page(client, world.bob, direct)] == ["to you"]
    settings(FeatureFlags={"MoveThreadsEnabled": False})
    assert await tried(world.town, target) == 501


async def test_the_servers_own_posts_stay(client: Clients, make: Make, world: World) -> None:
    target = await make.channel(world.team)
    listed = (await client(make.admin).get(f"/channels/{world.town.id}/posts")).ok()["posts"].values()
    system = next(post for post in listed if post["type"].startswith("system_"))

    assert (await move(client, make.admin, system, target)).status == 400


@pytest.mark.parametrize("body", [{}, {"channel_id": "x"}, {"channel_id": 1}])
async def test_bodies_are_checked(client: Clients, make: Make, world: World, body: object) -> None:
    post = await make.post(world.ada, world.town)

    assert (await client(world.ada).post(f"/posts/{post['id']}/move", body)).status == 400
