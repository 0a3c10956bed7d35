"""Lists of posts stay small enough to be made, however much their posts hold, and nothing is lost by that."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from server.db import SQL
from server.features.groups import service as groups
from server.features.posts import large_props, list_queries
from server.features.posts.models import SMALL_PROPS
from server.features.preferences import service as preferences
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person, Thing
from tests.nodes import TestNode
from tests.processes import NodeProcess

Clients = Callable[..., Client]

LARGE = 790_000
POSTS = 30
MIB = 1024 * 1024

FILL = SQL("""
    INSERT INTO posts (id, create_at, update_at, user_id, channel_id, root_id, message, props, is_pinned)
    SELECT right(replace(gen_random_uuid()::text, '-', ''), 26), last.at + number, last.at + number, $1, $2, $3,
           repeat($4, $5::int) || number, jsonb_build_object('a', repeat('x', $6::int)), true
      FROM generate_series(1, $7::int) AS number,
           (SELECT coalesce(max(update_at), 1) AS at FROM posts WHERE channel_id = $2) AS last
 RETURNING id
""")
FLAG = SQL("""
    INSERT INTO preferences (user_id, category, name, value)
    SELECT $1, 'flagged_post', id, 'true' FROM unnest($2::text[]) AS id
""")


async def fill(
    node: TestNode, author: Person, channel: Thing, *, root_id: str = "", text: str = "m", times: int = 1,
    props: int = 10, count: int = POSTS,
) -> list[str]:  # fmt: skip
    """Posts with long messages or large props; their ids, the oldest first."""
    return await node.services.db.values(FILL, author.id, channel.id, root_id, text, times, props, count)


@pytest.fixture
async def town(make: Make) -> tuple[Person, Thing]:
    """A user and a channel."""
    ada = await make.user()
    return ada, await make.channel(await make.team(members=[ada]), members=[ada])


def with_props(posts: dict[str, Any], ids: list[str]) -> list[bool]:
    """Which of the posts came with all of their props; the others came without any."""
    sizes = [len(posts[each]["props"].get("a", "")) for each in ids]
    assert set(sizes) <= {0, LARGE}
    return [size > 0 for size in sizes]


def peak_of(pid: int) -> int:
    """The most bytes of memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


MOST = large_props.MAX_BYTES // LARGE


async def test_a_page_holds_the_large_props_of_its_newest_posts(
    node: TestNode, client: Clients, town: tuple[Person, Thing], counted: Callable[..., Any]
) -> None:
    ada, channel = town
    ids = (await fill(node, ada, channel, props=LARGE))[::-1]
    path = f"/channels/{channel.id}/posts?per_page=20"
    await client(ada).get(path)
    with counted(sql=2):
        first = (await client(ada).get(path)).ok()
    second = (await client(ada).get(f"{path}&before={first['order'][-1]}")).ok()
    alone = (await client(ada).get(f"/posts/{ids[-1]}")).ok()

    assert first["order"] + second["order"][: POSTS - 20] == ids
    assert first["prev_post_id"] == ids[20]
    assert with_props(first["posts"], ids[:20]) == [True] * MOST + [False] * (20 - MOST)
    assert with_props(second["posts"], ids[20:]) == [True] * MOST + [False] * (POSTS - 20 - MOST)
    assert {post["message"] for post in first["posts"].values()} == {f"m{number}" for number in range(11, 31)}
    assert len(alone["props"]["a"]) == LARGE


async def test_small_props_come_always_and_cost_no_statement(
    node: TestNode, client: Clients, town: tuple[Person, Thing], counted: Callable[..., Any]
) -> None:
    ada, channel = town
    await fill(node, ada, channel, props=SMALL_PROPS - 100, count=60)
    path = f"/channels/{channel.id}/posts"
    await client(ada).get(path)
    with counted(sql=1):
        page = (await client(ada).get(path)).ok()

    assert {len(page["posts"][each]["props"]["a"]) for each in page["order"]} == {SMALL_PROPS - 100}


