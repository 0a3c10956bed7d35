"""What posts do to the counters of channels and members, and what setting unread gives back."""

import asyncio
from typing import Any

from server.db import SQL
from tests.features.posts.world import Clients, Members, Settings, Sockets, World
from tests.make import Make, Thing
from tests.nodes import TestNode
from tests.waiting import until

CALL = SQL("""
    UPDATE channel_members
       SET mention_count = mention_count + 1, mention_count_root = mention_count_root + 1,
           urgent_mention_count = urgent_mention_count + 1
     WHERE channel_id = $1 AND user_id = $2
""")
"""What an urgent post that mentions a member does to its counters."""

WAITS = SQL("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%AS called%'")


async def channel_of(client: Clients, world: World, channel: Thing | None = None) -> dict[str, Any]:
    """A channel as it is now."""
    found: dict[str, Any] = (await client(world.ada).get(f"/channels/{(channel or world.town).id}")).ok()
    return found


async def test_posts_count_but_for_those_of_coming_and_going(
    client: Clients, make: Make, world: World, member: Members
) -> None:
    start = await channel_of(client, world)
    assert (start["total_msg_count"], start["total_msg_count_root"]) == (0, 0)
    root = await make.post(world.ada, world.town, "root")
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])

    channel = await channel_of(client, world)
    assert (channel["total_msg_count"], channel["total_msg_count_root"]) == (2, 1)
    assert (channel["last_post_at"], channel["last_root_post_at"]) == (reply["create_at"], root["create_at"])

    await make.join_channel(world.town, world.carol)
    after = await channel_of(client, world)
    assert (after["total_msg_count"], after["total_msg_count_root"]) == (2, 1)
    assert after["last_post_at"] > channel["last_post_at"]
    (await client(world.ada).put(f"/channels/{world.town.id}/patch", {"header": "new"})).ok()
    assert (await channel_of(client, world))["total_msg_count"] == 3


async def test_authors_have_read_what_they_wrote(make: Make, world: World, member: Members) -> None:
    await make.post(world.bob, world.town, "one")
    await make.post(world.bob, world.town, f"two @{world.ada.username}")
    assert (await member(world.ada, world.town))["mention_count"] == 2  # one is of being added

    post = await make.post(world.ada, world.town, "three")

    ada = await member(world.ada, world.town)
    assert (ada["msg_count"], ada["msg_count_root"], ada["mention_count"], ada["mention_count_root"]) == (3, 3, 0, 0)
    assert ada["last_viewed_at"] == post["create_at"]
    bob = await member(world.bob, world.town)
    assert (bob["msg_count"], bob["msg_count_root"]) == (2, 2)


async def test_a_reply_shows_nothing_of_the_channel_where_threads_are_collapsed(
    client: Clients, make: Make, settings: Settings, world: World, member: Members
) -> None:
    root = await make.post(world.ada, world.town, "root")
    before = await member(world.bob, world.town)

    await make.post(world.bob, world.town, "reply", root_id=root["id"])
    after = await member(world.bob, world.town)
    assert (after["msg_count"], after["last_viewed_at"]) == (before["msg_count"], before["last_viewed_at"])

    settings(ServiceSettings={"CollapsedThreads": "disabled"})
    await make.post(world.bob, world.town, "reply", root_id=root["id"])
    assert (await member(world.bob, world.town))["msg_count"] == 3


async def test_mentions_in_replies_are_counted_apart_from_those_in_roots(
    make: Make, world: World, member: Members
) -> None:
    before = await member(world.bob, world.town)
    root = await make.post(world.ada, world.town, "root")

    await make.post(world.ada, world.town, f"@{world.bob.username}", root_id=root["id"])

    after = await member(world.bob, world.town)
    assert after["mention_count"] == before["mention_count"] + 1
    assert after["mention_count_root"] == before["mention_count_root"]


async def test_what_is_unread_is_the_difference_of_the_counters(client: Clients, make: Make, world: World) -> None:
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    for number in range(3):
        await make.post(world.ada, world.town, f"number {number} @{world.bob.username}")

    unread = (await client(world.bob).get(f"/users/me/channels/{world.town.id}/unread")).ok()

    assert (unread["msg_count"], unread["msg_count_root"]) == (3, 3)
    assert (unread["mention_count"], unread["mention_count_root"]) == (3, 3)


async def test_setting_unread_counts_again_from_a_post_on(
    client: Clients, make: Make, socket: Sockets, world: World, member: Members
) -> None:
    await make.post(world.ada, world.town, f"read @{world.bob.username}")
    second = await make.post(world.ada, world.town, f"one @{world.bob.username}")
    await make.post(world.ada, world.town, "@channel two", metadata={"priority": {"priority": "urgent"}})
    await make.post(world.ada, world.town, f"three @{world.bob.username}", root_id=second["id"])
    await make.post(world.bob, world.town, "four: mine")
    await make.join_channel(world.town, world.carol)
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    async with socket(world.bob, node=1) as bob, socket(world.ada) as ada:
        unread = (await client(world.bob).post(f"/users/me/posts/{second['id']}/set_unread")).ok()

        event = await bob.next("post_unread")
        assert "post_unread" not in await ada.names()
    assert unread == {
        "team_id": world.team.id,
        "user_id": world.bob.id,
        "channel_id": world.town.id,
        "msg_count": 1,
        "msg_count_root": 1,
        "mention_count": 3,
        "mention_count_root": 2,
        "urgent_mention_count": 1,
        "last_viewed_at": second["create_at"] - 1,
    }
    assert event.data == {key: unread[key] for key in unread if key not in ("team_id", "user_id", "channel_id")} | {
        "post_id": second["id"]
    }
    assert (event.broadcast["team_id"], event.broadcast["channel_id"]) == (world.team.id, world.town.id)
    shown = (await client(world.bob).get(f"/users/me/channels/{world.town.id}/unread")).ok()
    assert (shown["msg_count"], shown["msg_count_root"], shown["mention_count"]) == (4, 3, 3)
    around = (await client(world.bob).get(f"/users/me/channels/{world.town.id}/posts/unread?limit_before=1")).ok()
    assert around["order"][-2] == second["id"]


