"""`hubbub seed`: what it makes is as if people had written it, down to every counter."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from benchmarks.growth_counters import WRONG
from server.cli.failure import CommandError
from server.cli.seed import numbers
from server.engines.redis import Redis
from tests.cli.test_commands import run
from tests.clients_of import Client
from tests.engines import Databases
from tests.nodes import TestNode, start_node

PASSWORD = "Seed-Passw0rd!"
SEED = ["seed", "--posts", "3000", "--users", "24", "--channels", "40", "--with-channels", "12,1,2,90"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeded_database(databases: Databases, redis_server: Redis) -> AsyncIterator[str]:
    """A seeded database."""
    dsn = databases.fresh()
    environ = {"MM_SQLSETTINGS_DATASOURCE": dsn, "MM_CACHESETTINGS_REDISADDRESS": f"{redis_server.url}?db=9"}
    code, lines = await asyncio.to_thread(run, SEED, environ)
    assert code == 0, lines
    assert "made 3,000 posts, 40 users," in lines[-1]
    yield dsn
    databases.drop(dsn)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeded(
    seeded_database: str, databases: Databases, redis_server: Redis, tmp_path_factory: Any
) -> AsyncIterator[TestNode]:
    """A node on a copy of it, whose people may read."""
    dsn = databases.copy(seeded_database)
    async with start_node(dsn, f"{redis_server.url}?db=9", tmp_path_factory.mktemp("files")) as node:
        yield node
    databases.drop(dsn)


async def sign_in(node: TestNode, number: int) -> tuple[dict[str, Any], Client]:
    """A user with a client."""
    login = {"login_id": f"user{number}", "password": PASSWORD}
    reply = await node.client().post("/users/login", login)
    return reply.ok(), node.client(reply.headers["token"])


async def test_counters_are_what_the_posts_say(seeded_database: str) -> None:
    connection = await asyncpg.connect(seeded_database)
    try:
        wrong = {title: await connection.fetchval(statement) for title, statement in WRONG.items()}
        posts = await connection.fetchrow("SELECT count(*), count(*) FILTER (WHERE root_id <> '') FROM posts")
        shares = dict(await connection.fetch("SELECT type, count(*) FROM channels WHERE name !~ '^with' GROUP BY type"))
        reactions = await connection.fetchval("SELECT count(*) FROM reactions")
    finally:
        await connection.close()
    assert wrong == dict.fromkeys(WRONG, 0)
    assert posts[0] == 3000
    assert 1200 < posts[1] < 1600
    assert shares["D"] > shares["O"] >= shares["P"]
    assert reactions > 30


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE channels SET total_msg_count_root = total_msg_count_root + 1 WHERE total_msg_count > 0",
        "UPDATE channel_members SET msg_count = msg_count + 1",
        "UPDATE channel_members SET mention_count = mention_count + 1",
        "UPDATE posts SET reply_count = reply_count + 1",
        "UPDATE thread_memberships SET unread_mentions = unread_mentions + 1",
        "UPDATE thread_memberships SET last_updated = 0",
        "DELETE FROM post_terms",
        "DELETE FROM reactions",
        "DELETE FROM team_members",
    ],
)
async def test_a_wrong_counter_would_be_found(seeded_database: str, change: str) -> None:
    connection = await asyncpg.connect(seeded_database)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(change)
        wrong = [title for title, statement in WRONG.items() if await connection.fetchval(statement)]
        await transaction.rollback()
    finally:
        await connection.close()
    assert len(wrong) == 1


async def test_some_are_in_exactly_so_many_channels(seeded_database: str) -> None:
    connection = await asyncpg.connect(seeded_database)
    try:
        counts = await connection.fetch(
            """SELECT username, count(*) FROM channel_members JOIN users ON users.id = user_id
                WHERE username LIKE 'with-%' GROUP BY username"""
        )
    finally:
        await connection.close()
    expected = {f"with-{count}-channels-{number}": count for count in (1, 2, 12, 90) for number in (1, 2, 3, 4)}
    assert dict(counts) == expected


async def test_a_database_in_use_stays_as_it_is(seeded_database: str, redis_server: Redis) -> None:
    environ = {
        "MM_SQLSETTINGS_DATASOURCE": seeded_database,
        "MM_CACHESETTINGS_REDISADDRESS": f"{redis_server.url}?db=9",
    }

    code, lines = await asyncio.to_thread(run, SEED, environ)

    assert code != 0
    assert "the database has 40 users" in lines[-1]


def test_numbers_of_channels_are_read() -> None:
    assert numbers("") == ()
    assert numbers("1, 10,1000") == (1, 10, 1000)
    for text in ("10,x", "0", "-1", "10,,20", "1e3", "10001"):
        with pytest.raises(CommandError, match="takes numbers from 1 to 10,000"):
            numbers(text)


async def test_what_is_unread_is_what_the_api_counts(seeded: TestNode) -> None:
    for number in (1, 4, 7):
        user, client = await sign_in(seeded, number)
        assert user["roles"] == ("system_admin system_user" if number == 1 else "system_user")
        checked = sum([await check_unread(client, user["id"], channel) for channel in await channels_of(client)])
        assert checked > 0
        for team in (await client.get("/users/me/teams")).ok():
            await check_threads(client, user["id"], team["id"])


async def channels_of(client: Client) -> list[dict[str, Any]]:
    """All channels of the caller."""
    channels: list[dict[str, Any]] = (await client.get("/users/me/channels")).ok()
    return channels


async def check_unread(client: Client, user_id: str, channel: dict[str, Any]) -> bool:
    """Counting what is unread anew gives what is stored; False when nothing is unread."""
    member = (await client.get(f"/channels/{channel['id']}/members/{user_id}")).ok()
    unread = channel["total_msg_count"] - member["msg_count"]
    assert unread >= 0
    if unread == channel["total_msg_count"] > 0:
        assert member["last_viewed_at"] == 0
        return False  # who never looked is shown the newest posts, and not the first that is unread
    if not unread:
        assert member["mention_count"] == member["mention_count_root"] == 0
        assert member["last_viewed_at"] >= channel["last_post_at"]
        return False
    path = f"/users/{user_id}/channels/{channel['id']}/posts/unread?limit_before=0&limit_after=1&skipFetchThreads=true"
    (first,) = (await client.get(path)).ok()["order"]
    counted = (await client.post(f"/users/{user_id}/posts/{first}/set_unread", {})).ok()
    for key in ("msg_count", "msg_count_root", "mention_count", "mention_count_root"):
        assert counted[key] == member[key], key
    return True


async def check_threads(client: Client, user_id: str, team_id: str) -> None:
    """The threads that a user follows are whole, and as read as the list says."""
    listed = (await client.get(f"/users/{user_id}/teams/{team_id}/threads?per_page=60&extended=false")).ok()
    assert listed["total"] > 0
    assert listed["total_unread_threads"] <= listed["total"]
    for thread in listed["threads"][:10]:
        posts = (await client.get(f"/posts/{thread['id']}/thread")).ok()["posts"].values()
        replies = [post for post in posts if post["root_id"]]
        assert thread["reply_count"] == len(replies)
        assert thread["last_reply_at"] == max(post["create_at"] for post in replies)
        assert {each["id"] for each in thread["participants"]} >= {post["user_id"] for post in replies}
        later = [post for post in replies if post["create_at"] > thread["last_viewed_at"]]
        assert thread["unread_replies"] == len(later)
        assert thread["unread_mentions"] <= len([post for post in later if post["user_id"] != user_id])


async def test_seeded_posts_are_found(seeded: TestNode) -> None:
    _, client = await sign_in(seeded, 4)

    found = (await client.post("/posts/search", {"terms": "the", "per_page": 5})).ok()

    assert len(found["order"]) == 5
    assert all("the" in post["message"].lower() for post in found["posts"].values())