async def test_props_that_a_client_wrote_are_stored_so_that_their_size_is_known(
    node: TestNode, client: Clients, town: tuple[Person, Thing]
) -> None:
    ada, channel = town
    body = {"channel_id": channel.id, "message": "m", "props": {"a": "x" * LARGE}}
    ids = [(await client(ada).post("/posts", body)).ok(201)["id"] for _ in range(MOST + 2)]
    page = (await client(ada).get(f"/channels/{channel.id}/posts")).ok()

    assert with_props(page["posts"], ids[::-1]) == [True] * MOST + [False] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/channels/{channel}/posts?per_page=200",
        "/channels/{channel}/posts?since=1",
        "/channels/{channel}/posts?since=1&collapsedThreads=true",
        "/channels/{channel}/pinned",
        "/users/me/channels/{channel}/posts/unread?limit_before=200&limit_after=200",
        "/users/me/posts/flagged?per_page=200",
        "/posts/{root}/thread",
        "/posts/{reply}/thread?perPage=200&direction=up&fromPost={last}&fromCreateAt=9999999999999",
        "/users/me/teams/{team}/threads?per_page=200&extended=true",
    ],
)
async def test_no_list_is_larger_than_it_may_be(
    node: TestNode, client: Clients, make: Make, town: tuple[Person, Thing], path: str
) -> None:
    ada, channel = town
    root = await make.post(ada, channel)
    reply = await make.post(ada, channel, root_id=root["id"])
    ids = await fill(node, ada, channel, root_id=root["id"], props=LARGE)
    ids += await fill(node, ada, channel, props=LARGE)
    await node.services.db.run(FLAG, ada.id, ids)
    names = {"channel": channel.id, "root": root["id"], "reply": reply["id"], "last": ids[-1]}
    answer = await client(ada).get(path.format(**names, team=channel.body["team_id"]))

    assert answer.status == 200
    assert len(answer.content) < large_props.MAX_BYTES + 500_000
    if "threads" not in path:
        assert len(answer.json["order"]) >= POSTS


async def test_posts_by_their_ids_are_bounded(node: TestNode, client: Clients, town: tuple[Person, Thing]) -> None:
    ada, channel = town
    ids = await fill(node, ada, channel, props=LARGE)
    large = await client(ada).post("/posts/ids", ids)
    longer = await fill(node, ada, channel, text="\U0001f600", times=16_000, count=200)
    long = await client(ada).post("/posts/ids", longer)

    assert [post["id"] for post in large.ok()] == ids[::-1]
    assert len(large.content) < large_props.MAX_BYTES + 500_000
    assert [post["id"] for post in long.ok()] == longer[::-1][: len(long.json)]
    assert list_queries.MAX_BYTES - 100_000 < len(long.content) < list_queries.MAX_BYTES + 200_000


async def test_links_to_a_large_post_do_not_repeat_it(
    node: TestNode, client: Clients, town: tuple[Person, Thing], settings: Callable[..., None]
) -> None:
    settings(ServiceSettings={"SiteURL": "https://chat.example.org"})
    ada, channel = town
    (large,) = await fill(node, ada, channel, props=LARGE, count=1)
    message = f"https://chat.example.org/team/pl/{large}"
    made = [(await client(ada).post("/posts", {"channel_id": channel.id, "message": message})).ok(201) for _ in "abc"]
    page = await client(ada).get(f"/channels/{channel.id}/posts")
    embeds = [page.json["posts"][post["id"]]["metadata"]["embeds"][0] for post in made]

    assert {embed["data"]["post"]["message"] for embed in embeds} == {"m1"}
    assert len(page.content) < LARGE + 50_000


async def test_a_long_thread_is_read_in_parts_without_a_gap(
    node: TestNode, client: Clients, make: Make, town: tuple[Person, Thing]
) -> None:
    ada, channel = town
    root = await make.post(ada, channel)
    ids = await fill(node, ada, channel, root_id=root["id"], text="\U0001f600", times=16_000, count=200)
    read: list[str] = []
    path = f"/posts/{root['id']}/thread"
    more, parts = True, 0
    while more:
        page = await client(ada).get(path)
        assert len(page.content) < list_queries.MAX_BYTES + 300_000
        new = [each for each in page.ok()["order"] if each not in {root["id"], *read}]
        read += new
        last = page.json["posts"][read[-1]]
        path = f"/posts/{root['id']}/thread?fromPost={last['id']}&fromCreateAt={last['create_at']}&direction=down"
        more, parts = page.json["has_next"], parts + 1

    assert read == ids
    assert parts == 2


async def test_what_changed_last_is_told_when_too_much_has_changed(
    node: TestNode, client: Clients, town: tuple[Person, Thing]
) -> None:
    ada, channel = town
    ids = await fill(node, ada, channel, text="\U0001f600", times=16_000, count=200)
    reply = await client(ada).get(f"/channels/{channel.id}/posts?since=1")
    order = reply.ok()["order"]

    assert order == ids[::-1][: len(order)]
    assert list_queries.MAX_BYTES - 100_000 < len(reply.content) < list_queries.MAX_BYTES + 200_000


