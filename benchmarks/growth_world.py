"""Who and what is asked for in a seeded database: users with sessions, their channels, and posts far back."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from msgspec import Struct

from benchmarks.people import Person, sign_in
from benchmarks.rest import Connection
from server.cli.seed_world import ALIKE

PASSWORD = "Seed-Passw0rd!"  # noqa: S105 - of made-up accounts
FIRST, USERS = 2, 16
"""The administrator, user1, is none of those who ask."""


class Reader(Struct, frozen=True):
    """A user with what to ask for."""

    person: Person
    team_id: str
    town: str
    """The channel that everybody of the team is in."""
    channels: Sequence[str]
    unread: Sequence[str]
    """Channels with something new for this user."""
    anchors: Sequence[str]
    """Posts of the town, in its older half."""
    pages: int
    """Of sixty posts that begin threads, in the newer half of the town."""
    since: int
    """After it the town has had thirty posts."""
    threads: Sequence[str]
    """Long threads of the town."""


CHANNELS = """
    SELECT c.id, c.total_msg_count > m.msg_count AND m.last_viewed_at > 0 AS unread
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
     WHERE m.user_id = $1 AND c.total_msg_count > 0
  ORDER BY c.id
"""
TOWN = """
    SELECT c.id, c.team_id
      FROM team_members t
      JOIN channels c ON c.team_id = t.team_id AND c.name = 'town-square'
     WHERE t.user_id = $1
  ORDER BY t.team_id
     LIMIT 1
"""
ANCHORS = """
    SELECT id
      FROM (SELECT id FROM posts WHERE channel_id = $1 AND delete_at = 0
          ORDER BY create_at, id LIMIT (SELECT total_msg_count / 2 FROM channels WHERE id = $1)) AS older
  ORDER BY md5(id)
     LIMIT 40
"""
PAGES = "SELECT greatest(1, total_msg_count_root / 120) FROM channels WHERE id = $1"
SINCE = (
    "SELECT update_at FROM posts WHERE channel_id = $1 AND original_id = '' ORDER BY update_at DESC OFFSET 30 LIMIT 1"
)
THREADS = """
    SELECT p.id
      FROM threads t
      JOIN posts p ON p.id = t.post_id
     WHERE t.channel_id = $1
  ORDER BY p.reply_count DESC, p.id
     LIMIT 5
"""


async def readers(url: str, dsn: str) -> list[Reader]:
    """Some of the users, signed in."""
    names = [f"user{number}" for number in range(FIRST, FIRST + USERS)]
    database = await asyncpg.connect(dsn)
    try:
        return [await _reader(database, person) for person in await _signed_in(url, database, names)]
    finally:
        await database.close()


async def _reader(database: Any, person: Person) -> Reader:
    town, team_id = await database.fetchrow(TOWN, person.id)
    channels = await database.fetch(CHANNELS, person.id)
    return Reader(
        person=person,
        team_id=team_id,
        town=town,
        channels=[row["id"] for row in channels],
        unread=[row["id"] for row in channels if row["unread"]] or [town],
        anchors=[row["id"] for row in await database.fetch(ANCHORS, town)],
        pages=await database.fetchval(PAGES, town),
        since=await database.fetchval(SINCE, town),
        threads=[row["id"] for row in await database.fetch(THREADS, town)],
    )


async def members_of_many(url: str, dsn: str, count: int) -> tuple[list[Person], str, str]:
    """The users who are in so many channels, their team, and the channel that all of them are in."""
    database = await asyncpg.connect(dsn)
    try:
        names = [f"with-{count}-channels-{number}" for number in range(1, 1 + ALIKE)]
        people = await _signed_in(url, database, names)
        town, team_id = await database.fetchrow(TOWN, people[0].id)
        return people, team_id, town
    finally:
        await database.close()


async def _signed_in(url: str, database: Any, names: Sequence[str]) -> list[Person]:
    connection = Connection(url)
    ids = {row["username"]: row["id"] for row in await database.fetch("SELECT id, username FROM users")}
    people = [await sign_in(connection, ids[name], name, PASSWORD) for name in names]
    connection.close()
    return people


async def threads_followed(dsn: str, people: Sequence[Person]) -> float:
    """How many threads each of them follows, on average: what lists of threads go through."""
    database = await asyncpg.connect(dsn)
    try:
        statement = "SELECT count(*) FROM thread_memberships WHERE following AND user_id = ANY($1)"
        return float(await database.fetchval(statement, [person.id for person in people])) / len(people)
    finally:
        await database.close()


async def settle(dsn: str) -> None:
    """Let PostgreSQL write out what was filled in, so that it does not do so while it is measured."""
    database = await asyncpg.connect(dsn)
    try:
        await database.execute("CHECKPOINT", timeout=600)
    finally:
        await database.close()
    await asyncio.sleep(1)
