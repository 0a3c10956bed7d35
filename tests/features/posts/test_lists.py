"""Pages of a channel: order, neighbours, threads that come along, changes since a time, ETags."""

from typing import Any

import pytest

from server.features.posts.list_queries import PAGES
from tests.features.posts.world import Clients, Counted, Nodes, World
from tests.make import Make, Person, Thing
from tests.waiting import next_moment


async def fill(make: Make, author: Person, channel: Thing, count: int) -> list[str]:
    """Write posts; their ids, oldest first."""
    return [(await make.post(author, channel, f"number {number}"))["id"] for number in range(count)]


async def page(clients: Clients, person: Person, channel: Thing, query: str) -> dict[str, Any]:
    """A list of a channel's posts."""
    found: dict[str, Any] = (await clients(person).get(f"/channels/{channel.id}/posts?{query}")).ok()
    return found


async def test_pages_go_from_the_newest_to_the_oldest(client: Clients, make: Make, world: World) -> None:
    town = await make.channel(world.team, owner=world.ada)
    ids = await fill(make, world.ada, town, 7)
    ids.reverse()

    first = await page(client, world.ada, town, "per_page=3")
    second = await page(client, world.ada, town, "per_page=3&page=1")
    third = await page(client, world.ada, town, "per_page=3&page=2")  # one of them says that Ada came
    beyond = await page(client, world.ada, town, "per_page=3&page=9")

    assert first["order"] == ids[:3]
    assert set(first["posts"]) == set(ids[:3])
    assert (first["next_post_id"], first["prev_post_id"]) == ("", ids[3])
    assert second["order"] == ids[3:6]
    assert (second["next_post_id"], second["prev_post_id"]) == (ids[2], ids[6])
    assert third["order"][0] == ids[6]
    assert third["prev_post_id"] == ""
    assert (beyond["order"], beyond["posts"]) == ([], {})
    assert first["first_inaccessible_post_time"] == 0


async def test_before_and_after_a_post(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 8)

    older = await page(client, world.bob, world.town, f"before={ids[5]}&per_page=2")
    older_still = await page(client, world.bob, world.town, f"before={ids[5]}&per_page=2&page=1")
    newer = await page(client, world.bob, world.town, f"after={ids[2]}&per_page=2")
    newer_still = await page(client, world.bob, world.town, f"after={ids[2]}&per_page=2&page=1")
    newest = await page(client, world.bob, world.town, f"after={ids[5]}&per_page=2")

    assert older["order"] == [ids[4], ids[3]]
    assert (older["next_post_id"], older["prev_post_id"]) == (ids[5], ids[2])
    assert older_still["order"] == [ids[2], ids[1]]
    assert (older_still["next_post_id"], older_still["prev_post_id"]) == (ids[3], ids[0])
    assert newer["order"] == [ids[4], ids[3]]
    assert (newer["prev_post_id"], newer["next_post_id"]) == (ids[2], ids[5])
    assert newer_still["order"] == [ids[6], ids[5]]
    assert (newer_still["prev_post_id"], newer_still["next_post_id"]) == (ids[4], ids[7])
    assert newest["order"] == [ids[7], ids[6]]
    assert (newest["prev_post_id"], newest["next_post_id"]) == (ids[5], "")


async def test_a_post_of_another_channel_is_no_place_in_this_one(client: Clients, make: Make, world: World) -> None:
    await fill(make, world.ada, world.town, 2)
    (elsewhere,) = await fill(make, world.ada, await make.channel(world.team, [world.ada]), 1)

    assert (await page(client, world.ada, world.town, f"before={elsewhere}"))["order"] == []
    assert (await page(client, world.ada, world.town, f"after={'z' * 26}"))["order"] == []


@pytest.mark.parametrize(
    "query", ["since=-1", "since=x", "before=x", "after=..", "collapsedThreads=maybe", "since=99999999999999999999999"]
)
async def test_odd_questions_are_refused(client: Clients, same_world: World, query: str) -> None:
    reply = await client(same_world.ada).get(f"/channels/{same_world.town.id}/posts?{query}")

    assert reply.status == 400
    assert reply.error_id == "api.context.invalid_body_param.app_error"


@pytest.mark.parametrize("query", ["page=-1", "per_page=-5", "per_page=x", "page=x", "per_page=0", "page=99999999999"])
async def test_odd_pages_are_harmless(client: Clients, same_world: World, query: str) -> None:
    assert "order" in await page(client, same_world.ada, same_world.town, query)


