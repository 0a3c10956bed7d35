"""Links in posts: what is fetched, who hears of it and what readers see."""

import asyncio
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.posts.queries import post_by_id
from server.features.previews import fetcher, queries
from server.features.previews.jobs import fetch_previews, sweep_link_previews
from server.features.previews.models import FetchPreviews
from server.ids import new_id
from tests.features.previews.world import Counted, Json, Settings, Sockets, World, picture, previewed, previewed_twice
from tests.make import Make
from tests.nodes import TestNode
from tests.waiting import until

AGE = SQL("UPDATE link_previews SET expire_at = 1 WHERE url = $1")
PLANNED = SQL("SELECT payload, run_at FROM jobs WHERE name = 'fetch_previews' AND payload->>'post_id' = ANY($1)")
KNOWN = SQL("SELECT count(*) FROM link_previews WHERE url = $1")


async def has_no_jobs(node: TestNode, post_id: str) -> bool:
    """Whether nothing is planned for a post."""
    sql = SQL("SELECT count(*) FROM jobs WHERE name = 'fetch_previews' AND payload->>'post_id' = $1")
    return bool(await node.services.db.value(sql, post_id) == 0)


async def until_fetched(node: TestNode, post_id: str) -> None:
    """Wait until the jobs of a post have run."""
    await until(lambda: has_no_jobs(node, post_id))


async def test_a_page_appears_below_its_link_for_everyone(world: World, make: Make, socket: Sockets) -> None:
    url = f"{world.receiver.url}/page"
    async with socket(world.bob, node=1) as events, socket(world.carol) as elsewhere:
        post = await make.post(world.ada, world.town, f"look at {url}.")
        seen = await previewed(events, post["id"])
        assert "post_edited" not in await elsewhere.names()

    assert post["metadata"] == {}
    assert seen["metadata"] == {
        "embeds": [
            {
                "type": "opengraph",
                "url": url,
                "data": {
                    "type": "article",
                    "url": url,
                    "title": "Bears & honey",
                    "description": 'All about "bears" > bees',
                    "site_name": "The Forest",
                    "images": [
                        {
                            "url": f"{world.receiver.url}/bear.png",
                            "secure_url": "",
                            "type": "",
                            "width": 64,
                            "height": 0,
                        }
                    ],
                },
            }
        ],
        "images": {
            f"{world.receiver.url}/bear.png": {"width": 64, "height": 48, "format": "png", "frame_count": 0},
        },
    }
    assert seen["edit_at"] == 0
    assert seen["update_at"] > post["update_at"], "or clients would think that they have it"
    assert await world.read(post["id"], world.bob, node=1) == seen


async def test_all_lists_show_previews(world: World, make: Make, socket: Sockets, counted: Counted) -> None:
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, f"{world.receiver.url}/page")
        metadata = (await previewed(events, post["id"]))["metadata"]
    ada = world.client(world.ada)
    await ada.post(f"/posts/{post['id']}/pin")
    page = f"/channels/{world.town.id}/posts?per_page=30"
    await ada.get(page)

    with counted(sql=1):
        listed = (await ada.get(page)).ok()
    lists = [
        listed,
        (await ada.get(f"{page}&since={post['create_at']}")).ok(),
        (await ada.get(f"/channels/{world.town.id}/pinned")).ok(),
        (await ada.get(f"/posts/{post['id']}/thread")).ok(),
    ]

    assert [each["posts"][post["id"]]["metadata"] for each in lists] == [metadata] * 4


async def test_a_picture_is_its_own_preview(world: World, make: Make, socket: Sockets) -> None:
    url = f"{world.receiver.url}/bear.png"
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, url)
        seen = await previewed(events, post["id"])

    assert seen["metadata"] == {
        "embeds": [{"type": "image", "url": url}],
        "images": {url: {"width": 64, "height": 48, "format": "png", "frame_count": 0}},
    }


async def test_pictures_in_texts_and_attachments_have_their_sizes(world: World, make: Make, socket: Sockets) -> None:
    world.receiver.answer(path="/a.gif", body=picture(9, 5, "GIF", frames=4), headers={"content-type": "image/gif"})
    world.receiver.answer(path="/b.jpg", body=picture(30, 20, "JPEG"), headers={"content-type": "image/jpeg"})
    base = world.receiver.url
    async with socket(world.bob) as events:
        attachments = [{"text": f"![b]({base}/b.jpg)", "image_url": f"{base}/bear.png", "thumb_url": "data:,x"}]
        post = await make.post(
            world.ada, world.town, f"![a]({base}/a.gif) `![c]({base}/c.png)`", props={"attachments": attachments}
        )
        seen = await previewed(events, post["id"])

    assert seen["metadata"] == {
        "embeds": [{"type": "message_attachment"}],
        "images": {
            f"{base}/a.gif": {"width": 9, "height": 5, "format": "gif", "frame_count": 4},
            f"{base}/b.jpg": {"width": 30, "height": 20, "format": "jpeg", "frame_count": 0},
            f"{base}/bear.png": {"width": 64, "height": 48, "format": "png", "frame_count": 0},
        },
    }
    assert [asked.path for asked in world.receiver.requests if asked.path == "/c.png"] == [], "code is no picture"