async def test_a_mention_that_comes_while_a_channel_is_set_unread_stays_counted(
    client: Clients, make: Make, world: World, member: Members, node: TestNode
) -> None:
    post = await make.post(world.ada, world.town, f"one @{world.bob.username}")
    await make.post(world.ada, world.town, f"two @{world.bob.username}")
    db = node.services.db

    async with db.begin() as third:
        await third.run(CALL, world.town.id, world.bob.id)
        path = f"/users/me/posts/{post['id']}/set_unread"
        setting = asyncio.create_task(client(world.bob, node=1).post(path))
        await until(lambda: db.value(WAITS))
    unread = (await setting).ok()

    counters = ("mention_count", "mention_count_root", "urgent_mention_count")
    assert [unread[name] for name in counters] == [3, 3, 1]
    bob = await member(world.bob, world.town)
    assert [bob[name] for name in counters] == [3, 3, 1]


async def test_setting_a_reply_unread_is_about_its_thread_where_threads_are_collapsed(
    client: Clients, make: Make, world: World, member: Members
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, "mine", root_id=root["id"])
    reply = await make.post(world.ada, world.town, f"@{world.bob.username}", root_id=root["id"])
    threads = f"/users/me/teams/{world.team.id}/threads/{root['id']}"
    (await client(world.bob).put(f"{threads}/read/{reply['create_at']}")).ok()
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    before = await member(world.bob, world.town)
    body = {"collapsed_threads_supported": True}

    (await client(world.bob).post(f"/users/me/posts/{reply['id']}/set_unread", body)).ok()

    after = await member(world.bob, world.town)
    assert (after["msg_count_root"], after["mention_count_root"]) == (before["msg_count_root"], 0)
    thread = (await client(world.bob).get(threads)).ok()
    assert (thread["unread_replies"], thread["unread_mentions"]) == (1, 1)


async def test_setting_unread_is_for_oneself_and_for_what_one_may_read(
    client: Clients, make: Make, world: World
) -> None:
    post = await make.post(world.ada, world.town, "x")

    assert (await client(world.ada).post(f"/users/{world.bob.id}/posts/{post['id']}/set_unread")).status == 403
    assert (await client(world.bob).post(f"/users/me/posts/{'z' * 26}/set_unread")).status == 404
    assert (await client(world.carol).post(f"/users/me/posts/{post['id']}/set_unread")).status == 404


async def test_setting_unread_counts_everyone_only_for_those_who_listen(
    client: Clients, make: Make, world: World, member: Members
) -> None:
    first = await make.post(world.ada, world.town, "@channel lunch")
    root = await make.post(world.ada, world.town, f"@here and @{world.bob.username}")
    notify = f"/channels/{world.town.id}/members/{world.bob.id}/notify_props"

    async def mentions() -> int:
        unread = (await client(world.bob).post(f"/users/me/posts/{first['id']}/set_unread", {})).ok()
        assert unread["mention_count"] == (await member(world.bob, world.town))["mention_count"]
        return int(unread["mention_count"])

    assert await mentions() == 2
    (await client(world.bob).put(notify, {"ignore_channel_mentions": "on"})).ok()
    assert await mentions() == 1
    (await client(world.bob).put(notify, {"ignore_channel_mentions": "default", "mark_unread": "mention"})).ok()
    assert await mentions() == 1
    (await client(world.bob).put(notify, {"mark_unread": "all"})).ok()
    (await client(world.bob).put("/users/me/patch", {"notify_props": {"channel": "false"}})).ok()
    assert await mentions() == 1
    (await client(world.ada).delete(f"/posts/{root['id']}")).ok()
    assert await mentions() == 0


async def test_setting_unread_counts_replies_that_call_by_being_one(
    client: Clients, make: Make, world: World, settings: Settings, member: Members
) -> None:
    settings(ServiceSettings={"CollapsedThreads": "disabled"})
    (await client(world.bob).put("/users/me/patch", {"notify_props": {"comments": "any"}})).ok()
    root = await make.post(world.bob, world.town, "root")
    before = (await member(world.bob, world.town))["mention_count"]
    reply = await make.post(world.ada, world.town, "reply", root_id=root["id"])
    assert (await member(world.bob, world.town))["mention_count"] == before + 1
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()

    unread = (await client(world.bob).post(f"/users/me/posts/{reply['id']}/set_unread", {})).ok()

    assert (unread["mention_count"], unread["mention_count_root"]) == (1, 0)
