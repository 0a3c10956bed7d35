"""Posts, threads, reactions, drafts, later posts, bookmarks, emoji and files, as the driver asks for them."""

import json
import time

from tests.clients.daily.day import Day, Json, ids, refused
from tests.features.files.uploading import picture


def write_posts(day: Day) -> None:
    """Posts are written, changed, pinned, found and deleted."""
    mine, bobs, town = day.ada.driver.posts, day.bob.driver.posts, day.town["id"]
    post = mine.create_post(town, "the soup is ready #soup")
    second = mine.create_post(town, "the second course")
    assert bobs.get_post(post["id"])["message"] == "the soup is ready #soup"
    assert set(ids(bobs.get_posts_by_ids([post["id"], second["id"]]))) == {post["id"], second["id"]}
    assert bobs.get_posts_for_channel(town)["order"][:2] == [second["id"], post["id"]]
    assert post["id"] in bobs.get_posts_around_last_unread(day.bob.id, town)["posts"]
    assert bobs.get_post_info(post["id"])["channel_id"] == town
    assert mine.patch_post(post["id"], message="the soup is hot #soup")["message"] == "the soup is hot #soup"
    assert mine.update_post(post["id"], post["id"], message="the soup is cold #soup")["edit_at"] > 0
    (_, first) = mine.get_edit_history_for_post(post["id"])
    assert first["message"] == "the soup is ready #soup"
    assert mine.restore_post_version(post["id"], first["id"])["message"] == "the soup is ready #soup"
    with refused():
        bobs.patch_post(post["id"], message="mine")
    bobs.pin_post(post["id"])
    assert day.ada.driver.channels.get_pinned_posts(town)["order"] == [post["id"]]
    bobs.unpin_post(post["id"])
    for found in (
        bobs.search_posts(day.team["id"], "soup", False),
        bobs.search_posts_in_all_teams("#soup from:ada", False),
    ):
        assert found["order"] == [post["id"]]
    flag = {"user_id": day.bob.id, "category": "flagged_post", "name": post["id"], "value": "true"}
    day.bob.driver.preferences.update_preferences(day.bob.id, [flag])
    assert bobs.get_flagged_posts_for_user(day.bob.id)["order"] == [post["id"]]
    assert bobs.set_post_unread(day.bob.id, second["id"])["msg_count"] >= 0
    bobs.set_post_reminder(day.bob.id, post["id"], int(time.time()) + 3600)
    told = day.admin.driver.posts.create_post_ephemeral(day.bob.id, {"channel_id": town, "message": "psst"})
    assert told["type"] == "system_ephemeral"
    mine.delete_post(second["id"])
    assert second["id"] not in bobs.get_posts_for_channel(town)["order"]


def confirm_posts(day: Day) -> None:
    """A post that asks for it is confirmed, and that is taken back."""
    metadata = {"priority": {"priority": "urgent", "requested_ack": True}}
    post = day.ada.driver.posts.create_post(day.town["id"], "fire drill", metadata=metadata)
    bobs = day.bob.driver.posts
    assert bobs.save_acknowledgement_for_post(day.bob.id, post["id"])["user_id"] == day.bob.id
    (ack,) = day.ada.driver.posts.get_post(post["id"])["metadata"]["acknowledgements"]
    assert (ack["user_id"], ack["acknowledged_at"] > 0) == (day.bob.id, True)
    bobs.delete_acknowledgement_for_post(day.bob.id, post["id"])
    assert not day.ada.driver.posts.get_post(post["id"])["metadata"].get("acknowledgements")


def react(day: Day) -> None:
    """Reactions are everybody's, and taken back."""
    post = day.ada.driver.posts.create_post(day.town["id"], "who comes?")["id"]
    reactions = day.bob.driver.reactions
    reactions.save_reaction({"user_id": day.bob.id, "post_id": post, "emoji_name": "+1"})
    assert [each["user_id"] for each in day.ada.driver.reactions.get_reactions(post)] == [day.bob.id]
    many = day.ada.ask("POST", "/api/v4/posts/ids/reactions", json=[post]).json()
    assert [each["emoji_name"] for each in many[post]] == ["+1"]
    with refused():
        day.ada.driver.reactions.delete_reaction(day.bob.id, post, "+1")
    reactions.delete_reaction(day.bob.id, post, "+1")
    assert not day.ada.driver.reactions.get_reactions(post)


def follow_threads(day: Day) -> None:
    """A thread is followed, read and left."""
    mine, team, town = day.ada.driver, day.team["id"], day.town["id"]
    root = mine.posts.create_post(town, "what is for dessert?")["id"]
    reply = day.bob.driver.posts.create_post(town, "cake", root)["id"]
    assert set(mine.posts.get_post_thread(root)["posts"]) == {root, reply}
    assert root in ids(mine.threads.get_user_threads(day.ada.id, team)["threads"])
    place = (day.ada.id, team, root)
    assert mine.threads.get_user_thread(*place)["reply_count"] == 1
    counts = day.ada.ask("GET", f"/api/v4/users/me/teams/{team}/threads/mention_counts").json()
    assert isinstance(counts, dict)
    assert mine.threads.update_thread_read_for_user(*place, str(int(time.time() * 1000)))["unread_replies"] == 0
    assert mine.threads.set_thread_unread_by_post_id(*place, reply)["unread_replies"] == 1
    mine.threads.update_threads_read_for_user(day.ada.id, team)
    mine.threads.stop_following_thread(*place)
    assert root not in ids(mine.threads.get_user_threads(day.ada.id, team)["threads"])
    mine.threads.start_following_thread(*place)
    assert root in ids(mine.threads.get_user_threads(day.ada.id, team)["threads"])


