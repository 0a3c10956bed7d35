"""GET /posts/{id}/thread: the whole of it, and pages in both directions."""

from typing import Any

import pytest

from tests.features.posts.world import Clients, World
from tests.make import Make


async def grow(make: Make, world: World, replies: int) -> list[dict[str, Any]]:
    """A thread: the root and its replies, oldest first."""
    root = await make.post(world.ada, world.town, "root")
    return [root] + [
        await make.post(world.bob, world.town, f"reply {number}", root_id=root["id"]) for number in range(replies)
    ]


async def test_a_thread_comes_whole_with_the_asked_post_first(client: Clients, make: Make, world: World) -> None:
    posts = await grow(make, world, 3)
    ids = [post["id"] for post in posts]

    by_root = (await client(world.ada).get(f"/posts/{ids[0]}/thread")).ok()
    by_reply = (await client(world.ada).get(f"/posts/{ids[2]}/thread")).ok()

    assert by_root["order"] == [ids[0], *ids]
    assert by_reply["order"] == [ids[2], *ids]
    assert set(by_root["posts"]) == set(by_reply["posts"]) == set(ids)
    assert all(post["reply_count"] == 3 for post in by_root["posts"].values())
    assert by_root["has_next"] is False
    alone = (await client(world.ada).get(f"/posts/{ids[0]}/thread?skipFetchThreads=true")).ok()
    assert (alone["order"], alone["posts"][ids[0]]["reply_count"]) == ([ids[0]], 3)


async def test_a_thread_can_be_paged_down_and_up(client: Clients, make: Make, world: World) -> None:
    posts = await grow(make, world, 5)
    ids = [post["id"] for post in posts]
    path = f"/posts/{ids[0]}/thread"

    async def read(query: str) -> tuple[list[str], bool]:
        found = (await client(world.ada).get(f"{path}?{query}")).ok()
        assert found["order"][0] == ids[0]
        assert ids[0] in found["posts"]
        return found["order"][1:], found["has_next"]

    assert await read("perPage=3") == (ids[:3], True)
    last = posts[2]
    assert await read(f"perPage=3&direction=down&fromPost={last['id']}&fromCreateAt={last['create_at']}") == (
        ids[3:],
        False,
    )
    assert await read("perPage=2&direction=up") == ([ids[5], ids[4]], True)
    last = posts[4]
    assert await read(f"perPage=9&direction=up&fromPost={last['id']}&fromCreateAt={last['create_at']}") == (
        [ids[3], ids[2], ids[1], ids[0]],
        False,
    )
    assert await read(f"direction=down&fromCreateAt={posts[4]['create_at']}") == ([ids[5]], False)


async def test_only_what_changed_in_a_thread(client: Clients, make: Make, world: World) -> None:
    posts = await grow(make, world, 4)
    ids = [post["id"] for post in posts]
    seen = max(post["update_at"] for post in posts)
    (await client(world.bob).put(f"/posts/{ids[2]}/patch", {"message": "other"})).ok()
    (await client(world.bob).delete(f"/posts/{ids[3]}")).ok()

    query = f"updatesOnly=true&fromUpdateAt={seen}&direction=down"
    found = (await client(world.ada).get(f"/posts/{ids[0]}/thread?{query}")).ok()

    assert set(found["order"][1:]) == {ids[0], ids[2], ids[3]}
    assert found["posts"][ids[3]]["delete_at"] > 0
    assert found["posts"][ids[3]]["message"] == ""


async def test_collapsed_threads_tell_who_takes_part(client: Clients, make: Make, world: World) -> None:
    posts = await grow(make, world, 1)
    path = f"/posts/{posts[0]['id']}/thread?collapsedThreads=true"

    plain = (await client(world.bob).get(path)).ok()["posts"][posts[0]["id"]]
    extended = (await client(world.bob).get(path + "&collapsedThreadsExtended=true")).ok()["posts"][posts[0]["id"]]

    assert plain["participants"] == [{"id": world.ada.id}, {"id": world.bob.id}]
    assert (plain["last_reply_at"], plain["is_following"]) == (posts[1]["create_at"], True)
    assert [user["id"] for user in extended["participants"]] == [world.ada.id, world.bob.id]


@pytest.mark.parametrize(
    "query",
    [
        "perPage=-1",
        "perPage=201",
        "perPage=x",
        "direction=sideways",
        "fromCreateAt=-1",
        f"fromPost={'a' * 26}",
        "fromPost=x&fromCreateAt=1",
        "updatesOnly=true",
        "updatesOnly=true&fromUpdateAt=1&direction=up",
    ],
)
async def test_odd_questions_are_refused(client: Clients, make: Make, same_world: World, query: str) -> None:
    (post,) = await grow(make, same_world, 0)

    reply = await client(same_world.ada).get(f"/posts/{post['id']}/thread?{query}")

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_there_is_no_thread_of_what_is_not_there(client: Clients, make: Make, world: World) -> None:
    (post,) = await grow(make, world, 0)
    (await client(world.ada).delete(f"/posts/{post['id']}")).ok()

    for post_id in (post["id"], "z" * 26):
        reply = await client(world.ada).get(f"/posts/{post_id}/thread")
        assert (reply.status, reply.error_id) == (404, "app.post.get.app_error")
    assert (await client(world.ada).get("/posts/nonsense/thread")).status == 400
