"""Whichever way a search goes, it finds the same; what is not noted yet is noted by a job; and nothing takes long."""

import time
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.search import queries
from server.features.search.jobs import note_older_posts, take_in_terms
from server.features.search.service import Turns
from tests.features.search.test_posts import found, word, world
from tests.make import Make

FORGET = SQL("DELETE FROM post_terms WHERE channel_id = $1")
BEGIN = SQL("INSERT INTO posts_to_note VALUES ('', $1)")
LEFT = SQL("SELECT count(*) FROM posts_to_note")
SLEEP = SQL("SELECT pg_sleep(10)")
SHORT = SQL("SELECT set_config('statement_timeout', '20', true)")

YEAR = 365 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("few", "first", "longest"),
    [(10**9, 1, 1), (-1, 1, 1), (-1, 5, 10), (-1, 1, 10**6), (-1, 10**6, 10**6)],
)
async def test_all_ways_lead_to_the_same_posts(
    make: Make, client: Any, monkeypatch: pytest.MonkeyPatch, few: int, first: int, longest: int
) -> None:
    ada, bob, team, town = await world(make)
    other = await make.channel(team, [ada, bob])
    (await client(make.admin).post(f"/channels/{town.id}/members", {"user_id": make.admin.id})).ok(201)
    often, seldom = word(), word()
    now = int(time.time() * 1000)
    texts = [f"{often} {number} {seldom if number % 7 == 3 else ''}".strip() for number in range(30)]
    for number, text in enumerate(texts):
        # Some in bursts, some years apart, in two channels.
        at = now - YEAR * (9 - number // 4) + number
        channel = other if number % 3 else town
        (await client(make.admin).post("/posts", {"channel_id": channel.id, "message": text, "create_at": at})).ok(201)
    monkeypatch.setattr(queries, "FEW_MATCHES", few)
    monkeypatch.setattr(queries, "FIRST_STEPS", first)
    monkeypatch.setattr(queries, "LONGEST_WALK", longest)

    newest_first = texts[::-1]
    assert await found(client, ada, often, team) == newest_first
    assert await found(client, ada, often, team, per_page=4, page=2) == newest_first[8:12]
    assert await found(client, ada, f"{often} {seldom}", team) == [text for text in newest_first if seldom in text]
    assert await found(client, ada, f'"{often} 12"', team) == [texts[12]]
    assert (
        await found(client, ada, f"from:{make.admin.username} {often[:6]}* -{seldom}", team, per_page=3)
        == [text for text in newest_first if seldom not in text][:3]
    )
    assert await found(client, ada, f"{seldom} in:{town.name}", team) == [
        text for number, text in reversed([*enumerate(texts)]) if seldom in text and not number % 3
    ]


async def test_posts_from_before_there_was_a_search_are_noted(make: Make, client: Any, node: Any) -> None:
    ada, bob, team, town = await world(make)
    w = word()
    await make.post(ada, town, f"{w} kept")
    gone = await make.post(ada, town, f"{w} gone")
    edited = await make.post(ada, town, f"{w} old")
    (await client(ada).put(f"/posts/{edited['id']}/patch", {"message": f"{w} new"})).ok()
    (await client(ada).delete(f"/posts/{gone['id']}")).ok()
    await node.services.db.run(FORGET, town.id)
    assert await found(client, bob, w, team) == []
    ctx = request_context(node.services)

    for until, left in ((ctx.now() + YEAR, 1), (ctx.now() - 1, 0)):
        await node.services.db.run(SQL("DELETE FROM posts_to_note"))
        await node.services.db.run(BEGIN, until)
        await note_older_posts(ctx)
        assert await node.services.db.value(LEFT) == left

    assert await found(client, bob, w, team) == [f"{w} new", f"{w} kept"]
    assert await found(client, bob, f"in:{town.name}", team) == [f"{w} new", f"{w} kept"]


async def test_the_index_is_kept_short_of_waiting_entries(make: Make, client: Any, node: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    await make.post(ada, town, w)

    await take_in_terms(request_context(node.services))

    assert await found(client, ada, w, team) == [w]


async def test_a_search_that_takes_too_long_says_so(make: Make, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(db: Any, *_: object) -> list[str]:
        await db.rows(SLEEP)
        return []

    monkeypatch.setattr(queries, "_find", sleep)
    monkeypatch.setattr(queries, "SETTINGS", SHORT)
    ada = make.admin
    await make.direct(ada, ada)

    reply = await client(ada).post("/posts/search", {"terms": "a"})

    assert (reply.status, reply.error_id) == (503, "app.search.timeout.app_error")


async def test_who_finds_no_turn_is_told_to_come_again(
    make: Make, client: Any, node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make.admin
    await make.direct(ada, ada)
    monkeypatch.setattr("server.features.search.service.PATIENCE", 0.05)
    turns: Turns = node.services.extras[Turns]
    taken = 0
    while not turns._free.locked():
        await turns._free.acquire()
        taken += 1
    try:
        reply = await client(ada).post("/posts/search", {"terms": "a"})
    finally:
        for _ in range(taken):
            turns._free.release()

    assert (reply.status, reply.error_id) == (503, "api.context.server_busy.app_error")
    assert (await client(ada).post("/posts/search", {"terms": "a"})).status == 200


async def test_a_search_costs_a_known_number_of_statements(make: Make, client: Any, counted: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    await make.post(ada, town, w)
    assert await found(client, ada, w, team) == [w]

    # The channels, the settings of the transaction, the search, the posts.
    with counted(sql=4):
        await found(client, ada, w, team)


async def test_absent_fields_may_be_null(make: Make, client: Any) -> None:
    ada, _, team, town = await world(make)
    w = word()
    await make.post(ada, town, w)
    nulls = dict.fromkeys(("is_or_search", "time_zone_offset", "include_deleted_channels", "page", "per_page"))

    assert await found(client, ada, w, team, **nulls) == [w]
    assert await found(client, ada, w, team, per_page=0) == [w]
    assert await found(client, ada, w, team, per_page=100_000) == [w]