@pytest.mark.parametrize(
    "told",
    [
        {"status": 500, "text": "oops"},
        {"text": "<html><body>nothing to say", "headers": {"content-type": "text/html"}},
        {"body": b"PK", "headers": {"content-type": "application/zip"}},
        {"body": b"no picture", "headers": {"content-type": "image/png"}},
        {"breaks": True, "text": "half"},
        {"location": "http://10.0.0.1/inside"},
    ],
    ids=["error", "silent page", "archive", "lie", "broken", "led inside"],
)
async def test_what_gives_nothing_is_a_plain_link(
    world: World, make: Make, socket: Sockets, told: dict[str, Any]
) -> None:
    url = f"{world.receiver.url}/odd"
    world.receiver.answer(path="/odd", **told)
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, url)
        seen = await previewed(events, post["id"])

    assert seen["metadata"] == {"embeds": [{"type": "link", "url": url}]}


async def test_an_address_is_asked_once(world: World, make: Make, socket: Sockets, node: TestNode) -> None:
    url = f"{world.receiver.url}/page"
    async with socket(world.bob) as events:
        first = await make.post(world.ada, world.town, url)
        seen = await previewed(events, first["id"])
        second = await make.post(world.bob, world.town, f"again {url}")
        again = await previewed(events, second["id"])
        assert again["metadata"] == seen["metadata"]
        assert [asked.path for asked in world.receiver.requests] == ["/page", "/bear.png"]

        await node.services.db.run(AGE, url)
        third = await make.post(world.bob, world.town, f"later {url}")
        await previewed(events, third["id"])

    assert [asked.path for asked in world.receiver.requests] == ["/page", "/bear.png", "/page"]


async def test_what_is_old_is_forgotten(
    world: World, make: Make, socket: Sockets, node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = world.receiver.url
    async with socket(world.bob) as events:
        await previewed(events, (await make.post(world.ada, world.town, f"{base}/page"))["id"])
    db = node.services.db
    await db.run(AGE, f"{base}/page")

    await sweep_link_previews(request_context(node.services))

    assert [await db.value(KNOWN, f"{base}{path}") for path in ("/page", "/bear.png")] == [0, 1]
    assert "OFFSET 100000" in queries.SWEEP.text


async def test_an_edited_post_gets_the_preview_of_its_new_link(world: World, make: Make, socket: Sockets) -> None:
    base, bob = world.receiver.url, world.client(world.bob)
    async with socket(world.ada) as events:
        post = await make.post(world.bob, world.town, f"{base}/page")
        first = await previewed(events, post["id"])

        await bob.put(f"/posts/{post['id']}/patch", {"message": f"really: {base}/page"})
        same = await previewed(events, post["id"])
        await bob.put(f"/posts/{post['id']}/patch", {"message": f"{base}/bear.png"})
        without, other = await previewed_twice(events, post["id"])
        await bob.put(f"/posts/{post['id']}/patch", {"message": "nothing"})
        none = await previewed(events, post["id"])
        assert "post_edited" not in await events.names()

    assert same["metadata"] == first["metadata"]
    assert without["metadata"] == {}
    assert other["metadata"]["embeds"] == [{"type": "image", "url": f"{base}/bear.png"}]
    assert other["update_at"] > without["update_at"]
    assert other["edit_at"] == without["edit_at"]
    assert none["metadata"] == {}
    history = (await bob.get(f"/posts/{post['id']}/edit_history")).ok()
    assert [version["metadata"] for version in history] == [{}] * 3


async def test_an_edit_during_the_fetch_wins(world: World, make: Make, socket: Sockets, node: TestNode) -> None:
    base, edited = world.receiver.url, asyncio.Event()
    world.receiver.answer(path="/slow", text="<title>Slow</title>", headers={"content-type": "text/html"}, when=edited)
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, f"{base}/slow")
        assert (await world.receiver.next()).path == "/slow"
        await world.client(world.ada).put(f"/posts/{post['id']}/patch", {"message": "never mind"})
        edited.set()
        await until_fetched(node, post["id"])
        edits = [event for event in await events.until_now() if event.name == "post_edited"]

    assert [event.data["post"]["message"] for event in edits] == ["never mind"]
    assert (await world.read(post["id"]))["metadata"] == {}


async def test_an_author_can_remove_a_preview(world: World, make: Make, socket: Sockets) -> None:
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, f"{world.receiver.url}/page")
        await previewed(events, post["id"])
        props = {"props": {"remove_link_preview": "true"}}
        assert (await world.client(world.carol).put(f"/posts/{post['id']}/patch", props)).status == 403
        (await world.client(world.ada).put(f"/posts/{post['id']}/patch", props)).ok()
        seen = await previewed(events, post["id"])

    assert "embeds" not in seen["metadata"]
    assert "embeds" not in (await world.read(post["id"], world.bob))["metadata"]


