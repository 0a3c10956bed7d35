"""A day with all that a web client does besides talking, lived by Ada, at her desk and with her phone, and Bob."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.clients.javascript import JavaScriptVoice, as_file
from tests.clients.programs import Ears
from tests.clients_of import Received
from tests.features.files.uploading import picture
from tests.receiver import Asked, Receiver

T = TypeVar("T")

Json = Any

PICTURE = picture((640, 480))
PATIENCE = 60.0

DESK, PHONE, BOB = "desk", "phone", "bob"
PERSONAL = {"mentions", "followers", "should_ack"}
ADA = (DESK, PHONE)
ALL = (DESK, PHONE, BOB)


def ids(things: Any, name: str = "id") -> list[str]:
    """The ids of a list."""
    return [thing[name] for thing in things]


def eventually(find: Callable[[], T], found: Callable[[T], object]) -> T:
    """What `find` gives once it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while not found(value := find()):
        assert time.monotonic() < deadline, value
        time.sleep(0.05)
    return value


class WebDay:
    """The people, what each of their clients hears, and a program outside; chapters are told in their order."""

    def __init__(self, ada: JavaScriptVoice, bob: JavaScriptVoice, receiver: Receiver, port: int) -> None:
        self.ada = ada
        self.bob = bob
        self.receiver = receiver
        self.port = port
        """Of the node to which programs speak."""
        self._loop = asyncio.get_running_loop()
        self.ears: dict[str, Ears] = {}
        self.connection = ""
        """Of Ada's desk: what she does there is not told to that connection again."""
        self.team = ""
        self.town = ""

    def begin(self) -> None:
        """Accounts, a team, a channel of both; programs on this machine may be called."""
        ada, bob = self.ada, self.bob
        for person in (ada, bob):
            person.sign_up()
            person.log_in()
        patch = {"ServiceSettings": {"AllowedUntrustedInternalConnections": "127.0.0.1"}}
        ada.call("patchConfig", patch)
        self.team = ada.create_team("garden")["id"]
        ada.add_to_team(self.team, bob.id)
        self.town = ada.create_channel(self.team, "herbs", "P")["id"]
        ada.add_to_channel(self.town, bob.id)

    def listen(self, ears: dict[str, Ears]) -> None:
        """All three clients are connected; what they hear about statuses meanwhile is of no interest."""
        self.ears = ears
        hellos = {name: each.hears("hello") for name, each in ears.items()}
        assert len({hello.data["connection_id"] for hello in hellos.values()}) == len(ears)
        self.connection = hellos[DESK].data["connection_id"]

    def hear(self, name: str, *listeners: str) -> Received:
        """The event that all of these clients hear next, with the same content, in whatever order they hear it."""
        heard = [self.ears[listener].hears(name) for listener in listeners]
        shared = [{key: value for key, value in each.data.items() if key not in PERSONAL} for each in heard]
        assert shared.count(shared[0]) == len(shared), heard
        return heard[-1]

    def asked(self) -> Asked:
        """The next request that the program outside got."""
        return asyncio.run_coroutine_threadsafe(self.receiver.next(PATIENCE), self._loop).result(PATIENCE + 1)

    def only_they_hear(self, *listeners: str) -> None:
        """Nothing is left that somebody heard besides what was expected."""
        left = {name: each.events[-3:] for name, each in self.ears.items() if not each.heard_all()}
        assert left == {}, f"besides what {listeners} should hear"

    # chapters

    def send_files(self) -> None:
        """A picture and a text are sent; Bob sees them in all sizes, and where they are from."""
        ada, bob = self.ada, self.bob
        pic = ada.upload(self.town, "mint.png", PICTURE)["file_infos"][0]
        text = ada.upload(self.town, "watering.txt", b"every evening")["file_infos"][0]
        assert (pic["width"], pic["height"], pic["mime_type"], pic.get("post_id")) == (640, 480, "image/png", None)
        sent = ada.call(
            "createPost", {"channel_id": self.town, "message": "My mint", "file_ids": [pic["id"], text["id"]]}
        )
        posted = self.hear("posted", *ALL)
        assert (posted.data["image"], posted.data["otherFile"]) == ("true", "true")
        assert posted.data["post"]["file_ids"] == [pic["id"], text["id"]]
        assert ids(posted.data["post"]["metadata"]["files"]) == [pic["id"], text["id"]]

        infos = bob.call("getFileInfosForPost", sent["id"])
        assert [(info["id"], info["name"], info["post_id"]) for info in infos] == [
            (pic["id"], "mint.png", sent["id"]),
            (text["id"], "watering.txt", sent["id"]),
        ]
        assert bob.download("getFileUrl", pic["id"], 0) == (200, "image/png", PICTURE)
        assert bob.download("getFileUrl", text["id"], 0).content == b"every evening"
        for method in ("getFileThumbnailUrl", "getFilePreviewUrl"):
            small = bob.download(method, pic["id"], 0)
            assert (small.status, small.type, small.content[:2]) == (200, "image/jpeg", b"\xff\xd8")
        assert bob.download("getFileThumbnailUrl", text["id"], 0).status == 400

    def search(self) -> None:
        """Bob finds what both said, by words, people and places, and nothing of places that he isn't in."""
        ada, bob = self.ada, self.bob
        said = bob.post(self.town, "Saffron needs sun #bulbs")
        self.hear("posted", *ALL)
        hidden = ada.create_channel(self.team, "cellar", "P")["id"]
        self.hear("channel_created", *ADA)
        assert self.hear("posted", *ADA).data["post"]["type"] == "system_join_channel"
        secret = ada.post(hidden, "Saffron is expensive")
        self.hear("posted", *ADA)

        found = ada.call("searchPosts", self.team, "saffron", False)
        assert found["order"] == [secret["id"], said["id"]]
        assert found["posts"][said["id"]]["message"] == "Saffron needs sun #bulbs"
        for terms in ("saffron", "needs sun", "from:bob", "in:herbs #bulbs", '"saffron needs"', "saff*"):
            assert bob.call("searchPosts", self.team, terms, False)["order"] == [said["id"]], terms
        assert bob.call("searchPosts", self.team, "from:bob mint", False)["order"] == []
        assert len(bob.call("searchPosts", self.team, "sun mint", True)["order"]) == 2
        (file,) = bob.call("searchFiles", self.team, "mint", False)["file_infos"].values()
        assert file["name"] == "mint.png"
        assert len(bob.call("searchFiles", self.team, "ext:txt", False)["order"]) == 1
        by_words = eventually(
            lambda: bob.call("searchFiles", self.team, "evening", False)["file_infos"], lambda infos: infos
        )
        assert [info["name"] for info in by_words.values()] == ["watering.txt"]

    def keep_drafts(self) -> None:
        """What Ada begins at her desk is on her phone, and nowhere else."""
        ada = self.ada
        draft = {"channel_id": self.town, "root_id": "", "message": "Sage", "props": {}, "user_id": ada.id}
        made = ada.call("upsertDraft", draft, self.connection)
        assert (made["message"], made["user_id"]) == ("Sage", ada.id)
        assert self.hear("draft_created", PHONE).data["draft"]["message"] == "Sage"
        ada.call("upsertDraft", {**draft, "message": "Sage and rue"}, self.connection)
        assert self.hear("draft_updated", PHONE).data["draft"]["message"] == "Sage and rue"
        assert [each["message"] for each in ada.call("getUserDrafts", self.team)] == ["Sage and rue"]
        assert self.bob.call("getUserDrafts", self.team) == []
        ada.call("deleteDraft", self.town, "", self.connection)
        assert self.hear("draft_deleted", PHONE).data["draft"]["channel_id"] == self.town
        assert ada.call("getUserDrafts", self.team) == []

    def sort_the_sidebar(self) -> None:
        """A category for the herbs, at the top."""
        ada = self.ada
        before = ada.call("getChannelCategories", ada.id, self.team)
        category = {"user_id": ada.id, "team_id": self.team, "display_name": "Green", "channel_ids": [self.town]}
        made = ada.call("createChannelCategory", ada.id, self.team, category)
        assert (made["type"], made["channel_ids"]) == ("custom", [self.town])
        assert self.hear("sidebar_category_created", *ADA).data == {"category_id": made["id"]}
        ada.call("updateChannelCategories", ada.id, self.team, [{**made, "display_name": "Greens", "muted": True}])
        muted = self.hear("channel_member_updated", *ADA).data["channelMember"]
        assert (muted["channel_id"], muted["notify_props"]["mark_unread"]) == (self.town, "mention")
        updated = self.hear("sidebar_category_updated", *ADA).data["updatedCategories"]
        assert [(each["id"], each["display_name"], each["muted"]) for each in updated] == [(made["id"], "Greens", True)]
        order = [made["id"], *before["order"]]
        assert ada.call("updateChannelCategoryOrder", ada.id, self.team, order) == order
        assert self.hear("sidebar_category_order_updated", *ADA).data["order"] == order
        now = ada.call("getChannelCategories", ada.id, self.team)
        assert (now["order"], ids(now["categories"])) == (order, order)
        ada.call("deleteChannelCategory", ada.id, self.team, made["id"])
        assert self.hear("sidebar_category_deleted", *ADA).data == {"category_id": made["id"]}
        assert ada.call("getChannelCategoryOrder", ada.id, self.team) == before["order"]

    def follow_threads(self) -> None:
        """Bob answers Ada, who reads it, sets it unread, and then has enough."""
        ada, bob = self.ada, self.bob
        root = ada.post(self.town, "Who waters?")
        self.hear("posted", *ALL)
        reply = bob.post(self.town, "I do", root["id"])
        self.hear("posted", *ALL)
        told = self.hear("thread_updated", *ADA).data
        assert (told["thread"]["id"], told["thread"]["unread_replies"]) == (root["id"], 1)
        assert told["previous_unread_replies"] == 0
        own = self.hear("thread_updated", BOB).data["thread"]
        assert (own["id"], own["unread_replies"], own["reply_count"]) == (root["id"], 0, 1)

        listed = ada.call("getUserThreads", "me", self.team, {"extended": True})
        assert (listed["total"], listed["total_unread_threads"], ids(listed["threads"])) == (1, 1, [root["id"]])
        assert ids(listed["threads"][0]["participants"]) == [ada.id, bob.id]
        assert ada.call("getPaginatedPostThread", root["id"], {})["order"]
        read = ada.call("updateThreadReadForUser", ada.id, self.team, root["id"], reply["create_at"] + 1)
        assert read["unread_replies"] == 0
        told = self.hear("thread_read_changed", *ADA).data
        assert (told["thread_id"], told["unread_replies"], told["previous_unread_replies"]) == (root["id"], 0, 1)
        ada.call("markThreadAsUnreadForUser", ada.id, self.team, root["id"], reply["id"])
        assert self.hear("thread_read_changed", *ADA).data["unread_replies"] == 1
        ada.call("updateThreadFollowForUser", ada.id, self.team, root["id"], False)
        followed = self.hear("thread_follow_changed", *ADA).data
        assert (followed["thread_id"], followed["state"], followed["reply_count"]) == (root["id"], False, 1)
        assert ada.call("getUserThreads", "me", self.team, {})["total"] == 0
        bob.post(self.town, "And you?", root["id"])
        self.hear("posted", *ALL)
        self.hear("thread_updated", BOB)

    def make_emoji(self) -> None:
        """Ada's picture is an emoji that Bob finds and reacts with."""
        ada, bob = self.ada, self.bob
        sprig = as_file("sprig.png", picture((64, 64)))
        made = ada.call("createCustomEmoji", {"name": "sprig", "creator_id": ada.id}, sprig)
        assert self.hear("emoji_added", *ALL).data["emoji"]["id"] == made["id"]
        assert ids(bob.call("autocompleteCustomEmoji", "spr")) == [made["id"]]
        assert ids(bob.call("searchCustomEmoji", "rig", {})) == [made["id"]]
        assert bob.call("getCustomEmojiByName", "sprig")["creator_id"] == ada.id
        assert bob.download("getCustomEmojiImageUrl", made["id"]).content[:4] == b"\x89PNG"
        post = ada.post(self.town, "Look :sprig:")
        posted = self.hear("posted", *ALL)
        assert ids(posted.data["post"]["metadata"]["emojis"]) == [made["id"]]
        bob.react(post["id"], "sprig")
        reaction = self.hear("reaction_added", *ALL).data["reaction"]
        assert (reaction["user_id"], reaction["emoji_name"]) == (bob.id, "sprig")
        assert ids(ada.reactions(post["id"]), "user_id") == [bob.id]
        with bob.refused(403):
            bob.call("deleteCustomEmoji", made["id"])
        ada.call("deleteCustomEmoji", made["id"])
        with bob.refused(404):
            bob.call("getCustomEmojiByName", "sprig")

    def keep_bookmarks(self) -> None:
        """What both need again and again, changed by either of them."""
        ada, bob = self.ada, self.bob
        made = []
        for name in ("Calendar", "Shop"):
            link = {"display_name": name, "type": "link", "link_url": "https://example.org/"}
            made.append(ada.call("createChannelBookmark", self.town, link, self.connection))
            told = self.hear("channel_bookmark_created", PHONE, BOB).data["bookmark"]
            assert (told["id"], told["display_name"]) == (made[-1]["id"], name)
        listed = bob.call("getChannelBookmarks", self.town)
        assert [each["display_name"] for each in listed] == ["Calendar", "Shop"]
        changed = bob.call("updateChannelBookmark", self.town, made[0]["id"], {"display_name": "Moon"}, "")
        assert changed["updated"]["display_name"] == "Moon"
        assert self.hear("channel_bookmark_updated", *ALL).data["bookmarks"]["updated"]["display_name"] == "Moon"
        ada.call("updateChannelBookmarkSortOrder", self.town, made[1]["id"], 0, self.connection)
        told = self.hear("channel_bookmark_sorted", PHONE, BOB).data["bookmarks"]
        assert [each["display_name"] for each in told] == ["Shop", "Moon"]
        ada.call("deleteChannelBookmark", self.town, made[1]["id"], self.connection)
        assert self.hear("channel_bookmark_deleted", PHONE, BOB).data["bookmark"]["id"] == made[1]["id"]
        assert [each["display_name"] for each in bob.call("getChannelBookmarks", self.town)] == ["Moon"]

    def post_later(self) -> None:
        """A post that is planned, changed, and comes when it is due; another one is given up."""
        ada, bob = self.ada, self.bob
        plan = {"channel_id": self.town, "message": "Water!", "user_id": ada.id}
        later = int(time.time() * 1000) + 3_600_000
        plans = [ada.call("createScheduledPost", {**plan, "scheduled_at": later}, self.connection)["data"]]
        plans += [ada.call("createScheduledPost", {**plan, "scheduled_at": later + 1}, self.connection)["data"]]
        for each in plans:
            assert self.hear("scheduled_post_created", PHONE).data["scheduledPost"]["id"] == each["id"]
        listed = ada.call("getScheduledPosts", self.team, False)["data"]
        assert set(ids(listed[self.team])) == set(ids(plans))
        assert bob.call("getScheduledPosts", self.team, False)["data"].get(self.team, []) == []
        with bob.refused(403):
            bob.call("deleteScheduledPost", bob.id, plans[1]["id"], "")
        ada.call("deleteScheduledPost", ada.id, plans[1]["id"], self.connection)
        assert self.hear("scheduled_post_deleted", PHONE).data["scheduledPost"]["id"] == plans[1]["id"]

        soon = {**plans[0], "message": "Water now!", "scheduled_at": int(time.time() * 1000) + 1000}
        ada.call("updateScheduledPost", soon, self.connection)
        assert self.hear("scheduled_post_updated", PHONE).data["scheduledPost"]["message"] == "Water now!"
        posted = self.hear("posted", *ALL).data["post"]
        assert (posted["message"], posted["user_id"]) == ("Water now!", ada.id)
        assert self.hear("scheduled_post_deleted", *ADA).data["scheduledPost"]["id"] == plans[0]["id"]
        assert ada.call("getScheduledPosts", self.team, False)["data"].get(self.team, []) == []

    def save_posts(self) -> None:
        """Ada saves what Bob said."""
        ada, bob = self.ada, self.bob
        post = bob.post(self.town, "Basil dies at five degrees")
        self.hear("posted", *ALL)
        saved = {"user_id": ada.id, "category": "flagged_post", "name": post["id"], "value": "true"}
        ada.save_preferences([saved])
        assert self.hear("preferences_changed", *ADA).data["preferences"] == [saved]
        assert ada.call("getFlaggedPosts", ada.id, "", self.team)["order"] == [post["id"]]
        assert bob.call("getFlaggedPosts", bob.id)["order"] == []
        ada.call("deletePreferences", ada.id, [saved])
        assert self.hear("preferences_deleted", *ADA).data["preferences"] == [saved]
        assert ada.call("getFlaggedPosts", ada.id)["order"] == []

    def group_people(self) -> None:
        """A group of which Bob is mentioned when it is."""
        ada, bob = self.ada, self.bob
        group = {
            "name": "gardeners",
            "display_name": "Gardeners",
            "allow_reference": True,
            "source": "custom",
            "user_ids": [bob.id],
        }
        made = ada.call("createGroupWithUserIds", group)
        assert (made["name"], made["member_count"]) == ("gardeners", 1)
        assert self.hear("received_group", *ALL).data["group"]["id"] == made["id"]
        assert self.hear("group_member_add", BOB).data["group_member"]["user_id"] == bob.id
        assert ids(bob.call("getGroupsByUserId", bob.id)) == [made["id"]]
        assert ids(bob.call("searchGroups", {"q": "gard", "filter_allow_reference": True})) == [made["id"]]
        ada.post(self.town, "Hello @gardeners")
        assert self.hear("posted", *ALL).data["mentions"] == [bob.id]
        ada.call("addUsersToGroup", made["id"], [ada.id])
        assert self.hear("group_member_add", *ADA).data["group_member"]["user_id"] == ada.id
        ada.call("removeUsersFromGroup", made["id"], [bob.id])
        assert self.hear("group_member_deleted", BOB).data["group_member"]["group_id"] == made["id"]
        assert ada.call("patchGroup", made["id"], {"display_name": "Green thumbs"})["display_name"] == "Green thumbs"
        assert self.hear("received_group", *ALL).data["group"]["display_name"] == "Green thumbs"

    def say_how_it_goes(self) -> None:
        """Ada's custom status is seen by Bob until she takes it back."""
        ada, bob = self.ada, self.bob
        status = {"emoji": "herb", "text": "digging", "duration": "", "expires_at": "0001-01-01T00:00:00Z"}
        ada.call("updateCustomStatus", status)
        own = self.hear("user_updated", *ADA).data["user"]
        told = self.hear("user_updated", BOB).data["user"]
        assert (own["id"], told["id"]) == (ada.id, ada.id)
        assert own["notify_props"]
        assert "notify_props" not in told
        for shown in (own, told, bob.call("getUser", ada.id)):
            assert json.loads(shown["props"]["customStatus"]) == status
        assert self._recent_statuses() == [status]
        ada.call("unsetCustomStatus")
        own = self.hear("user_updated", *ADA).data["user"]
        told = self.hear("user_updated", BOB).data["user"]
        for shown in (own, told, bob.call("getUser", ada.id)):
            assert shown["props"]["customStatus"] == ""
        ada.call("removeRecentCustomStatus", status)
        assert self._recent_statuses() == []

    def _recent_statuses(self) -> Json:
        """What Ada was told of the statuses that she had, which is also what she is told when she asks."""
        (told,) = self.hear("preferences_changed", *ADA).data["preferences"]
        assert told in self.ada.preferences()
        return json.loads(told["value"])

    def finish(self) -> dict[str, int]:
        """A last word; how many events each client heard, all of them in their order."""
        self.ada.post(self.town, "Good night")
        self.hear("posted", *ALL)
        self.only_they_hear(*ALL)
        for ears in self.ears.values():
            assert [event.seq for event in ears.events] == list(range(len(ears.events)))
        return {name: len(ears.events) for name, ears in self.ears.items()}
