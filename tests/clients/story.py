"""What people do in a day, told once for all clients: Ada and Carol are at the first node, Bob and Dave at the second,
and Bob listens. Each thing that Ada does must reach him whole, in order and once, and nothing that isn't his."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.clients.programs import Ears
from tests.clients.voices import Json, Voice
from tests.clients_of import Received

Speak = Callable[[str, int], Voice]

# What a post says of itself, the same in a reply and in an event. The rest depends on who asks, and when.
POST_FIELDS = ("id", "create_at", "edit_at", "user_id", "channel_id", "root_id", "message", "type", "is_pinned")


def same_post(event: Received, post: Json) -> bool:
    """Whether an event tells of just this post."""
    return all(event.data["post"][field] == post[field] for field in POST_FIELDS)


class Day:
    """The people and places; each chapter is told after those before it."""

    def __init__(self, speak: Speak) -> None:
        self.ada = speak("ada", 1)
        self.bob = speak("bob", 2)
        self.carol = speak("carol", 1)
        self.dave = speak("dave", 2)
        self.team: Json = {}
        self.herbs: Json = {}
        self.seeds: Json = {}
        self.secrets: list[str] = []

    def accounts(self) -> None:
        """The first who signs up is the administrator; passwords and sessions do what they are for."""
        ada, bob = self.ada, self.bob
        first = ada.sign_up()
        second = bob.sign_up()

        assert set(first["roles"].split()) == {"system_admin", "system_user"}
        assert second["roles"] == "system_user"
        with ada.refused(401):
            ada.me()
        assert ada.log_in()["id"] == ada.id
        assert bob.log_in()["id"] == bob.id
        me = ada.me()
        assert (me["id"], me["username"], me["email"]) == (ada.id, "ada", "ada@example.org")
        assert not me.get("password")

    @contextlib.contextmanager
    def bob_listens(self) -> Iterator[Ears]:
        """Bob is connected to his node until the end of the block."""
        with self.bob.ears() as ears:
            hello = ears.hears("hello")
            assert hello.seq == 0
            assert len(hello.data["connection_id"]) == 26
            assert hello.data["server_version"].count(".") >= 3
            assert ears.hears("status_change").data == {"user_id": self.bob.id, "status": "online"}
            yield ears

    def team_and_invites(self, ears: Ears) -> None:
        """Ada makes a team, adds Bob, Carol signs up by its invitation, Dave joins by it."""
        ada, bob, carol, dave = self.ada, self.bob, self.carol, self.dave
        self.team = team = ada.create_team("garden")
        assert team["type"] == "O"
        assert len(team["invite_id"]) == 26

        member = ada.add_to_team(team["id"], bob.id)
        assert (member["team_id"], member["user_id"], member["scheme_user"]) == (team["id"], bob.id, True)
        added, *_ = ears.hears_all("added_to_team", "user_added", "user_added", "posted", "posted")
        assert (added.data["team_id"], added.data["user_id"]) == (team["id"], bob.id)

        carol.sign_up(invite_id=team["invite_id"])
        carol.log_in()
        new, *_, one, other = ears.hears_all("new_user", "user_added", "user_added", "posted", "posted")
        assert new.data["user_id"] == carol.id
        assert {one.data["post"]["type"], other.data["post"]["type"]} == {"system_join_team", "system_join_channel"}

        dave.sign_up()
        dave.log_in()
        assert ears.hears("new_user").data["user_id"] == dave.id
        assert dave.join_team(team["invite_id"])["user_id"] == dave.id
        ears.hears_all("user_added", "user_added", "posted", "posted")

    def channels(self, ears: Ears) -> None:
        """A public and a private channel with Bob, and one of each that he isn't in."""
        ada, bob = self.ada, self.bob
        self.herbs = herbs = ada.create_channel(self.team["id"], "herbs", "O")
        self.seeds = seeds = ada.create_channel(self.team["id"], "seeds", "P")
        assert (herbs["type"], herbs["name"], herbs["display_name"]) == ("O", "herbs", "Herbs")
        assert seeds["type"] == "P"
        for channel in (herbs, seeds):
            assert ada.add_to_channel(channel["id"], bob.id)["user_id"] == bob.id
            added, posted = ears.hears_all("user_added", "posted")
            assert (added.data["user_id"], added.data["team_id"]) == (bob.id, self.team["id"])
            assert added.broadcast["channel_id"] == channel["id"]
            assert posted.data["post"]["type"] == "system_add_to_channel"
            assert posted.data["post"]["props"]["addedUserId"] == bob.id
        for name, kind in (("attic", "P"), ("weeds", "O")):
            hidden = ada.create_channel(self.team["id"], name, kind)
            self.secrets.append(hidden["id"])
            self._busy(hidden["id"])
        with bob.refused(403):
            bob.posts(self.secrets[0])

    def _busy(self, channel_id: str) -> None:
        """Ada does all that can be done in a channel that Bob isn't in."""
        ada = self.ada
        root = ada.post(channel_id, "whispered @bob @all")
        reply = ada.post(channel_id, "whispered reply", root["id"])
        ada.edit(root["id"], "whispered again")
        ada.pin(root["id"])
        ada.react(root["id"], "shushing_face")
        ada.unreact(root["id"], "shushing_face")
        ada.delete(reply["id"])
        self.secrets += ["whispered", root["id"], reply["id"]]

    def posts(self, ears: Ears) -> None:
        """A post with a mention, a reply, an edit, pins, reactions, a deletion."""
        ada, bob = self.ada, self.bob
        root = ada.post(self.herbs["id"], "Mint grows, @bob! \u2618 #mint")
        posted = ears.hears("posted")
        assert same_post(posted, root)
        assert posted.data["mentions"] == [bob.id]
        assert posted.data["sender_name"] == "@ada"
        assert posted.data["team_id"] == self.team["id"]
        assert (posted.data["channel_type"], posted.data["channel_name"]) == ("O", "herbs")
        assert posted.data["channel_display_name"] == "Herbs"
        assert posted.broadcast["channel_id"] == self.herbs["id"]
        assert root["hashtags"] == posted.data["post"]["hashtags"] == "#mint"

        reply = ada.post(self.herbs["id"], "Too much of it", root["id"])
        posted, thread = ears.hears_all("posted", "thread_updated")
        assert same_post(posted, reply)
        assert posted.data["post"]["root_id"] == root["id"]
        assert "mentions" not in posted.data
        assert thread.data["thread"]["id"] == root["id"]
        assert thread.data["thread"]["reply_count"] == 1
        assert set(bob.thread(root["id"])["order"]) == {root["id"], reply["id"]}

        edited = ada.edit(root["id"], "Mint grows fast")
        event = ears.hears("post_edited")
        assert same_post(event, edited)
        assert (event.data["post"]["message"], event.data["post"]["edit_at"] > 0) == ("Mint grows fast", True)

        self._pins_and_reactions(ears, root["id"])

        assert ada.delete(reply["id"]) == {"status": "OK"}
        deleted = ears.hears("post_deleted")
        assert deleted.data["post"]["id"] == reply["id"]
        assert "delete_by" not in deleted.data
        with ada.refused(404):
            ada.delete(reply["id"])
        listed = bob.posts(self.herbs["id"])
        assert listed["order"][0] == root["id"]
        assert listed["posts"][root["id"]]["message"] == "Mint grows fast"
        assert reply["id"] not in listed["posts"]

    def _pins_and_reactions(self, ears: Ears, post_id: str) -> None:
        ada, bob = self.ada, self.bob
        assert ada.pin(post_id) == {"status": "OK"}
        assert ears.hears("post_edited").data["post"]["is_pinned"] is True
        assert bob.pinned(self.herbs["id"])["order"] == [post_id]
        ada.unpin(post_id)
        assert ears.hears("post_edited").data["post"]["is_pinned"] is False
        assert bob.pinned(self.herbs["id"])["order"] == []

        ada.react(post_id, "herb")
        added = ears.hears("reaction_added").data["reaction"]
        assert (added["user_id"], added["post_id"], added["emoji_name"]) == (ada.id, post_id, "herb")
        assert [each["emoji_name"] for each in bob.reactions(post_id)] == ["herb"]
        ada.unreact(post_id, "herb")
        removed = ears.hears("reaction_removed").data["reaction"]
        assert (removed["user_id"], removed["post_id"], removed["emoji_name"]) == (ada.id, post_id, "herb")

    def direct_and_group(self, ears: Ears) -> None:
        """Messages to one and to several; a conversation without Bob stays without him."""
        ada, bob, carol, dave = self.ada, self.bob, self.carol, self.dave
        direct = ada.direct([ada.id, bob.id])
        assert (direct["type"], direct["name"]) == ("D", "__".join(sorted([ada.id, bob.id])))
        opened = ears.hears("direct_added")
        assert opened.broadcast["channel_id"] == direct["id"]
        said = ada.post(direct["id"], "Lunch?")
        posted = ears.hears("posted")
        assert same_post(posted, said)
        assert (posted.data["channel_type"], posted.data["team_id"]) == ("D", "")
        assert posted.data["mentions"] == [bob.id]

        group = ada.group([ada.id, bob.id, carol.id])
        assert (group["type"], group["display_name"]) == ("G", "ada, bob, carol")
        opened = ears.hears("group_added")
        assert opened.broadcast["channel_id"] == group["id"]
        said = carol.post(group["id"], "Count me in")
        posted = ears.hears("posted")
        assert same_post(posted, said)
        assert (posted.data["channel_type"], posted.data["sender_name"]) == ("G", "@carol")

        for hidden in (ada.direct([ada.id, carol.id]), ada.group([ada.id, carol.id, dave.id])):
            self.secrets.append(hidden["id"])
            self._busy(hidden["id"])

    def own_things(self, ears: Ears) -> None:
        """Bob's status, preferences and read state reach his own sockets, and his status is there for the others."""
        ada, bob = self.ada, self.bob
        assert bob.set_status("dnd")["status"] == "dnd"
        changed = ears.hears("status_change")
        assert (changed.data["user_id"], changed.data["status"]) == (bob.id, "dnd")
        assert [(each["user_id"], each["status"]) for each in ada.statuses([bob.id])] == [(bob.id, "dnd")]

        preference = {"user_id": bob.id, "category": "display_settings", "name": "use_military_time", "value": "true"}
        assert bob.save_preferences([preference]) == {"status": "OK"}
        assert ears.hears("preferences_changed").data["preferences"] == [preference]
        assert preference in bob.preferences()

        def unread(channel_id: str) -> tuple[int, int]:
            members = {each["channel_id"]: each for each in bob.channel_members(self.team["id"])}
            return members[channel_id]["mention_count"], members[channel_id]["last_viewed_at"]

        mentions, viewed_before = unread(self.herbs["id"])
        assert mentions == 2  # the post, and that he was added
        viewed = bob.view(self.herbs["id"])
        times = ears.hears("multiple_channels_viewed").data["channel_times"]
        assert times[self.herbs["id"]] == viewed["last_viewed_at_times"][self.herbs["id"]] > viewed_before
        assert unread(self.herbs["id"]) == (0, times[self.herbs["id"]])

    def put_out(self, ears: Ears) -> None:
        """Bob talks and hears himself once; when he is put out of a channel he hears of that, and of it no more."""
        ada, bob = self.ada, self.bob
        own = bob.post(self.seeds["id"], "Any seeds left?")
        assert same_post(ears.hears("posted"), own)
        assert ada.thread(own["id"])["order"]

        ada.remove_from_channel(self.seeds["id"], bob.id)
        removed = ears.hears("user_removed")
        assert (removed.data["channel_id"], removed.data["remover_id"]) == (self.seeds["id"], ada.id)
        self._busy(self.seeds["id"])
        with bob.refused(403):
            bob.post(self.seeds["id"], "Hello?")

    def the_end(self, ears: Ears) -> None:
        """A last word that Bob hears; nothing came besides, and Ada's session ends when she logs out."""
        last = self.ada.post(self.herbs["id"], "Good night")
        assert same_post(ears.hears("posted"), last)
        assert self.ada.log_out() == {"status": "OK"}
        with self.ada.refused(401):
            self.ada.me()
        assert ears.heard_all()
        self._nothing_leaked(ears.events)

    def _nothing_leaked(self, events: list[Received]) -> None:
        assert [event.seq for event in events] == list(range(len(events)))
        assert len(self.secrets) == 4 + 5 * 3
        for event in events:
            text: Any = f"{event.name} {event.raw} {event.broadcast}"
            assert not [secret for secret in self.secrets if secret in text], text


def tell(speak: Speak) -> int:
    """The whole day; how many events Bob heard."""
    day = Day(speak)
    day.accounts()
    with day.bob_listens() as ears:
        day.team_and_invites(ears)
        day.channels(ears)
        day.posts(ears)
        day.direct_and_group(ears)
        day.own_things(ears)
        day.put_out(ears)
        day.the_end(ears)
        return len(ears.events)