async def test_preferences_of_a_user_fit_into_an_answer(make: Make, client: Clients) -> None:
    ada = await make.user()
    statuses = []
    for batch in range(5):
        values = [
            {"user_id": ada.id, "category": f"batch{batch}", "name": str(number), "value": "x" * 20_000}
            for number in range(50)
        ]
        statuses.append((await client(ada).put("/users/me/preferences", values)).status)
    held = await client(ada).get("/users/me/preferences")
    small = {"user_id": ada.id, "category": "batch0", "name": "0", "value": "small"}

    assert statuses == [200, 200, 200, 200, 400] or statuses == [200, 200, 200, 400, 400]
    assert len(held.content) < preferences.MAX_BYTES + 100_000
    assert (await client(ada).put("/users/me/preferences", [small])).status == 200


async def test_members_of_many_groups_are_read_in_parts(
    make: Make, client: Clients, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = await make.users(2)
    word = make.name("crew")
    for name, user_ids in ((f"{word}-all", [ada.id, bob.id]), (f"{word}-one", [ada.id])):
        body = {"name": name, "display_name": name, "source": "custom", "allow_reference": True, "user_ids": user_ids}
        (await client(admin).post("/groups", body)).ok(201)
    path = f"/groups?include_member_ids=true&filter_allow_reference=true&q={word}-"
    monkeypatch.setattr(groups, "MAX_MEMBER_IDS", 2)
    refused = await client(admin).get(f"{path}&per_page=10")
    parts = [(await client(admin).get(f"{path}&per_page=1&page={page}")).ok()[0]["member_ids"] for page in (0, 1)]
    counted = await client(admin).get(path.replace("ids", "count"))

    assert (refused.status, refused.error_id) == (400, "app.group.get_groups.too_many_members.app_error")
    assert sorted(map(sorted, parts)) == sorted([sorted([ada.id, bob.id]), [ada.id]])
    assert counted.status == 200


@pytest.mark.parametrize("number", ["1e300", "-1e300", "1e-300", "1e30", "[[1e99]]"])
async def test_numbers_that_would_be_written_out_are_refused(
    client: Clients, town: tuple[Person, Thing], number: str
) -> None:
    ada, channel = town
    body = '{"channel_id":"%s","message":"m","props":{"a":%s}%s}'
    over = [
        await client(ada).post("/posts", (body % (channel.id, number, "")).encode()),
        await client(ada).post("/drafts", (body % (channel.id, number, "")).encode()),
        await client(ada).post(
            "/posts/schedule", (body % (channel.id, number, ',"scheduled_at":9999999999999')).encode()
        ),
    ]
    fine = await client(ada).post(
        "/posts", (body % (channel.id, '{"b":"1e300","c":1e20,"d":0.0,"e":1e-20}', "")).encode()
    )

    assert [reply.status for reply in over] == [400, 400, 400]
    assert fine.status == 201


async def test_many_who_read_the_largest_lists_at_one_time_leave_the_node_small(
    node: TestNode, make: Make, town: tuple[Person, Thing], tmp_path: Path, database: str, redis_server: Any
) -> None:
    ada, channel = town
    long = await make.channel(Thing({"id": channel.body["team_id"], "name": ""}), members=[ada])
    await fill(node, ada, channel, props=LARGE, count=60)
    ids = await fill(node, ada, long, text="\U0001f600", times=16_000, count=300)
    process = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    try:
        process.wait_until_up()
        headers = {"authorization": f"Bearer {ada.token}", "accept-encoding": ""}
        async with httpx.AsyncClient(base_url=f"{process.url}/api/v4", headers=headers, timeout=60) as http:
            assert (await http.post("/users/login", json={"login_id": ada.username, "password": PASSWORD})).is_success
            before = psutil.Process(process.pid).memory_info().rss

            async def read(method: str, path: str, body: object = None) -> int:
                async with http.stream(method, path, json=body) as answer:
                    # Where this process is slow to take so much, some are cut off.
                    with contextlib.suppress(httpx.RemoteProtocolError):
                        async for _ in answer.aiter_raw():
                            pass
                return answer.status_code

            asked = [
                ("GET", f"/channels/{channel.id}/posts?per_page=200", None),
                ("GET", f"/channels/{channel.id}/posts?since=1", None),
                ("GET", f"/channels/{long.id}/posts?per_page=200", None),
                ("POST", "/posts/ids", ids),
            ]
            statuses = await asyncio.gather(*(read(*each) for each in asked * 3))
        peak = peak_of(process.pid)
    finally:
        process.stop()

    assert set(statuses) == {200}
    assert peak - before < 250 * MIB, f"{(peak - before) // MIB} MiB"
