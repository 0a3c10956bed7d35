"""Many look into channels at once, while posts come: nothing is read that was not there, and nothing stays unread."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.db import SQL, Db, Tx
from server.errors import Busy
from server.features.channels import read_marks, read_queries
from server.features.channels.read_marks import GATHER_SECONDS, GROUP, ReadMarks
from server.features.channels.read_queries import Seen
from server.features.posts import unread_queries
from server.ids import now_ms
from tests.features.channels.hearing import Clients, Sockets
from tests.make import Make, Person, Thing
from tests.nodes import TestNode
from tests.waiting import PATIENCE, until

LOOKS = 24
VIEW = "/channels/members/me/view"

CALL = SQL("""
    WITH moved AS (
        UPDATE channels SET total_msg_count = total_msg_count + 1, total_msg_count_root = total_msg_count_root + 1,
                            last_post_at = last_post_at + 1000
         WHERE id = $1)
    UPDATE channel_members SET mention_count = mention_count + 1, mention_count_root = mention_count_root + 1
     WHERE channel_id = $1 AND user_id = $2
""")
"""What a post that mentions a member does to counters."""

WAITS = SQL("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%goal AS%'")

WAIT_FOR_DISK = SQL("SET LOCAL synchronous_commit = on")

COMMIT = SQL("SELECT current_setting('synchronous_commit')")

See = Callable[[Db, str, Sequence[str]], Coroutine[Any, Any, Seen]]


async def alone(db: Db, user_id: str, channel_ids: Sequence[str]) -> Seen:
    return await read_queries.see(db, user_id, channel_ids)


async def together(db: Db, user_id: str, channel_ids: Sequence[str]) -> Seen:
    return (await read_queries.see_together(db, [(user_id, channel_ids)]))[0]


def viewed(channel: Thing) -> dict[str, object]:
    return {"channel_id": channel.id, "collapsed_threads_supported": True}


async def counts(client: Clients, user: Person, channel: Thing, node: int = 0) -> tuple[int, int]:
    """Unread posts and mentions."""
    unread = (await client(user, node=node).get(f"/users/me/channels/{channel.id}/unread")).ok()
    return unread["msg_count"], unread["mention_count"]


async def called(make: Make, members: int) -> tuple[Person, list[Person], Thing]:
    """A channel in which its owner has called all members."""
    ada, *others = await make.users(members + 1)
    channel = await make.channel(await make.team(members=[ada, *others]), others, owner=ada)
    await make.post(ada, channel, "hey @channel")
    return ada, others, channel


@asynccontextmanager
async def waiting_for(node: TestNode) -> AsyncIterator[None]:
    """At the end of the block a look waits for a lock."""
    yield
    await until(lambda: node.services.db.value(WAITS))


async def test_looks_at_the_same_moment_share_statements_and_each_gets_its_own(
    make: Make, client: Clients, socket: Sockets, node: TestNode
) -> None:
    _, members, channel = await called(make, LOOKS)
    quiet = await make.channel(await make.team(members=members[:2]), members[:1], owner=members[1])
    async with socket(members[0], node=1) as first, socket(members[-1]) as last:
        before = node.statements

        replies = await asyncio.gather(
            *(client(user).post(VIEW, {**viewed(channel), "prev_channel_id": quiet.id}) for user in members)
        )

        statements = node.statements - before
        events = [await events.next("multiple_channels_viewed") for events in (first, last)]
    times = [reply.ok()["last_viewed_at_times"] for reply in replies]
    assert statements < LOOKS
    assert [set(each) for each in times] == [{channel.id, quiet.id}] * 2 + [{channel.id}] * (LOOKS - 2)
    assert [event.data["channel_times"] for event in events] == [times[0], times[-1]]
    for user in members:
        assert await counts(client, user, channel, node=1) == (0, 0)


async def test_whoever_is_in_no_such_channel_spoils_nothing_for_others(make: Make, client: Clients) -> None:
    _, members, channel = await called(make, 4)
    stranger = await make.user()

    replies = await asyncio.gather(
        *(client(user).post(VIEW, viewed(channel)) for user in (members[0], stranger, *members[1:]))
    )

    assert [reply.status for reply in replies] == [200, 400, 200, 200, 200]


async def test_posts_that_come_while_many_look_are_counted_or_read_on_every_node(make: Make, client: Clients) -> None:
    ada, members, channel = await called(make, 6)

    async def post(number: int) -> None:
        (await client(ada, node=number % 2).post("/posts", {"channel_id": channel.id, "message": "@channel"})).ok(201)

    async def look(number: int) -> None:
        (await client(members[number % 6], node=number % 2).post(VIEW, viewed(channel))).ok()

    for number in range(8):
        await asyncio.gather(*(look(each) for each in range(number, number + 6)), post(number), post(number + 1))
        for user in members:
            # All of these posts call everybody, so whoever has them read has no mentions.
            posts, mentions = await counts(client, user, channel, node=number % 2)
            assert posts == mentions
    await asyncio.gather(*(look(number) for number in range(6)))
    for user in members:
        assert await counts(client, user, channel) == (0, 0)


@pytest.mark.parametrize("see", [alone, together])
async def test_a_mention_that_comes_between_reading_and_marking_stays_counted(
    see: See, make: Make, client: Clients, node: TestNode
) -> None:
    _, (bob,), channel = await called(make, 1)
    db = node.services.db

    async with db.begin() as post:
        await post.run(CALL, channel.id, bob.id)
        async with waiting_for(node):
            look = asyncio.create_task(see(db, bob.id, [channel.id]))
    seen = await look

    assert seen.unread == [channel.id]
    assert await counts(client, bob, channel) == (1, 1)
    assert (await see(db, bob.id, [channel.id])).unread == [channel.id]
    assert await counts(client, bob, channel, node=1) == (0, 0)


@pytest.mark.parametrize("see", [alone, together])
async def test_two_looks_at_once_take_mentions_off_once(see: See, make: Make, client: Clients, node: TestNode) -> None:
    _, (bob,), channel = await called(make, 1)
    db = node.services.db

    async with db.begin() as other:
        await see(other, bob.id, [channel.id])
        async with waiting_for(node):
            look = asyncio.create_task(see(db, bob.id, [channel.id]))
        await other.run(CALL, channel.id, bob.id)
    await look

    assert await counts(client, bob, channel) == (1, 1)


async def test_an_older_look_does_not_undo_a_newer_one(make: Make, client: Clients, node: TestNode) -> None:
    _, (bob,), channel = await called(make, 1)
    db = node.services.db

    async with db.begin() as newer:
        await newer.run(CALL, channel.id, bob.id)
        async with waiting_for(node):
            older = asyncio.create_task(read_queries.see(db, bob.id, [channel.id]))
        await read_queries.see(newer, bob.id, [channel.id])
    await older

    assert await counts(client, bob, channel) == (0, 0)


@pytest.mark.parametrize("see", [alone, together])
async def test_a_look_that_comes_while_the_channel_is_set_unread_reads_all_of_it(
    see: See, make: Make, client: Clients, node: TestNode
) -> None:
    ada, (bob,), channel = await called(make, 1)
    db = node.services.db
    await see(db, bob.id, [channel.id])
    last = await make.post(ada, channel, "@channel")
    await see(db, bob.id, [channel.id])
    await make.post(ada, channel, "nobody")

    async with db.begin() as other:
        await unread_queries.set_unread(other, bob.id, channel.id, last["create_at"], now_ms(), roots_too=True)
        async with waiting_for(node):
            look = asyncio.create_task(see(db, bob.id, [channel.id]))
    await look

    assert await counts(client, bob, channel) == (0, 0)


async def test_a_look_that_waits_for_a_lock_holds_up_nobody_else(make: Make, client: Clients, node: TestNode) -> None:
    _, (bob, *others), channel = await called(make, 5)

    async def lock(tx: Tx) -> None:
        await tx.run(SQL("UPDATE channel_members SET roles = roles WHERE user_id = $1"), bob.id)

    async with node.services.db.begin() as tx:
        await lock(tx)
        async with waiting_for(node):
            held = asyncio.create_task(client(bob).post(VIEW, viewed(channel)))
        async with asyncio.timeout(PATIENCE):
            for reply in await asyncio.gather(*(client(user).post(VIEW, viewed(channel)) for user in others)):
                reply.ok()
        assert not held.done()
    (await held).ok()


async def test_who_gives_up_leaves_the_others_in_peace(make: Make, client: Clients, node: TestNode) -> None:
    _, members, channel = await called(make, 8)
    marks = node.services.extras[ReadMarks]
    assert isinstance(marks, ReadMarks)

    looks = [asyncio.create_task(marks.see(user.id, [channel.id])) for user in members]
    await asyncio.sleep(0)
    for look in looks[::2]:
        look.cancel()
    done = await asyncio.gather(*looks, return_exceptions=True)

    assert [seen.unread for seen in done if isinstance(seen, Seen)] == [[channel.id]] * 4
    assert [await counts(client, user, channel) for user in members[1::2]] == [(0, 0)] * 4
    assert (await marks.see(members[0].id, [channel.id])).times


async def test_a_group_has_an_end(make: Make, node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await make.user()
    marks = ReadMarks(node.services)
    sizes: list[int] = []

    async def see_together(db: Db, looks: Sequence[tuple[str, Sequence[str]]]) -> list[Seen]:
        sizes.append(len(looks))
        return [Seen({}, []) for _ in looks]

    monkeypatch.setattr(read_queries, "see_together", see_together)
    await asyncio.gather(*(marks.see(user.id, []) for _ in range(GROUP + 11)))

    assert sizes == [GROUP, 10]


async def test_failures_reach_everybody_and_end(make: Make, node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    _, members, channel = await called(make, 4)
    marks = ReadMarks(node.services)
    failing: list[Exception] = [Busy("api.context.server_busy.app_error"), ValueError("a fault")]

    async def see_together(db: Db, looks: Sequence[tuple[str, Sequence[str]]]) -> list[Seen]:
        raise failing.pop(0)

    def look() -> list[Awaitable[Seen]]:
        return [marks.see(user.id, [channel.id]) for user in members]

    with monkeypatch.context() as patched:
        patched.setattr(read_queries, "see_together", see_together)
        first = await asyncio.gather(*look(), return_exceptions=True)
        await asyncio.sleep(GATHER_SECONDS * 2)  # nobody waits for more of them any longer
        second = await asyncio.gather(*look(), return_exceptions=True)
        patched.setattr(read_marks, "WAITING", 2)
        await asyncio.sleep(GATHER_SECONDS * 2)
        failing.append(Busy("api.context.server_busy.app_error"))
        third = await asyncio.gather(*look(), return_exceptions=True)
    after = await asyncio.gather(*look())

    assert [getattr(each, "status", 200) for each in first] == [200, 503, 503, 503]
    assert [getattr(each, "status", 200) for each in second] == [200, 500, 500, 500]
    assert [getattr(each, "status", 200) for each in third] == [200, 503, 503, 503]
    assert [list(seen.times) for seen in after] == [[channel.id]] * 4


@pytest.mark.parametrize("see", [alone, together])
async def test_only_marks_do_not_wait_for_the_disk(see: See, make: Make, node: TestNode) -> None:
    _, (bob,), channel = await called(make, 1)
    db = node.services.db

    async with db.begin() as tx:
        await tx.run(WAIT_FOR_DISK)
        before = await tx.value(COMMIT)
        await see(tx, bob.id, [channel.id])
        after = await tx.value(COMMIT)
    async with db.begin() as tx:
        other = await tx.value(COMMIT)

    assert (before, after) == ("on", "off")
    assert other == await fresh(node)


async def fresh(node: TestNode) -> object:
    """The same on a connection that did nothing yet."""
    connection = await node.services.db.connect()
    try:
        return await connection.fetchval(COMMIT.text)
    finally:
        await connection.close()
