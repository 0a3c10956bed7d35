"""Threads: who follows them, what of them is unread, and what followers hear."""

import asyncio
from typing import Any

import pytest

from server.db import SQL
from tests.features.posts.world import Clients, Counted, Settings, Sockets, World
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.waiting import next_moment, until

CALL = SQL("UPDATE thread_memberships SET unread_mentions = unread_mentions + 1 WHERE post_id = $1 AND user_id = $2")
"""What a reply that mentions a follower does to the counter."""

HOLD = SQL("SELECT FROM thread_memberships WHERE post_id = $1 AND user_id = $2 FOR UPDATE")

WAIT = SQL("""
    SELECT count(*)
      FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND (query LIKE '%thread_memberships%' OR query LIKE '%incoming AS%')
""")
"""Replies are known by how their statement begins; more of it is not to be seen."""

WAITS = SQL("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%AS unread_replies%'")

LAST_VIEWED = SQL("SELECT last_viewed FROM thread_memberships WHERE post_id = $1 AND user_id = $2")


def threads(world: World, *parts: str) -> str:
    """The path of one's threads in the team."""
    return "/".join((f"/users/me/teams/{world.team.id}/threads", *parts))


async def listed(client: Clients, person: Person, world: World, query: str = "") -> dict[str, Any]:
    """A user's threads."""
    found: dict[str, Any] = (await client(person).get(f"{threads(world)}?{query}")).ok()
    return found


async def test_a_reply_makes_a_thread_that_both_authors_follow(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    assert (await listed(client, world.ada, world))["threads"] == []
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])

    found = await listed(client, world.ada, world)

    (thread,) = found["threads"]
    assert (found["total"], found["total_unread_threads"], found["total_unread_mentions"]) == (1, 1, 0)
    assert (thread["id"], thread["reply_count"], thread["last_reply_at"]) == (root["id"], 1, reply["create_at"])
    assert (thread["unread_replies"], thread["unread_mentions"], thread["delete_at"]) == (1, 0, 0)
    assert thread["participants"] == [{"id": world.ada.id}, {"id": world.bob.id}]
    assert (thread["post"]["message"], thread["post"]["is_following"], thread["is_urgent"]) == ("root", True, False)
    assert thread["is_following"] is True
    mine = (await listed(client, world.bob, world))["threads"][0]
    assert (mine["unread_replies"], mine["last_viewed_at"]) == (0, reply["create_at"])
    assert (await listed(client, world.carol, world))["total"] == 0


