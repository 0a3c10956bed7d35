"""Emojis, drafts and bookmarks through a published library, as the authors of bots use them."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import mattermostautodriver

from tests.clients_of import Client
from tests.features.emoji.uploading import png
from tests.make import Make, Person
from tests.nodes import TestNode


def driven(node: TestNode, person: Person) -> Any:
    """The library, signed in as a person."""
    options = {"url": "127.0.0.1", "scheme": "http", "port": node.port, "token": person.token}
    driver = mattermostautodriver.TypedDriver(options)
    driver.login()
    return driver


async def test_mattermostautodriver_adds_finds_and_deletes_emojis(make: Make, node: TestNode) -> None:
    ada = await make.user()
    name = make.name("driven_")

    def talk() -> list[Any]:
        driver = driven(node, ada)
        emoji = driver.emoji.create_emoji(("cat.png", png()), json.dumps({"name": name, "creator_id": ada.id}))
        found = [
            emoji,
            driver.emoji.get_emoji(emoji["id"]),
            driver.emoji.get_emoji_by_name(name),
            *driver.emoji.get_emojis_by_names([name]),
            *driver.emoji.search_emoji(name, "true"),
            *driver.emoji.autocomplete_emoji(name),
            *[each for each in driver.emoji.get_emoji_list(0, 200, "name") if each["name"] == name],
        ]
        assert driver.emoji.get_emoji_image(emoji["id"]).content.startswith(b"\x89PNG")
        driver.emoji.delete_emoji(emoji["id"])
        assert driver.emoji.search_emoji(name) == []
        driver.close()
        return found

    found = await asyncio.to_thread(talk)

    assert len(found) == 7
    assert all(emoji == found[0] for emoji in found)


async def test_mattermostautodriver_keeps_drafts_and_bookmarks(
    make: Make, node: TestNode, client: Callable[..., Client]
) -> None:
    ada = await make.user()
    team = await make.team([ada])
    town = await make.channel(team, [ada])
    root = await make.post(ada, town)

    def talk() -> None:
        driver = driven(node, ada)
        for root_id in ("", root["id"]):
            driver.drafts.upsert_draft({"channel_id": town.id, "root_id": root_id, "message": "begun"})
        assert {draft["root_id"] for draft in driver.drafts.get_drafts(ada.id, team.id)} == {root["id"], ""}
        driver.drafts.delete_draft_for_thread(ada.id, town.id, root["id"])
        driver.drafts.delete_draft(ada.id, town.id)
        assert driver.drafts.get_drafts(ada.id, team.id) == []

        _, two = [
            driver.bookmarks.create_channel_bookmark(town.id, name, "link", link_url="https://example.org")
            for name in "ab"
        ]
        moved = driver.bookmarks.update_channel_bookmark_sort_order(town.id, two["id"], 0)
        assert [bookmark["display_name"] for bookmark in moved] == ["b", "a"]
        assert driver.bookmarks.list_channel_bookmarks_for_channel(town.id) == moved
        assert driver.bookmarks.delete_channel_bookmark(town.id, two["id"])["delete_at"] > 0
        driver.close()

    await asyncio.to_thread(talk)

    assert len((await client(ada).get(f"/channels/{town.id}/bookmarks")).ok()) == 1
