"""`hubbub seed`: what it makes is as if people had written it, down to every counter."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio

from server.engines.redis import Redis
from tests.cli.test_commands import run
from tests.clients_of import Client
from tests.nodes import TestNode, start_node

PASSWORD = "Seed-Passw0rd!"
SEED = ["seed", "--posts", "3000", "--users", "24", "--channels", "40"]

WRONG_CHANNELS = """
    SELECT count(*)
      FROM channels AS c
 LEFT JOIN (SELECT channel_id, count(*) AS posts, count(*) FILTER (WHERE root_id = '') AS roots,
                   max(create_at) AS last_post_at, max(create_at) FILTER (WHERE root_id = '') AS last_root_at
              FROM posts GROUP BY channel_id) AS p ON p.channel_id = c.id
     WHERE (c.total_msg_count, c.total_msg_count_root, c.last_post_at, c.last_root_post_at)
           IS DISTINCT FROM
           (coalesce(posts, 0), coalesce(roots, 0), coalesce(p.last_post_at, 0), coalesce(last_root_at, 0))
"""
WRONG_ROOTS = """
    SELECT count(*)
      FROM posts AS root
 LEFT JOIN (SELECT root_id, count(*) AS replies, max(create_at) AS last_at, array_agg(DISTINCT user_id) AS authors
              FROM posts WHERE root_id <> '' GROUP BY root_id) AS r ON r.root_id = root.id
 LEFT JOIN threads AS t ON t.post_id = root.id
     WHERE root.reply_count <> coalesce(replies, 0)
        OR root.update_at <> coalesce(last_at, root.create_at)
        OR coalesce(t.last_reply_at, 0) <> coalesce(last_at, 0)
        OR NOT coalesce(authors, '{}') <@ coalesce(t.participants, '{}')
        OR root.root_id <> '' AND root.reply_count > 0
"""
WRONG_WRITERS = """
    SELECT count(*)
      FROM posts AS p
 LEFT JOIN channel_members AS m ON m.channel_id = p.channel_id AND m.user_id = p.user_id
 LEFT JOIN post_terms AS t ON t.channel_id = p.channel_id AND t.create_at = p.create_at AND t.id = p.id
 LEFT JOIN posts AS root ON root.id = p.root_id
     WHERE m.user_id IS NULL OR m.last_viewed_at < p.create_at OR t.id IS NULL OR root.channel_id <> p.channel_id
        OR root.create_at >= p.create_at
"""


@pytest_asyncio.fixture
async def seeded(fresh_database: str, redis_server: Redis, tmp_path: Path) -> AsyncIterator[TestNode]:
    """A node on a seeded database."""
    environ = {"MM_SQLSETTINGS_DATASOURCE": fresh_database, "MM_CACHESETTINGS_REDISADDRESS": redis_server.url}
    code, lines = await asyncio.to_thread(run, SEED, environ)
    assert code == 0, lines
    assert "made 3,000 posts, 24 users," in lines[-1]
    code, lines = await asyncio.to_thread(run, SEED, environ)
    assert code != 0
    assert "the database has 24 users" in lines[-1]
    async with start_node(fresh_database, redis_server.url, tmp_path) as node:
        yield node


async def sign_in(node: TestNode, number: int) -> tuple[dict[str, Any], Client]:
    """A user with a client."""
    login = {"login_id": f"user{number}", "password": PASSWORD}
    reply = await node.client().post("/users/login", login)
    return reply.ok(), node.client(reply.headers["token"])


async def test_counters_are_as_if_people_had_written_it_all(seeded: TestNode, fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    try:
        for statement in (WRONG_CHANNELS, WRONG_ROOTS, WRONG_WRITERS):
            assert await connection.fetchval(statement) == 0, statement
        shares = dict(await connection.fetch("SELECT type, count(*) FROM channels GROUP BY type"))
        replies = await connection.fetchval("SELECT count(*) FROM posts WHERE root_id <> ''")
    finally:
        await connection.close()
    assert shares["D"] > shares["O"] >= shares["P"]
    assert 1200 < replies < 1600
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
