"""Reactions: putting emojis to posts, taking them back, and who hears of it."""

import asyncio
from typing import Any

import pytest

from tests.clients_of import Reply
from tests.features.posts.world import Clients, Counted, Settings, Sockets, World
from tests.make import Make, Person
from tests.waiting import next_moment


async def react(client: Clients, person: Person, post_id: str, emoji: str = "smile", **options: Any) -> Reply:
    """Put an emoji to a post."""
    body = {"user_id": person.id, "post_id": post_id, "emoji_name": emoji}
    return await client(person).post("/reactions", body, **options)


async def test_a_reaction_reaches_the_channel_and_is_part_of_the_post(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    post = await make.post(world.ada, world.town, "nice")
    async with socket(world.ada, node=1) as ada, socket(world.carol) as carol:
        reaction = (await react(client, world.bob, post["id"])).ok()

        event = await ada.next("reaction_added")
        assert event.data["reaction"] == reaction
        assert event.broadcast["channel_id"] == world.town.id
        assert "reaction_added" not in await carol.names()
    assert (reaction["user_id"], reaction["post_id"], reaction["emoji_name"]) == (world.bob.id, post["id"], "smile")
    assert (reaction["channel_id"], reaction["delete_at"], reaction["remote_id"]) == (world.town.id, 0, "")
    shown = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
    assert shown["has_reactions"] is True
    assert shown["metadata"]["reactions"] == [reaction]
    assert shown["update_at"] > post["update_at"]
    assert shown["edit_at"] == 0
    assert (await client(world.ada).get(f"/posts/{post['id']}/reactions")).ok() == [reaction]


async def test_the_same_again_gives_the_reaction_that_is_there(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    post = await make.post(world.ada, world.town, "nice")
    first = (await react(client, world.bob, post["id"])).ok()
    async with socket(world.ada) as events:
        assert (await react(client, world.bob, post["id"])).ok() == first
        assert "reaction_added" not in await events.names()


async def test_reactions_stand_oldest_first(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "nice")
    wanted = []
    for person, emoji in ((world.bob, "zzz"), (world.ada, "+1"), (world.bob, "wave_medium_skin_tone")):
        wanted.append((await react(client, person, post["id"], emoji)).ok())
        await next_moment()

    shown = (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()["posts"][post["id"]]

    assert shown["metadata"]["reactions"] == wanted


async def test_a_reaction_is_taken_back(client: Clients, make: Make, socket: Sockets, world: World) -> None:
    post = await make.post(world.ada, world.town, "nice")
    reaction = (await react(client, world.bob, post["id"])).ok()
    kept = (await react(client, world.ada, post["id"])).ok()
    path = f"/users/me/posts/{post['id']}/reactions/smile"
    before = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
    async with socket(world.ada, node=1) as ada, socket(world.carol) as carol:
        assert (await client(world.bob).delete(path)).ok() == {"status": "OK"}

        assert (await ada.next("reaction_removed")).data["reaction"] == reaction
        (await client(world.bob).delete(path)).ok()
        assert "reaction_removed" not in await ada.names()
        assert "reaction_removed" not in await carol.names()
    shown = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
    assert (shown["has_reactions"], shown["metadata"]["reactions"]) == (True, [kept])
    assert shown["update_at"] > before["update_at"]
    (await client(world.ada).delete(path)).ok()
    bare = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
    assert not bare.get("has_reactions")
    assert "reactions" not in bare["metadata"]
    assert (await client(world.ada).get(f"/posts/{post['id']}/reactions")).ok() == []


async def test_who_may_react_and_who_may_take_back(client: Clients, make: Make, admin: Person, world: World) -> None:
    post = await make.post(world.ada, world.town, "nice")
    body = {"user_id": world.ada.id, "post_id": post["id"], "emoji_name": "smile"}

    reply = await client(world.bob).post("/reactions", body)
    assert (reply.status, reply.error_id) == (403, "api.reaction.save_reaction.user_id.app_error")
    assert (await react(client, world.carol, post["id"])).status == 403
    (await react(client, world.ada, post["id"])).ok()
    path = f"/users/{world.ada.id}/posts/{post['id']}/reactions/smile"
    for person in (world.bob, world.carol):
        assert (await client(person).delete(path)).status == 403
    (await client(admin).delete(path)).ok()
    assert (await client(world.ada).get(f"/posts/{post['id']}/reactions")).ok() == []


@pytest.mark.parametrize("emoji", ["", "smile!", "a b", "a" * 65, "smile\n", "ä", ":smile:"])
async def test_names_of_emojis_have_a_form(client: Clients, make: Make, same_world: World, emoji: str) -> None:
    post = await make.post(same_world.ada, same_world.town, "nice")

    reply = await react(client, same_world.ada, post["id"], emoji)

    assert (reply.status, reply.error_id) == (400, "model.reaction.is_valid.emoji_name.app_error")


@pytest.mark.parametrize(
    "body", [None, {}, [], {"emoji_name": "smile"}, {"user_id": "x", "post_id": 7, "emoji_name": 1}]
)
async def test_malformed_reactions_are_refused(client: Clients, same_world: World, body: object) -> None:
    assert (await client(same_world.ada).post("/reactions", body)).status == 400


async def test_nothing_can_be_put_to_what_is_gone_or_archived(client: Clients, make: Make, world: World) -> None:
    gone = await make.post(world.ada, world.town, "gone")
    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
    attic = await make.channel(world.team, [world.ada])
    old = await make.post(world.ada, attic, "old")
    (await react(client, world.ada, old["id"])).ok()
    (await client(make.admin).delete(f"/channels/{attic.id}")).ok()

    assert (await react(client, world.ada, gone["id"])).status == 404
    assert (await react(client, world.ada, "z" * 26)).status == 404
    reply = await react(client, world.ada, old["id"], "cat")
    assert (reply.status, reply.error_id) == (403, "api.reaction.save.archived_channel.app_error")
    assert (await client(world.ada).delete(f"/users/me/posts/{old['id']}/reactions/smile")).status == 403
    assert (await client(world.ada).delete(f"/users/me/posts/{'z' * 26}/reactions/smile")).status == 404
    assert (await client(world.ada).delete(f"/users/me/posts/{old['id']}/reactions/a!b")).status == 400


async def test_a_post_has_so_many_different_emojis_and_no_more(
    client: Clients, make: Make, settings: Settings, world: World
) -> None:
    settings(ServiceSettings={"UniqueEmojiReactionLimitPerPost": 3})
    post = await make.post(world.ada, world.town, "nice")
    for emoji in ("cat", "dog", "tada"):
        (await react(client, world.ada, post["id"], emoji)).ok()

    reply = await react(client, world.ada, post["id"], "heart")
    assert (reply.status, reply.error_id) == (400, "app.reaction.save.save.too_many_reactions")
    (await react(client, world.bob, post["id"], "tada")).ok()


async def test_reactions_to_many_posts(client: Clients, make: Make, world: World) -> None:
    posts = [await make.post(world.ada, world.town, "x") for _ in range(3)]
    private = await make.channel(world.team, [world.ada], type="P")
    secret = await make.post(world.ada, private, "secret")
    for post in (posts[0], posts[1], secret):
        (await react(client, world.ada, post["id"])).ok()
    ids = [post["id"] for post in posts]

    found = (await client(world.bob).post("/posts/ids/reactions", [*ids, secret["id"]])).ok()

    assert {post_id: len(reactions) for post_id, reactions in found.items()} == {
        ids[0]: 1,
        ids[1]: 1,
        ids[2]: 0,
        secret["id"]: 0,
    }
    bodies: list[object] = [[], ["x"], None, {}, ["a" * 26] * 1001, [None]]
    for body in bodies:
        assert (await client(world.bob).post("/posts/ids/reactions", body)).status == 400
    assert (await client(world.bob).get(f"/posts/{secret['id']}/reactions")).status == 403
    assert (await client(world.bob).get(f"/posts/{'z' * 26}/reactions")).status == 404


async def test_the_connection_that_reacts_does_not_hear_itself(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    post = await make.post(world.ada, world.town, "nice")
    async with socket(world.bob) as one, socket(world.bob) as other:
        (await react(client, world.bob, post["id"], headers={"connection-id": one.connection_id})).ok()

        assert (await other.next("reaction_added")).data["reaction"]["user_id"] == world.bob.id
        assert "reaction_added" not in await one.names()


async def test_adding_and_removing_at_once_leaves_the_mark_right(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "nice")

    async def toggle(person: Person, node: int, emoji: str) -> None:
        body = {"user_id": person.id, "post_id": post["id"], "emoji_name": emoji}
        for _ in range(4):
            (await client(person, node=node).post("/reactions", body)).ok()
            (await client(person, node=node).delete(f"/users/me/posts/{post['id']}/reactions/{emoji}")).ok()
        (await client(person, node=node).post("/reactions", body)).ok()

    await asyncio.gather(
        *(toggle(person, node, ("one", "two")[node]) for person in (world.ada, world.bob) for node in (0, 1))
    )

    shown = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
    assert shown["has_reactions"] is True
    assert len(shown["metadata"]["reactions"]) == 4


async def test_a_reaction_costs_one_statement(client: Clients, counted: Counted, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, "nice")
    (await react(client, world.bob, post["id"], "sunny")).ok()

    with counted(sql=1):
        (await react(client, world.bob, post["id"], "hot_face")).ok()