def write_drafts(day: Day) -> None:
    """What is not sent yet is kept for its writer."""
    users, town = day.ada.driver.users, day.town["id"]
    root = day.ada.driver.posts.create_post(town, "a long answer is due")["id"]
    for root_id in ("", root):
        draft = {"user_id": day.ada.id, "channel_id": town, "root_id": root_id, "message": "not yet", "props": {}}
        assert users.upsert_draft(draft)["message"] == "not yet"
    assert {draft["root_id"] for draft in users.get_drafts(day.ada.id, day.team["id"])} == {"", root}
    users.delete_draft(day.ada.id, town)
    users.delete_draft_for_thread(day.ada.id, town, root)
    assert users.get_drafts(day.ada.id, day.team["id"]) == []


def post_later(day: Day) -> None:
    """A post is planned, changed and given up."""
    plans, town = day.ada.driver.scheduled_post, day.town["id"]
    at = int((time.time() + 3600) * 1000)
    plan = plans.create_scheduled_post(at, town, "dinner at eight")
    changed = plans.update_scheduled_post(plan["id"], plan["id"], town, day.ada.id, at, "dinner at nine")
    assert changed["message"] == "dinner at nine"
    listed = day.ada.ask("GET", f"/api/v4/posts/scheduled/team/{day.team['id']}").json()
    assert ids(listed[day.team["id"]]) == [plan["id"]]
    with refused():
        day.bob.driver.scheduled_post.delete_scheduled_post(plan["id"])
    plans.delete_scheduled_post(plan["id"])


def keep_bookmarks(day: Day) -> None:
    """What everybody in a channel needs again and again."""
    bookmarks, town = day.ada.driver.bookmarks, day.town["id"]
    made = [
        bookmarks.create_channel_bookmark(town, name, "link", link_url="https://example.org/menu")
        for name in ("Menu", "Wine")
    ]
    listed = day.bob.driver.bookmarks.list_channel_bookmarks_for_channel(town)
    assert [bookmark["display_name"] for bookmark in listed] == ["Menu", "Wine"]
    path = f"/api/v4/channels/{town}/bookmarks/{made[0]['id']}"
    changed = day.ada.ask("PATCH", path, json={"display_name": "Menus"}).json()
    assert changed["updated"]["display_name"] == "Menus"
    order: Json = day.ada.ask("POST", f"{path}/sort_order", json=1).json()
    assert [bookmark["display_name"] for bookmark in order] == ["Wine", "Menus"]
    bookmarks.delete_channel_bookmark(town, made[1]["id"])
    left = [bookmark["display_name"] for bookmark in bookmarks.list_channel_bookmarks_for_channel(town)]
    assert left == ["Menus"]


def make_emoji(day: Day) -> None:
    """A picture becomes an emoji for everybody."""
    emoji, bobs = day.ada.driver.emoji, day.bob.driver.emoji
    about = json.dumps({"name": "ladle", "creator_id": day.ada.id})
    made = emoji.create_emoji(("ladle.png", picture((64, 64))), about)
    assert bobs.get_emoji(made["id"])["name"] == "ladle"
    assert bobs.get_emoji_by_name("ladle")["id"] == made["id"]
    assert ids(bobs.get_emojis_by_names(["ladle"])) == [made["id"]]
    assert made["id"] in ids(bobs.get_emoji_list())
    assert ids(bobs.autocomplete_emoji("lad")) == [made["id"]]
    assert ids(bobs.search_emoji("adl")) == [made["id"]]
    assert bobs.get_emoji_image(made["id"]).content[:4] == b"\x89PNG"
    with refused():
        bobs.delete_emoji(made["id"])
    emoji.delete_emoji(made["id"])
    assert emoji.get_emoji_list() == []


def send_files(day: Day) -> None:
    """A picture is sent, looked at in all sizes, found and linked to."""
    mine, bobs, town = day.ada.driver, day.bob.driver, day.town["id"]
    content = picture((640, 480))
    (file,) = mine.files.upload_file(("recipe.png", content), town)["file_infos"]
    post = mine.posts.create_post(town, "the recipe", file_ids=[file["id"]])
    assert ids(bobs.posts.get_file_infos_for_post(post["id"])) == [file["id"]]
    assert bobs.files.get_file_info(file["id"])["width"] == 640
    assert bobs.files.get_file(file["id"]).content == content
    for get in (bobs.files.get_file_thumbnail, bobs.files.get_file_preview):
        assert get(file["id"]).content[:2] == b"\xff\xd8"
    link = bobs.files.get_file_link(file["id"])["link"]
    secret = link.partition("?h=")[2]
    public = f"/files/{file['id']}/public?h={secret}"
    for path in (f"/files/{file['id']}", f"/files/{file['id']}/preview", f"/files/{file['id']}/thumbnail", public):
        api = "" if "public" in path else "/api/v4"
        assert day.bob.ask("HEAD", f"{api}{path}").content == b""
    assert day.bob.ask("GET", public).content == content
    for found in (
        bobs.search.search_files("recipe", False),
        bobs.teams.search_files(day.team["id"], "recipe ext:png", False),
    ):
        assert found["order"] == [file["id"]]
