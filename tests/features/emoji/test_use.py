"""Custom emojis in messages and as reactions: what readers are told with the post."""

from typing import Any

import pytest

from tests.clients_of import Reply
from tests.features.emoji.uploading import Clients, Counted, Settings, Sockets, new_emoji
from tests.features.posts.world import World
from tests.make import Make, Person
from tests.waiting import until


async def react(client: Clients, person: Person, post_id: str, emoji: str) -> Reply:
    """Put an emoji to a post."""
    body = {"user_id": person.id, "post_id": post_id, "emoji_name": emoji}
    return await client(person).post("/reactions", body)


async def test_a_message_brings_the_custom_emojis_that_it_uses(
    make: Make, client: Clients, socket: Sockets, world: World
) -> None:
    one, two = await new_emoji(make, client), await new_emoji(make, client)
    message = f"at 12:30:{two['name']}: :smile: :{one['name']}: :{two['name']}: :nobody_has_this: :{one['name']}"
    async with socket(world.bob, node=1) as events:
        post = await make.post(world.ada, world.town, message)
        posted = (await events.next("posted")).data["post"]

    page = (await client(world.bob, node=1).get(f"/channels/{world.town.id}/posts")).ok()
    wanted = sorted([one, two], key=lambda emoji: str(emoji["name"]))
    alone = (await client(world.bob).get(f"/posts/{post['id']}")).ok()
    thread = (await client(world.bob).get(f"/posts/{post['id']}/thread")).ok()
    for shown in (post, posted, alone, page["posts"][post["id"]], thread["posts"][post["id"]]):
        assert shown["metadata"]["emojis"] == wanted


async def test_an_edited_message_brings_the_emojis_that_it_uses_now(
    make: Make, client: Clients, socket: Sockets, world: World
) -> None:
    one, two = await new_emoji(make, client), await new_emoji(make, client)
    post = await make.post(world.ada, world.town, f":{one['name']}:")
    async with socket(world.bob) as events:
        edited = (await client(world.ada).put(f"/posts/{post['id']}/patch", {"message": f":{two['name']}:"})).ok()
        told = (await events.next("post_edited")).data["post"]

    assert edited["metadata"]["emojis"] == told["metadata"]["emojis"] == [two]


async def test_attachments_bring_the_emojis_that_they_use(make: Make, client: Clients, world: World) -> None:
    emojis = [await new_emoji(make, client) for _ in range(4)]
    one, two, three, four = (f":{emoji['name']}:" for emoji in emojis)
    attachment: dict[str, Any] = {"pretext": one, "text": two, "title": three}
    attachment["fields"] = [{"title": "x", "value": four}, {"title": "y", "value": 7}]

    post = await make.post(world.ada, world.town, "", props={"attachments": [attachment, {"text": None}]})

    assert {emoji["id"] for emoji in post["metadata"]["emojis"]} == {emoji["id"] for emoji in emojis}


@pytest.mark.parametrize("message", ["no emoji", "::::", "10:20:30", ":smile:", "`:`:", ":" * 16_383, ":a" * 8000])
async def test_messages_without_custom_emojis_bring_none(make: Make, world: World, message: str) -> None:
    assert "emojis" not in (await make.post(world.ada, world.town, message))["metadata"]


async def test_a_custom_emoji_is_put_to_posts_and_comes_with_them(make: Make, client: Clients, world: World) -> None:
    emoji = await new_emoji(make, client)
    post = await make.post(world.ada, world.town, "hello")

    (await react(client, world.bob, post["id"], emoji["name"])).ok()

    page = (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()
    shown = page["posts"][post["id"]]["metadata"]
    assert shown["emojis"] == [emoji]
    assert [reaction["emoji_name"] for reaction in shown["reactions"]] == [emoji["name"]]


async def test_an_emoji_that_nobody_has_can_not_be_put_to_a_post(
    make: Make, client: Clients, settings: Settings, world: World
) -> None:
    emoji = await new_emoji(make, client)
    post = await make.post(world.ada, world.town, "hello")

    unknown = await react(client, world.ada, post["id"], "nobody_has_this")
    settings(ServiceSettings={"EnableCustomEmoji": False})
    off = await react(client, world.ada, post["id"], emoji["name"])
    used = await make.post(world.ada, world.town, f":{emoji['name']}:")

    assert (unknown.status, unknown.error_id) == (404, "app.emoji.get_by_name.no_result")
    assert (off.status, off.error_id) == (501, "api.emoji.disabled.app_error")
    assert "emojis" not in used["metadata"]
    assert (await react(client, world.ada, post["id"], "+1_medium_skin_tone")).status == 200


async def test_with_an_emoji_go_its_reactions(make: Make, client: Clients, world: World) -> None:
    emoji = await new_emoji(make, client)
    only, also = [await make.post(world.ada, world.town, "hello") for _ in range(2)]
    for post in (only, also):
        (await react(client, world.bob, post["id"], emoji["name"])).ok()
    (await react(client, world.bob, also["id"], "cat")).ok()
    before = (await client(world.ada).get(f"/posts/{only['id']}")).ok()

    (await client(make.admin).delete(f"/emoji/{emoji['id']}")).ok()

    async def left(post: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = (await client(world.ada).get(f"/posts/{post['id']}")).ok()
        return shown

    async def gone() -> dict[str, Any] | None:
        shown = await left(only)
        return None if "has_reactions" in shown else shown

    shown = await until(gone)
    assert shown["metadata"] == {}
    assert shown["update_at"] > before["update_at"]
    assert [reaction["emoji_name"] for reaction in (await left(also))["metadata"]["reactions"]] == ["cat"]
    assert "emojis" not in (await left(also))["metadata"]


async def test_emojis_cost_a_page_no_statement(make: Make, client: Clients, counted: Counted, world: World) -> None:
    emoji = await new_emoji(make, client)
    await make.post(world.ada, world.town, f":{emoji['name']}: hello")
    (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()

    with counted(sql=1):
        page = (await client(world.ada).get(f"/channels/{world.town.id}/posts")).ok()
    with counted(sql=1):
        await make.post(world.ada, world.town, f":{emoji['name']}: hello")

    assert page["posts"][page["order"][0]]["metadata"]["emojis"] == [emoji]
