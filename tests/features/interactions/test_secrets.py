"""What an action calls is nobody's business: every way in which posts leave the server is looked at."""

import json
from typing import Any

import pytest

from tests.features.interactions.world import Clients, Json, Settings, Sockets, World
from tests.make import Make
from tests.receiver import Receiver

SECRET = "topsecret"
URL = f"https://{SECRET}.example.org/hook"


def attachments(name: str = "go") -> list[Json]:
    action = {"id": name, "name": "Go", "type": "button", "integration": {"url": URL, "context": {"key": SECRET}}}
    return [{"text": "lunch", "actions": [action]}, {"text": "more", "actions": [{**action, "id": f"{name}2"}]}]


def listed(value: Any) -> int:
    """How many actions are in an answer, which has none of their secrets."""
    text = json.dumps(value)
    assert SECRET not in text, text
    assert "integration" not in text, text
    return text.count('"Go"') + text.count('\\"Go\\"')


async def test_no_read_and_no_event_tells_what_actions_call(
    world: World, make: Make, client: Clients, socket: Sockets, settings: Settings
) -> None:
    bob, ada = client(world.bob), client(world.ada)
    town = world.town.id
    async with socket(world.bob) as events, socket(world.ada) as own:
        new = {"channel_id": town, "message": "secretive lunch #poll", "props": {"attachments": attachments()}}
        post = (await ada.post("/posts", new)).ok(201)
        path = f"/posts/{post['id']}"
        reply = (await ada.post("/posts", {**new, "root_id": post["id"], "message": "a reply"})).ok(201)
        made = [post, reply, (await ada.put(f"{path}/patch", {"message": "secretive lunch today #poll"})).ok()]
        made.append((await ada.put(path, {**post, "message": "secretive lunch now #poll"})).ok())
        (await bob.post(f"{path}/pin")).ok()
        emoji = {"user_id": world.bob.id, "post_id": post["id"], "emoji_name": "+1"}
        (await bob.post("/reactions", emoji)).ok()
        flag = {"user_id": world.bob.id, "category": "flagged_post", "name": post["id"], "value": "true"}
        (await bob.put("/users/me/preferences", [flag])).ok()
        (await bob.put(f"/users/me/teams/{world.team.id}/threads/{post['id']}/following")).ok()
        made.append((await ada.post("/posts", {**new, "root_id": post["id"], "message": "another"})).ok(201))
        heard = [*await events.until_now(), *await own.until_now()]

    reads = [
        path,
        f"{path}/thread",
        f"{path}/thread?collapsedThreads=true&perPage=10",
        f"/channels/{town}/posts",
        f"/channels/{town}/posts?since=1",
        f"/channels/{town}/posts?collapsedThreads=true&collapsedThreadsExtended=true",
        f"/channels/{town}/posts?after={post['id']}",
        f"/channels/{town}/pinned",
        f"/users/me/channels/{town}/posts/unread",
        "/users/me/posts/flagged",
        f"/users/me/teams/{world.team.id}/threads?extended=true",
        f"/users/me/teams/{world.team.id}/threads/{post['id']}",
    ]
    for read in reads:
        assert listed((await bob.get(read)).ok()), read
    assert listed((await ada.get(f"{path}/edit_history")).ok())
    assert listed((await bob.post("/posts/ids", [post["id"]])).ok())
    found = await bob.post(f"/teams/{world.team.id}/posts/search", {"terms": "secretive", "is_or_search": False})
    assert listed(found.ok())
    assert [listed(each) for each in made] == [2] * 5
    names = {event.name for event in heard if listed(event.raw)}
    assert names >= {"posted", "post_edited"}
    listed([event.raw for event in heard])

    settings(ServiceSettings={"SiteURL": "https://chat.example.org"})
    link = f"https://chat.example.org/{world.team.name}/pl/{post['id']}"
    linking = (await ada.post("/posts", {"channel_id": town, "message": link})).ok(201)
    shown = (await bob.get(f"/posts/{linking['id']}")).ok()
    assert shown["metadata"]["embeds"][0]["type"] == "permalink"
    assert [listed(linking), listed(shown)] == [2, 2]
    async with socket(world.bob) as events:
        (await ada.delete(path)).ok()
        listed([event.raw for event in await events.until_now()])
    gone = await client(make.admin).get(f"{path}?include_deleted=true&retain_content=true")
    assert listed(gone.ok()) == 2


async def test_posts_of_hooks_and_their_answers_tell_nothing(
    world: World, make: Make, client: Clients, socket: Sockets, receiver: Receiver, reachable: None
) -> None:
    square = await make.channel(world.team, [world.bob], owner=world.ada)
    incoming = (await client(world.ada).post("/hooks/incoming", {"channel_id": square.id})).ok(201)
    outgoing = {"team_id": world.team.id, "trigger_words": ["lunch"], "callback_urls": [receiver.url]}
    (await client(world.ada).post("/hooks/outgoing", outgoing)).ok(201)
    receiver.answer(json={"attachments": attachments()})

    async with socket(world.bob) as events:
        assert (await client().post(f"//hooks/{incoming['id']}", {"attachments": attachments()})).status == 200
        hooked = (await events.next("posted")).data["post"]
        (await client(world.bob).post("/posts", {"channel_id": square.id, "message": "lunch"})).ok(201)
        await events.next("posted")
        answered = (await events.next("posted")).data["post"]

    assert [listed(hooked), listed(answered)] == [2, 2]
    assert listed((await client(world.bob).get(f"/channels/{square.id}/posts")).ok()) == 4


async def test_ephemeral_posts_tell_nothing(world: World, make: Make, client: Clients, socket: Sockets) -> None:
    new = {"channel_id": world.town.id, "message": "psst", "props": {"attachments": attachments()}}

    async with socket(world.bob) as events:
        body = {"user_id": world.bob.id, "post": new}
        made = (await client(make.admin).post("/posts/ephemeral", body)).ok(201)
        seen = await events.next("ephemeral_message")

    assert [listed(made), listed(seen.raw)] == [2, 2]


@pytest.mark.usefixtures("reachable")
async def test_what_an_update_brings_is_secret_too(
    world: World, client: Clients, socket: Sockets, receiver: Receiver
) -> None:
    post = await world.poll(receiver.url)
    receiver.answer(json={"update": {"message": "lunch", "props": {"attachments": attachments("new")}}})

    async with socket(world.ada) as events:
        (await world.click(world.bob, post)).ok()
        edited = await events.next("post_edited")

    assert listed(edited.raw) == 2
    assert listed(await world.read(post)) == 2


async def test_cookies_do_not_make_a_small_answer_a_large_one(world: World, make: Make, client: Clients) -> None:
    def body(count: int) -> Json:
        actions = [{"id": str(number), "integration": {"url": "https://x.example.org"}} for number in range(count)]
        props = {"attachments": [{"actions": actions}], "override_icon_url": "x" * 1024}
        return {"user_id": world.bob.id, "post": {"channel_id": world.town.id, "message": "many", "props": props}}

    assert (await client(make.admin).post("/posts/ephemeral", body(200))).status == 201
    assert (await client(make.admin).post("/posts/ephemeral", body(201))).status == 400