async def test_strangers_read_public_channels_of_their_team_and_no_private_ones(
    client: Clients, make: Make, world: World
) -> None:
    (post_id,) = await fill(make, world.ada, world.town, 1)
    private = await make.channel(world.team, [world.ada], type="P")
    (secret_id,) = await fill(make, world.ada, private, 1)
    outsider = await make.user()

    assert post_id in (await page(client, world.carol, world.town, ""))["order"]
    for person, path in (
        (world.carol, f"/channels/{private.id}/posts"),
        (world.carol, f"/posts/{secret_id}"),
        (world.carol, f"/posts/{secret_id}/thread"),
        (world.carol, f"/channels/{private.id}/pinned"),
        (world.carol, f"/users/me/channels/{private.id}/posts/unread"),
        (outsider, f"/channels/{world.town.id}/posts"),
        (outsider, f"/posts/{post_id}"),
    ):
        reply = await client(person).get(path)
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    found = (await client(world.carol).post("/posts/ids", [post_id, secret_id, "z" * 26])).ok()
    assert [post["id"] for post in found] == [post_id]


async def test_replies_bring_their_threads_along(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    early = await make.post(world.bob, world.town, "early", root_id=root["id"])
    ids = await fill(make, world.ada, world.town, 3)
    late = await make.post(world.bob, world.town, "late", root_id=root["id"])

    whole = await page(client, world.ada, world.town, "per_page=3")
    short = await page(client, world.ada, world.town, "per_page=3&skipFetchThreads=true")

    assert whole["order"] == short["order"] == [late["id"], ids[2], ids[1]]
    assert set(whole["posts"]) == {*whole["order"], root["id"], early["id"]}
    assert set(short["posts"]) == {*short["order"], root["id"]}
    assert short["posts"][root["id"]]["reply_count"] == short["posts"][late["id"]]["reply_count"] == 2


async def test_collapsed_threads_list_roots_with_their_threads(client: Clients, make: Make, world: World) -> None:
    root = await make.post(world.ada, world.town, "root")
    lonely = await make.post(world.ada, world.town, "lonely")
    reply = await make.post(world.bob, world.town, "reply", root_id=root["id"])

    plain = await page(client, world.bob, world.town, "collapsedThreads=true&per_page=2")
    extended = await page(
        client, world.bob, world.town, "collapsedThreads=true&collapsedThreadsExtended=true&per_page=2"
    )

    assert plain["order"] == [lonely["id"], root["id"]]
    assert reply["id"] not in plain["posts"]
    post = plain["posts"][root["id"]]
    assert (post["reply_count"], post["last_reply_at"], post["is_following"]) == (1, reply["create_at"], True)
    assert post["participants"] == [{"id": world.ada.id}, {"id": world.bob.id}]
    assert plain["posts"][lonely["id"]]["is_following"] is False
    assert plain["posts"][lonely["id"]]["participants"] is None
    names = [user["username"] for user in extended["posts"][root["id"]]["participants"]]
    assert names == [world.ada.username, world.bob.username]
    assert all("password" not in user for user in extended["posts"][root["id"]]["participants"])


async def test_since_shows_what_changed_and_what_is_gone(client: Clients, make: Make, world: World) -> None:
    kept, edited, gone, reacted, root = await fill(make, world.ada, world.town, 5)
    since = (await make.post(world.ada, world.town, "mark"))["create_at"]
    ada = client(world.ada)
    (await ada.put(f"/posts/{edited}/patch", {"message": "other"})).ok()
    (await ada.delete(f"/posts/{gone}")).ok()
    (await ada.post("/reactions", {"user_id": world.ada.id, "post_id": reacted, "emoji_name": "smile"})).ok()
    reply = await make.post(world.bob, world.town, "reply", root_id=root)

    found = await page(client, world.bob, world.town, f"since={since}")

    assert set(found["order"]) == {edited, gone, reacted, root, reply["id"]}
    assert kept not in found["posts"]
    assert (found["next_post_id"], found["prev_post_id"]) == ("", "")
    deleted = found["posts"][gone]
    assert deleted["delete_at"] > since
    assert (deleted["message"], deleted["metadata"], deleted["props"]) == ("", {}, {})
    assert found["posts"][edited]["message"] == "other"
    times = [found["posts"][post_id]["create_at"] for post_id in found["order"]]
    assert times == sorted(times, reverse=True)
    roots = await page(client, world.bob, world.town, f"since={since}&collapsedThreads=true")
    assert set(roots["order"]) == {edited, gone, reacted, root}


async def test_since_the_newest_change_shows_every_later_one(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 3)
    for post_id in (*ids, *ids):
        before = (await page(client, world.bob, world.town, "per_page=3"))["posts"]
        newest = max(post["update_at"] for post in before.values())

        (await client(world.ada).put(f"/posts/{post_id}/patch", {"message": f"changed after {newest}"})).ok()

        assert (await page(client, world.bob, world.town, f"since={newest}"))["order"] == [post_id]


async def test_deleted_posts_are_listed_for_administrators_who_ask(
    client: Clients, make: Make, admin: Person, world: World
) -> None:
    ids = await fill(make, world.ada, world.town, 4)
    (await client(world.ada).delete(f"/posts/{ids[2]}")).ok()

    everybody = await page(client, world.ada, world.town, "per_page=3")
    administrator = await page(client, admin, world.town, "per_page=3&include_deleted=true")
    older = await page(client, admin, world.town, f"per_page=2&include_deleted=true&before={ids[3]}")

    assert everybody["order"] == [ids[3], ids[1], ids[0]]
    assert administrator["order"] == [ids[3], ids[2], ids[1]]
    assert older["order"] == [ids[2], ids[1]]
    assert administrator["posts"][ids[2]]["message"] == ""
    assert (await client(world.ada).get(f"/channels/{world.town.id}/posts?include_deleted=true")).status == 403
    assert (await client(world.ada).get(f"/posts/{ids[2]}")).status == 404
    assert (await client(world.ada).get(f"/posts/{ids[2]}?include_deleted=true")).status == 403
    kept = (await client(admin).get(f"/posts/{ids[2]}?include_deleted=true&retain_content=true")).ok()
    assert kept["message"] == "number 2"


async def test_a_page_that_did_not_change_is_not_sent_again(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 2)
    path = f"/channels/{world.town.id}/posts"
    bob = client(world.bob)
    etags: list[str] = []

    async def changed() -> bool:
        """Whether the page is another than last time; remembers its ETag."""
        first = await bob.get(path, headers={"if-none-match": etags[-1]} if etags else {})
        if first.status == 304:
            assert first.content == b""
            assert first.headers["etag"] == etags[-1]
            return False
        first.ok()
        etags.append(first.headers["etag"])
        again = await bob.get(path, headers={"if-none-match": etags[-1]})
        assert again.status == 304
        return True

    assert await changed()
    assert not await changed()
    ada = client(world.ada)
    for change in (
        ada.put(f"/posts/{ids[0]}/patch", {"message": "x"}),
        ada.post("/reactions", {"user_id": world.ada.id, "post_id": ids[0], "emoji_name": "smile"}),
        ada.delete(f"/users/me/posts/{ids[0]}/reactions/smile"),
        ada.post(f"/posts/{ids[0]}/pin"),
        ada.delete(f"/posts/{ids[1]}"),
        ada.post("/posts", {"channel_id": world.town.id, "message": "new"}),
    ):
        assert (await change).status in (200, 201)
        assert await changed()
    assert len(set(etags)) == len(etags)
    assert "etag" not in (await bob.get(f"{path}?since=1")).headers


async def test_a_single_post_has_an_etag_too(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "x")
    first = await client(world.bob).get(f"/posts/{post['id']}")
    fresh = {"if-none-match": first.headers["etag"]}

    assert (await client(world.bob).get(f"/posts/{post['id']}", headers=fresh)).status == 304
    (await client(world.ada).put(f"/posts/{post['id']}/patch", {"message": "y"})).ok()
    assert (await client(world.bob).get(f"/posts/{post['id']}", headers=fresh)).ok()["message"] == "y"


async def test_a_page_costs_one_statement_and_two_with_threads_or_reactions(
    client: Clients, counted: Counted, make: Make, world: World
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await fill(make, world.ada, world.town, 3)
    path = f"/channels/{world.town.id}/posts"
    (await client(world.ada).post("/emoji/names", ["smile"])).ok()  # by which the node knows all emojis

    with counted(sql=1):
        (await client(world.ada).get(path)).ok()
    (
        await client(world.ada).post(
            "/reactions", {"user_id": world.ada.id, "post_id": root["id"], "emoji_name": "smile"}
        )
    ).ok()
    with counted(sql=2):
        found = (await client(world.ada).get(path)).ok()
    assert found["posts"][root["id"]]["metadata"]["reactions"][0]["emoji_name"] == "smile"
    await make.post(world.ada, world.town, "reply", root_id=root["id"])
    with counted(sql=2):
        (await client(world.ada).get(path)).ok()
    (await client(world.ada).delete(f"/users/me/posts/{root['id']}/reactions/smile")).ok()
    with counted(sql=2):
        (await client(world.ada).get(path)).ok()
    with counted(sql=1):
        (await client(world.ada).get(path + "?collapsedThreads=true")).ok()
    with counted(sql=2):
        (await client(world.ada).get(path + "?collapsedThreads=true&collapsedThreadsExtended=true")).ok()


async def test_pages_show_reactions_and_files_as_single_posts_do(client: Clients, make: Make, world: World) -> None:
    town = await make.channel(world.team, [world.bob], owner=world.ada)
    ada, bob = client(world.ada), client(world.bob)
    files = []
    for name in ("two", "one", "three"):
        stored = (await ada.post(f"/files?channel_id={town.id}&filename={name}.txt", name.encode())).ok(201)
        files.append(stored["file_infos"][0]["id"])
    root = (await ada.post("/posts", {"channel_id": town.id, "message": "files", "file_ids": files})).ok(201)
    plain = await make.post(world.ada, town, "none")
    await make.post(world.ada, town, "reply", root_id=plain["id"])
    for person, name in ((world.bob, "tada"), (world.ada, "smile"), (world.bob, "heart")):
        reaction = {"user_id": person.id, "post_id": root["id"], "emoji_name": name}
        (await client(person).post("/reactions", reaction)).ok()
        await next_moment()  # they stand in the order of their times
    (await bob.post("/reactions", {"user_id": world.bob.id, "post_id": plain["id"], "emoji_name": "eyes"})).ok()
    single = {each["id"]: (await ada.get(f"/posts/{each['id']}")).ok()["metadata"] for each in (root, plain)}

    lists = [
        (await page(client, world.ada, town, query))["posts"]
        for query in ("collapsedThreads=true", "", "since=1&collapsedThreads=true")
    ]

    assert [each["id"] for each in single[root["id"]]["files"]] == files
    assert [each["emoji_name"] for each in single[root["id"]]["reactions"]] == ["tada", "smile", "heart"]
    for posts in lists:
        assert {post_id: posts[post_id]["metadata"] for post_id in single} == single


async def test_pages_stand_on_their_indexes(two_nodes: Nodes, make: Make, world: World) -> None:
    """Each list reads by its index and sorts nothing but what it found."""
    connection = await two_nodes[0].services.db.connect()
    try:
        await connection.execute("SET enable_seqscan = off")
        for (kind, collapsed, *_), sql in PAGES.items():
            arguments = [world.town.id, 61, 0, world.ada.id, *(["a" * 26] if kind else [])]
            plan = "\n".join(
                row[0] for row in await connection.fetch(f"EXPLAIN (COSTS OFF) {_filled(sql.text, arguments)}")
            )
            assert ("posts_channel_root_idx" if collapsed else "posts_channel_idx") in plan, plan
    finally:
        await connection.close()


def _filled(text: str, arguments: list[Any]) -> str:
    for position, value in reversed(list(enumerate(arguments, 1))):
        text = text.replace(f"${position}", str(value) if isinstance(value, int) else f"'{value}'")
    return text


async def test_posts_around_the_first_unread_one(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 4)
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    unread = await fill(make, world.ada, world.town, 4)
    path = f"/users/me/channels/{world.town.id}/posts/unread"

    around = (await client(world.bob).get(f"{path}?limit_before=2&limit_after=2")).ok()
    everything = (await client(world.bob).get(path)).ok()

    assert around["order"] == [unread[1], unread[0], ids[3], ids[2]]
    assert (around["next_post_id"], around["prev_post_id"]) == (unread[2], ids[1])
    assert everything["order"][:8] == [*reversed(unread), *reversed(ids)]
    assert (everything["next_post_id"], everything["prev_post_id"]) == ("", "")

    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    newest = (await client(world.bob).get(f"{path}?limit_before=2&limit_after=2")).ok()
    assert newest["order"] == [unread[3], unread[2]]
    assert newest["prev_post_id"] == unread[1]
    assert (await client(world.bob).get(path.replace("me", world.ada.id, 1))).status == 403


async def test_pinned_posts(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 3)
    for post_id in (ids[0], ids[2]):
        (await client(world.ada).post(f"/posts/{post_id}/pin")).ok()
    first = await client(world.bob).get(f"/channels/{world.town.id}/pinned")

    assert first.ok()["order"] == [ids[2], ids[0]]
    fresh = {"if-none-match": first.headers["etag"]}
    assert (await client(world.bob).get(f"/channels/{world.town.id}/pinned", headers=fresh)).status == 304
    (await client(world.ada).post(f"/posts/{ids[2]}/unpin")).ok()
    again = (await client(world.bob).get(f"/channels/{world.town.id}/pinned", headers=fresh)).ok()
    assert again["order"] == [ids[0]]


async def test_flagged_posts(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 3)
    direct = await make.direct(world.ada, world.bob)
    await next_moment()
    (whisper,) = await fill(make, world.ada, direct, 1)
    flags = [
        {"user_id": world.bob.id, "category": "flagged_post", "name": post_id, "value": "true"}
        for post_id in (ids[0], ids[2], whisper)
    ]
    (await client(world.bob).put("/users/me/preferences", flags)).ok()
    path = "/users/me/posts/flagged"

    async def order(query: str) -> list[str]:
        found: list[str] = (await client(world.bob).get(f"{path}?{query}")).ok()["order"]
        return found

    assert await order("") == [whisper, ids[2], ids[0]]
    assert await order(f"channel_id={world.town.id}") == [ids[2], ids[0]]
    assert await order(f"team_id={world.team.id}") == [whisper, ids[2], ids[0]]
    assert await order("per_page=1&page=1") == [ids[2]]
    (await client(world.ada).delete(f"/posts/{ids[2]}")).ok()
    assert await order("") == [whisper, ids[0]]
    (await client(world.bob).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()
    assert await order("") == [whisper, ids[0]]
    (await client(make.admin).put(f"/channels/{world.town.id}/privacy", {"privacy": "P"})).ok()
    assert await order("") == [whisper]
    assert await order(f"channel_id={world.town.id}") == []
    assert (await client(world.ada).get(f"/users/{world.bob.id}/posts/flagged")).status == 403
    (await client(make.admin).delete(f"/users/{world.bob.id}")).ok()
    assert (await client(make.admin).get(f"/users/{world.bob.id}/posts/flagged")).ok()["order"] == [whisper]


async def test_where_a_post_is(client: Clients, make: Make, world: World) -> None:
    (post_id,) = await fill(make, world.ada, world.town, 1)
    private = await make.channel(world.team, [world.ada], type="P")
    (secret_id,) = await fill(make, world.ada, private, 1)

    info = (await client(world.carol).get(f"/posts/{post_id}/info")).ok()

    assert info == {
        "channel_id": world.town.id,
        "channel_type": "O",
        "channel_display_name": world.town.body["display_name"],
        "has_joined_channel": False,
        "team_id": world.team.id,
        "team_type": "O",
        "team_display_name": world.team.body["display_name"],
        "has_joined_team": True,
    }
    assert (await client(world.bob).get(f"/posts/{post_id}/info")).ok()["has_joined_channel"] is True
    assert (await client(world.carol).get(f"/posts/{secret_id}/info")).status == 404
    assert (await client(world.carol).get(f"/posts/{'z' * 26}/info")).status == 404
    assert (await client(world.bob).get(f"/posts/{post_id}/files/info")).ok() == []


async def test_who_never_looked_begins_with_the_newest_posts(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 4)
    path = f"/users/me/channels/{world.town.id}/posts/unread?limit_before=2&limit_after=2"

    assert (await client(world.bob).get(path)).ok()["order"] == [ids[3], ids[2]]


async def test_unread_posts_come_without_read_ones_when_asked_for(client: Clients, make: Make, world: World) -> None:
    ids = await fill(make, world.ada, world.town, 4)
    (await client(world.bob).post(f"/users/me/posts/{ids[2]}/set_unread", {})).ok()
    path = f"/users/me/channels/{world.town.id}/posts/unread"

    found = (await client(world.bob).get(f"{path}?limit_before=0&limit_after=1")).ok()

    assert (found["order"], found["next_post_id"], found["prev_post_id"]) == ([ids[2]], ids[3], ids[1])
    assert len((await client(world.bob).get(f"{path}?limit_before=999999&limit_after=999999")).ok()["order"]) > 4
    for odd in ("limit_before=-1", "limit_after=0", "limit_after=x"):
        assert (await client(world.bob).get(f"{path}?{odd}")).status == 400