async def test_followers_hear_of_replies_each_with_its_own_counts(make: Make, socket: Sockets, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.join_channel(world.town, world.carol)
    async with socket(world.ada, node=1) as ada, socket(world.carol) as carol, socket(world.bob) as bob:
        await make.post(world.bob, world.town, "one", root_id=root["id"])
        await make.post(world.bob, world.town, f"two @{world.ada.username}", root_id=root["id"])

        first, second = [event for event in await ada.until_now() if event.name == "thread_updated"]
        own = [event for event in await bob.until_now() if event.name == "thread_updated"][1]
        assert "thread_updated" not in await carol.names()
    assert (first.data["thread"]["unread_replies"], first.data["previous_unread_replies"]) == (1, 0)
    assert (second.data["thread"]["unread_replies"], second.data["previous_unread_replies"]) == (2, 1)
    assert (second.data["thread"]["unread_mentions"], second.data["previous_unread_mentions"]) == (1, 0)
    assert second.data["thread"]["reply_count"] == 2
    assert [user["username"] for user in second.data["thread"]["participants"]] == [
        world.ada.username,
        world.bob.username,
    ]
    assert "notify_props" not in second.data["thread"]["participants"][0]
    assert (second.broadcast["user_id"], second.broadcast["team_id"]) == (world.ada.id, world.team.id)
    assert (own.data["thread"]["unread_replies"], own.data["previous_unread_replies"]) == (0, 0)


async def test_posted_tells_followers_that_they_follow(make: Make, socket: Sockets, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.join_channel(world.town, world.carol)
    async with socket(world.ada) as ada, socket(world.carol) as carol:
        await make.post(world.bob, world.town, "reply", root_id=root["id"])

        assert (await ada.next("posted")).data["followers"] == [world.ada.id]
        assert "followers" not in (await carol.next("posted")).data


async def test_mentions_make_followers_in_replies_and_in_the_root(client: Clients, make: Make, world: World) -> None:
    dora = await make.user()
    await make.join_team(world.team, dora)
    for person in (world.carol, dora):
        await make.join_channel(world.town, person)
    root = await make.post(world.ada, world.town, f"root @{world.carol.username}")
    await make.post(world.bob, world.town, f"one @{dora.username}", root_id=root["id"])

    mentioned = (await listed(client, dora, world))["threads"][0]
    assert (mentioned["unread_replies"], mentioned["unread_mentions"]) == (1, 1)
    in_root = (await listed(client, world.carol, world))["threads"][0]
    assert (in_root["unread_replies"], in_root["unread_mentions"]) == (1, 0)


async def test_leaving_a_thread_holds_until_a_mention_or_an_own_reply(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, "one", root_id=root["id"])
    path = threads(world, root["id"], "following")
    async with socket(world.ada, node=1) as events, socket(world.bob) as bob:
        assert (await client(world.ada).delete(path)).ok() == {"status": "OK"}
        event = await events.next("thread_follow_changed")
        assert event.data == {"thread_id": root["id"], "state": False, "reply_count": 1}
        assert (event.broadcast["user_id"], event.broadcast["team_id"]) == (world.ada.id, world.team.id)
        await make.post(world.bob, world.town, "two", root_id=root["id"])
        assert "thread_updated" not in await events.names()
        assert "thread_follow_changed" not in await bob.names()
    assert (await listed(client, world.ada, world))["total"] == 0
    assert (await client(world.ada).get(threads(world, root["id"]))).status == 404

    await make.post(world.bob, world.town, f"three @{world.ada.username}", root_id=root["id"])
    assert (await listed(client, world.ada, world))["threads"][0]["unread_mentions"] == 1
    (await client(world.ada).delete(path)).ok()
    await make.post(world.ada, world.town, "four", root_id=root["id"])
    assert (await listed(client, world.ada, world))["total"] == 1


async def test_anyone_who_may_read_a_thread_can_follow_it(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    root = await make.post(world.ada, world.town, "root")
    early = await make.post(world.ada, world.town, "no reply yet")
    await make.post(world.bob, world.town, "one", root_id=root["id"])
    await make.join_channel(world.town, world.carol)
    async with socket(world.carol) as events:
        for post in (root, early):
            (await client(world.carol).put(threads(world, post["id"], "following"))).ok()
            assert (await events.next("thread_follow_changed")).data["state"] is True
    thread = (await client(world.carol).get(threads(world, root["id"]))).ok()
    assert (thread["unread_replies"], thread["unread_mentions"]) == (0, 0)
    assert (await client(world.carol).get(threads(world, early["id"]))).ok()["reply_count"] == 0
    assert (await listed(client, world.carol, world))["total"] == 1

    await make.post(world.bob, world.town, "first", root_id=early["id"])
    assert (await listed(client, world.carol, world))["total"] == 2


async def test_reading_a_thread(client: Clients, make: Make, socket: Sockets, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    first = await make.post(world.bob, world.town, f"one @{world.ada.username}", root_id=root["id"])
    await make.post(world.bob, world.town, f"two @{world.ada.username}", root_id=root["id"])
    async with socket(world.ada, node=1) as events, socket(world.bob) as bob:
        path = threads(world, root["id"], "read", str(first["create_at"]))
        thread = (await client(world.ada).put(path)).ok()

        event = await events.next("thread_read_changed")
        assert "thread_read_changed" not in await bob.names()
    assert (thread["unread_replies"], thread["unread_mentions"]) == (1, 1)
    assert thread["last_viewed_at"] == first["create_at"]
    assert event.data == {
        "thread_id": root["id"],
        "channel_id": world.town.id,
        "timestamp": first["create_at"],
        "unread_mentions": 1,
        "unread_replies": 1,
        "previous_unread_mentions": 2,
        "previous_unread_replies": 2,
    }
    assert (await client(world.carol).put(path)).status == 404
    assert (await client(world.ada).put(threads(world, root["id"], "read", "-1"))).status == 400
    assert (await client(world.ada).put(threads(world, root["id"], "read", "x"))).status == 400


async def test_a_mention_that_comes_between_reading_and_marking_stays_counted(
    client: Clients, make: Make, world: World, node: TestNode
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, f"one @{world.ada.username}", root_id=root["id"])
    last = await make.post(world.bob, world.town, f"two @{world.ada.username}", root_id=root["id"])
    db = node.services.db

    async with db.begin() as reply:
        await reply.run(CALL, root["id"], world.ada.id)
        path = threads(world, root["id"], "read", str(last["create_at"]))
        reading = asyncio.create_task(client(world.ada, node=1).put(path))
        await until(lambda: db.value(WAITS))
    thread = (await reading).ok()

    assert (thread["unread_replies"], thread["unread_mentions"]) == (0, 1)
    assert (await client(world.ada).get(threads(world, root["id"]))).ok()["unread_mentions"] == 1
    assert (await client(world.ada).put(path)).ok()["unread_mentions"] == 0


async def waits_for_lock(node: TestNode, statements: int = 1) -> None:
    """Wait until so many statements about memberships wait for a lock."""

    async def wait() -> bool:
        return bool(await node.services.db.value(WAIT) >= statements)

    await until(wait)


async def test_a_reply_that_comes_while_all_threads_are_read_stays_unread(
    client: Clients, make: Make, world: World, node: TestNode
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, f"one @{world.ada.username}", root_id=root["id"])

    async with node.services.db.begin() as other:
        await other.run(HOLD, root["id"], world.ada.id)
        replying = asyncio.create_task(make.post(world.bob, world.town, f"@{world.ada.username}", root_id=root["id"]))
        await waits_for_lock(node, 1)
        reading = asyncio.create_task(client(world.ada, node=1).put(threads(world, "read")))
        await waits_for_lock(node, 2)
    await replying
    (await reading).ok()

    thread = (await client(world.ada).get(threads(world, root["id"]))).ok()
    assert (thread["unread_replies"], thread["unread_mentions"]) == (1, 1)
    (await client(world.ada).put(threads(world, "read"))).ok()
    thread = (await client(world.ada, node=1).get(threads(world, root["id"]))).ok()
    assert (thread["unread_replies"], thread["unread_mentions"]) == (0, 0)


@pytest.mark.parametrize("which", ["one", "all"])
async def test_a_thread_that_is_read_and_set_unread_at_once_is_what_came_last(
    which: str, client: Clients, make: Make, world: World, node: TestNode
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, f"one @{world.ada.username}", root_id=root["id"])
    upto = (str(root["create_at"] + 60_000),)
    read = "PUT", threads(world, *((root["id"], "read", *upto) if which == "one" else ("read",)))
    unread = "POST", threads(world, root["id"], "set_unread", root["id"])

    async def at_once(*requests: tuple[str, str]) -> tuple[int, int]:
        async with node.services.db.begin() as other:
            await other.run(HOLD, root["id"], world.ada.id)
            under_way = []
            for number, request in enumerate(requests):
                under_way.append(asyncio.create_task(client(world.ada, node=number % 2).request(*request)))
                await waits_for_lock(node, number + 1)
        for task in under_way:
            (await task).ok()
        thread = (await client(world.ada).get(threads(world, root["id"]))).ok()
        return thread["unread_replies"], thread["unread_mentions"]

    assert await at_once(read, unread) == (1, 1)
    (await client(world.ada).request(*read)).ok()
    await make.post(world.bob, world.town, "two", root_id=root["id"])
    assert await at_once(unread, read) == (0, 0)


async def test_threads_of_channels_that_one_may_not_read_are_not_marked(
    client: Clients, make: Make, world: World, node: TestNode
) -> None:
    attic = await make.channel(world.team, [world.bob], owner=world.ada, type="P")
    root = await make.post(world.bob, attic, "root")
    await make.post(world.ada, attic, "reply", root_id=root["id"])
    path = threads(world, root["id"], "read", "1")
    stranger = await client(world.carol).put(path)
    (await client(world.ada).delete(f"/channels/{attic.id}/members/{world.bob.id}")).ok()

    left = await client(world.bob).put(path)
    nothing = await client(world.bob).put(threads(world, "z" * 26, "read", "1"))

    assert (stranger.status, left.status, nothing.status) == (404, 403, 404)
    assert await node.services.db.value(LAST_VIEWED, root["id"], world.bob.id) != 1


async def test_reading_everything(client: Clients, make: Make, socket: Sockets, world: World) -> None:
    direct = await make.direct(world.ada, world.bob)
    for channel in (world.town, direct):
        root = await make.post(world.ada, channel, "root")
        await make.post(world.bob, channel, f"hi @{world.ada.username}", root_id=root["id"])
    before = await listed(client, world.ada, world)
    assert (before["total_unread_threads"], before["total_unread_mentions"]) == (2, 2)
    counts = (await client(world.ada).get(threads(world, "mention_counts"))).ok()
    assert counts == {world.town.id: 1, direct.id: 1}
    async with socket(world.ada, node=1) as events:
        assert (await client(world.ada).put(threads(world, "read"))).ok() == {"status": "OK"}
        assert set((await events.next("thread_read_changed")).data) == {"timestamp"}

    after = await listed(client, world.ada, world)
    assert (after["total"], after["total_unread_threads"], after["total_unread_mentions"]) == (2, 0, 0)
    assert (await client(world.ada).get(threads(world, "mention_counts"))).ok() == {}


async def test_viewing_a_channel_reads_its_threads_where_they_are_not_collapsed(
    client: Clients, make: Make, world: World
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, "reply", root_id=root["id"])
    view = {"channel_id": world.town.id}
    (await client(world.ada).post("/channels/members/me/view", {**view, "collapsed_threads_supported": True})).ok()
    assert (await listed(client, world.ada, world))["total_unread_threads"] == 1

    (await client(world.ada).post("/channels/members/me/view", view)).ok()

    assert (await listed(client, world.ada, world))["total_unread_threads"] == 0


async def test_setting_a_thread_unread(client: Clients, make: Make, socket: Sockets, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    other = await make.post(world.ada, world.town, "other")
    await make.post(world.bob, world.town, "one", root_id=root["id"])
    second = await make.post(world.bob, world.town, f"two @{world.ada.username}", root_id=root["id"])
    await make.post(world.bob, world.town, "three", root_id=root["id"])
    (await client(world.ada).put(threads(world, "read"))).ok()
    async with socket(world.ada) as events:
        thread = (await client(world.ada).post(threads(world, root["id"], "set_unread", second["id"]))).ok()

        data = (await events.next("thread_read_changed")).data
        assert (data["unread_replies"], data["previous_unread_replies"]) == (2, 0)
    assert (thread["unread_replies"], thread["unread_mentions"]) == (2, 1)
    whole = (await client(world.ada).post(threads(world, root["id"], "set_unread", root["id"]))).ok()
    assert whole["unread_replies"] == 3
    for wrong in (other["id"], "z" * 26):
        assert (await client(world.ada).post(threads(world, root["id"], "set_unread", wrong))).status == 400
    assert (await client(world.ada).post(threads(world, "z" * 26, "set_unread", second["id"]))).status == 404


async def test_lists_of_threads(client: Clients, make: Make, world: World) -> None:
    ids = []
    replies = []
    for number in range(4):
        root = await make.post(world.ada, world.town, f"root {number}")
        replies.append(await make.post(world.bob, world.town, "reply", root_id=root["id"]))
        ids.append(root["id"])
        await next_moment()
    read = threads(world, ids[1], "read", str(replies[1]["create_at"]))
    (await client(world.ada).put(read)).ok()

    async def order(query: str) -> list[str]:
        return [thread["id"] for thread in (await listed(client, world.ada, world, query))["threads"]]

    assert await order("") == ids[::-1]
    assert await order("per_page=2") == [ids[3], ids[2]]
    assert await order("pageSize=2") == [ids[3], ids[2]]
    assert await order(f"per_page=2&before={ids[2]}") == [ids[1], ids[0]]
    assert await order(f"per_page=2&after={ids[0]}") == [ids[2], ids[1]]
    assert await order(f"after={ids[3]}") == []
    assert await order("unread=true") == [ids[3], ids[2], ids[0]]
    assert await order(f"since={replies[2]['create_at']}") == [ids[3], ids[2], ids[1]]  # the second was read just now
    totals = await listed(client, world.ada, world, "totalsOnly=true")
    assert (totals["total"], totals["total_unread_threads"], totals["threads"]) == (4, 3, None)
    only = await listed(client, world.ada, world, "threadsOnly=true")
    assert (only["total"], len(only["threads"])) == (0, 4)
    extended = await listed(client, world.ada, world, "extended=true&per_page=1")
    assert [user["username"] for user in extended["threads"][0]["participants"]] == [
        world.ada.username,
        world.bob.username,
    ]


async def test_threads_of_direct_channels_are_in_every_team(client: Clients, make: Make, world: World) -> None:
    direct = await make.direct(world.ada, world.bob)
    root = await make.post(world.ada, direct, "psst")
    await make.post(world.bob, direct, "yes?", root_id=root["id"])
    other = await make.team(members=[world.ada])

    found = (await client(world.ada).get(f"/users/me/teams/{other.id}/threads")).ok()

    assert [thread["id"] for thread in found["threads"]] == [root["id"]]
    assert (await listed(client, world.ada, world, "excludeDirect=true"))["total"] == 0


async def test_urgent_threads_are_counted_apart(client: Clients, make: Make, world: World) -> None:
    metadata = {"priority": {"priority": "urgent"}}
    root = await make.post(world.ada, world.town, "fire", metadata=metadata)
    await make.post(world.bob, world.town, f"where? @{world.ada.username}", root_id=root["id"])

    found = await listed(client, world.ada, world)

    assert found["total_unread_urgent_mentions"] == 1
    assert found["threads"][0]["is_urgent"] is True
    assert found["threads"][0]["post"]["metadata"]["priority"]["priority"] == "urgent"


async def test_leaving_a_channel_takes_its_threads_out_of_sight(client: Clients, make: Make, world: World) -> None:
    private = await make.channel(world.team, [world.ada, world.bob], type="P")
    root = await make.post(world.ada, private, "root")
    await make.post(world.bob, private, "secret", root_id=root["id"])
    (await client(world.bob).delete(f"/channels/{private.id}/members/{world.bob.id}")).ok()

    assert (await listed(client, world.bob, world))["total"] == 0
    for path in (threads(world, root["id"]), f"/posts/{root['id']}/thread"):
        assert (await client(world.bob).get(path)).status == 403
    assert (await client(world.bob).put(threads(world, root["id"], "following"))).status == 403
    assert (await client(world.bob).put(threads(world, root["id"], "read", "1"))).status == 403


async def test_threads_of_others_are_their_own(client: Clients, make: Make, admin: Person, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.post(world.bob, world.town, "reply", root_id=root["id"])
    path = f"/users/{world.ada.id}/teams/{world.team.id}/threads"

    for method, suffix in (
        ("GET", ""),
        ("PUT", "/read"),
        ("PUT", f"/{root['id']}/following"),
        ("GET", f"/{root['id']}"),
    ):
        assert (await client(world.bob).request(method, path + suffix)).status == 403
    assert (await client(admin).get(path)).ok()["total"] == 1
    assert (await client(await make.user()).get(threads(world))).status == 403


async def test_nobody_follows_by_writing_where_that_is_switched_off(
    client: Clients, make: Make, settings: Settings, socket: Sockets, world: World
) -> None:
    settings(ServiceSettings={"ThreadAutoFollow": False, "CollapsedThreads": "disabled"})
    root = await make.post(world.ada, world.town, "root")
    async with socket(world.ada) as events:
        await make.post(world.bob, world.town, f"hi @{world.ada.username}", root_id=root["id"])
        assert "thread_updated" not in await events.names()
    assert (await listed(client, world.ada, world))["total"] == 0

    (await client(world.ada).put(threads(world, root["id"], "following"))).ok()
    await make.post(world.bob, world.town, f"hi @{world.ada.username}", root_id=root["id"])
    assert (await listed(client, world.ada, world))["total_unread_mentions"] == 1


async def test_lists_of_threads_cost_two_statements(
    client: Clients, counted: Counted, make: Make, world: World
) -> None:
    for _ in range(3):
        root = await make.post(world.ada, world.town, "root")
        await make.post(world.bob, world.town, "reply", root_id=root["id"])
    await listed(client, world.ada, world)

    with counted(sql=2):
        await listed(client, world.ada, world)
    with counted(sql=3):
        await listed(client, world.ada, world, "extended=true")


@pytest.mark.parametrize("query", ["since=x", "before=x", "after=x", "unread=maybe"])
async def test_odd_questions_are_refused(client: Clients, world: World, query: str) -> None:
    assert (await client(world.ada).get(f"{threads(world)}?{query}")).status == 400


async def test_threads_of_direct_channels_are_told_in_the_team_they_are_seen_in(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    direct = await make.direct(world.ada, world.bob)
    root = await make.post(world.ada, direct, "root")
    reply = await make.post(world.bob, direct, "reply", root_id=root["id"])
    thread = f"/users/me/teams/{world.team.id}/threads/{root['id']}"
    async with socket(world.ada, node=1) as events:
        for method, path, event in (
            ("PUT", f"/read/{reply['create_at']}", "thread_read_changed"),
            ("POST", f"/set_unread/{reply['id']}", "thread_read_changed"),
            ("DELETE", "/following", "thread_follow_changed"),
            ("PUT", "/following", "thread_follow_changed"),
        ):
            (await client(world.ada).request(method, thread + path)).ok()
            assert (await events.next(event)).broadcast["team_id"] == world.team.id


async def test_setting_a_thread_unread_counts_everyone_only_for_those_who_listen(
    client: Clients, make: Make, world: World
) -> None:
    root = await make.post(world.bob, world.town, "root")
    reply = await make.post(world.ada, world.town, "@channel", root_id=root["id"])
    path = f"/users/me/teams/{world.team.id}/threads/{root['id']}/set_unread/{reply['id']}"

    assert (await client(world.bob).post(path)).ok()["unread_mentions"] == 1
    notify = f"/channels/{world.town.id}/members/{world.bob.id}/notify_props"
    (await client(world.bob).put(notify, {"ignore_channel_mentions": "on"})).ok()
    assert (await client(world.bob).post(path)).ok()["unread_mentions"] == 0


async def test_a_deleted_reply_takes_off_only_what_it_added(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.bob, world.town, "root")
    notify = f"/channels/{world.town.id}/members/{world.bob.id}/notify_props"
    (await client(world.bob).put(notify, {"ignore_channel_mentions": "on"})).ok()
    await make.post(world.ada, world.town, f"@{world.bob.username}", root_id=root["id"])
    everyone = await make.post(world.ada, world.town, "@channel", root_id=root["id"])
    path = f"/users/me/teams/{world.team.id}/threads/{root['id']}"
    assert (await client(world.bob).get(path)).ok()["unread_mentions"] == 1

    (await client(world.ada).delete(f"/posts/{everyone['id']}")).ok()

    assert (await client(world.bob).get(path)).ok()["unread_mentions"] == 1


async def test_members_follow_every_thread_of_a_channel_where_they_want_to(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    await make.join_channel(world.town, world.carol)
    notify = f"/channels/{world.town.id}/members/{world.carol.id}/notify_props"
    (await client(world.carol).put(notify, {"channel_auto_follow_threads": "on"})).ok()
    root = await make.post(world.ada, world.town, "root")
    async with socket(world.carol, node=1) as events:
        await make.post(world.bob, world.town, "reply", root_id=root["id"])
        thread = (await events.next("thread_updated")).data["thread"]
        assert (thread["id"], thread["unread_replies"], thread["unread_mentions"]) == (root["id"], 1, 0)
    assert (await listed(client, world.carol, world))["total"] == 1

    (await client(world.carol).delete(f"/users/me/teams/{world.team.id}/threads/{root['id']}/following")).ok()
    await make.post(world.bob, world.town, "again", root_id=root["id"])
    assert (await listed(client, world.carol, world))["total"] == 0

    (await client(world.carol).put(notify, {"channel_auto_follow_threads": "off"})).ok()
    other = await make.post(world.ada, world.town, "other root")
    await make.post(world.bob, world.town, "reply", root_id=other["id"])
    assert (await listed(client, world.carol, world))["total"] == 0