async def test_a_deleted_post_has_no_preview(world: World, make: Make, socket: Sockets, node: TestNode) -> None:
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, f"{world.receiver.url}/page")
        await previewed(events, post["id"])
        await world.client(world.ada).delete(f"/posts/{post['id']}")
    since = (await world.client(world.bob).get(f"/channels/{world.town.id}/posts?since={post['create_at']}")).ok()

    assert since["posts"][post["id"]]["metadata"] == {}


@pytest.mark.parametrize(
    "section",
    [{"EnableLinkPreviews": False}, {"RestrictLinkPreviews": "example.com, 127.0.0.1"}],
    ids=["off", "restricted"],
)
async def test_without_previews_nobody_is_asked(
    world: World, make: Make, settings: Settings, node: TestNode, section: dict[str, Any]
) -> None:
    settings(ServiceSettings=section)
    post = await make.post(world.ada, world.town, f"{world.receiver.url}/page ![]({world.receiver.url}/bear.png)")
    await until_fetched(node, post["id"])

    assert world.receiver.requests == []
    assert (await world.read(post["id"]))["metadata"] == {}


async def test_inner_addresses_are_not_asked(world: World, make: Make, settings: Settings, socket: Sockets) -> None:
    settings(ServiceSettings={"AllowedUntrustedInternalConnections": ""})
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, f"{world.receiver.url}/page")
        seen = await previewed(events, post["id"])

    assert seen["metadata"]["embeds"][0]["type"] == "link"
    assert world.receiver.connections == 0


async def test_slow_servers_are_not_waited_for(
    world: World, make: Make, socket: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "SECONDS", 0.2)
    url = f"{world.receiver.url}/slow"
    world.receiver.answer(path="/slow", hangs=True)
    async with socket(world.bob) as events:
        seen = await previewed(events, (await make.post(world.ada, world.town, url))["id"])

    assert seen["metadata"] == {"embeds": [{"type": "link", "url": url}]}


async def test_posts_wait_while_others_are_at_it(
    node: TestNode, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(JobSettings={"RunJobs": False})
    monkeypatch.setattr(fetcher, "POSTS_AT_ONCE", 0)
    ctx, first, last = request_context(node.services), new_id(), new_id()
    started = ctx.now()
    await fetch_previews(ctx, FetchPreviews(post_id=first, tries=7))
    await fetch_previews(ctx, FetchPreviews(post_id=last, tries=60))

    (waiting,) = await node.services.db.rows(PLANNED, [first, last])
    assert waiting[0] == {"post_id": first, "tries": 8}
    assert waiting[1] >= started + 1000
    await node.services.db.run(SQL("DELETE FROM jobs WHERE payload->>'post_id' = $1"), first)


async def test_an_integration_s_pictures_have_sizes_too(world: World, make: Make, socket: Sockets) -> None:
    url = f"{world.receiver.url}/bear.png"
    owner = world.client(make.admin)
    hook = (await owner.post("/hooks/incoming", {"channel_id": world.town.id, "display_name": "x"})).ok(201)
    async with socket(world.bob) as events:
        sent = await world.client().post(f"//hooks/{hook['id']}", {"attachments": [{"text": "t", "image_url": url}]})
        assert sent.status == 200
        post = (await events.next("posted")).data["post"]
        seen = await previewed(events, post["id"])

    assert list(seen["metadata"]["images"]) == [url]


async def test_pictures_as_svg_are_named_only_where_they_are_shown(
    world: World, make: Make, settings: Settings, socket: Sockets
) -> None:
    url = f"{world.receiver.url}/a.svg"
    world.receiver.answer(path="/a.svg", body=b"<svg/>", headers={"content-type": "image/svg+xml"})
    async with socket(world.bob) as events:
        shown = await previewed(events, (await make.post(world.ada, world.town, url))["id"])
        settings(ServiceSettings={"EnableSVGs": False})
        hidden = await previewed(events, (await make.post(world.ada, world.town, f"x {url}"))["id"])

    assert shown["metadata"]["embeds"] == [{"type": "image", "url": url}]
    assert shown["metadata"]["images"][url]["format"] == "svg"
    assert hidden["metadata"] == {"embeds": [{"type": "link", "url": url}]}


async def test_posts_without_links_plan_nothing(world: World, make: Make, node: TestNode, counted: Counted) -> None:
    ada = world.client(world.ada)
    await make.post(world.ada, world.town, "warm")
    with counted(sql=1):
        body: Json = {"channel_id": world.town.id, "message": "no link: `https://example.org`"}
        post = (await ada.post("/posts", body)).ok(201)

    assert await has_no_jobs(node, post["id"])
    stored = await post_by_id(node.services.db, post["id"])
    assert stored is not None
    assert stored.preview is None
