"""The data layer of the published web app, mattermost-redux: the actions of its day, each answered without an error."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.clients.cluster import Cluster
from tests.clients.javascript import JavaScriptVoice, store_program
from tests.clients.programs import PATIENCE, Program

Meet = Callable[[str, int], "Store"]


class Store(JavaScriptVoice):
    """A person whose web app holds a store."""

    def do(self, module: str, name: str, *args: Any) -> Any:
        """Dispatch an action and give its data; a refusal is raised."""
        return self.order("dispatch", module=module, name=name, args=args)

    def state(self, *path: str) -> Any:
        """A part of the store's entities."""
        return self.order("state", path=path)

    def asked(self) -> list[dict[str, Any]]:
        """The requests since the last time, with the statuses of their answers."""
        requests: list[dict[str, Any]] = self.order("asked")
        return requests


@pytest.fixture
def meet(cluster: Cluster, tmp_path: Path) -> Iterator[Meet]:
    """`meet("ada", 1)` signs a person up, logs in and shows a store that speaks to the first node."""
    command = store_program()
    with contextlib.ExitStack() as programs:

        def sign_up(username: str, node: int) -> Store:
            program = programs.enter_context(Program(command, tmp_path / f"{username}.log"))
            person = Store(cluster.ports[node - 1], username, program)
            person.sign_up()
            person.log_in()
            person.do("users", "loadMe")
            return person

        yield sign_up


class Place(Struct):
    """Ada and Bob in a team and a channel; Ada has written there and Bob answered."""

    ada: Store
    bob: Store
    team: str
    herbs: str
    root: str
    later: str


@pytest.fixture
def place(meet: Meet) -> Place:
    """The place; Ada, who signed up first, administers the service, Bob does not."""
    ada, bob = meet("ada", 1), meet("bob", 2)
    team = ada.do("teams", "createTeam", {"name": "garden", "display_name": "Garden", "type": "O"})["id"]
    ada.do("teams", "addUserToTeam", team, bob.id)
    herbs = ada.create_channel(team, "herbs", "O")["id"]
    ada.do("channels", "addChannelMember", herbs, bob.id)
    root = ada.post(herbs, "Mint grows :herb: @bob")["id"]
    bob.post(herbs, "So does sage", root)
    later = bob.post(herbs, "Rosemary does not")["id"]
    return Place(ada, bob, team, herbs, root, later)


def the_day(person: Store, place: Place) -> list[tuple[str, str, list[Any]]]:
    """The actions of a day: from the start of the web app on, by what people click."""
    team, herbs, root, me = place.team, place.herbs, place.root, person.id
    other = place.ada.id if person is place.bob else place.bob.id
    mine = {"user_id": me, "category": "display_settings", "name": "use_military_time", "value": "true"}
    return [
        # the start
        ("general", "getClientConfig", []),
        ("general", "getLicenseConfig", []),
        ("general", "getCustomProfileAttributeFields", []),
        ("users", "getMe", []),
        ("preferences", "getMyPreferences", []),
        ("teams", "getMyTeams", []),
        ("teams", "getMyTeamMembers", []),
        ("teams", "getMyTeamUnreads", [True]),
        ("roles", "loadRolesIfNeeded", [["system_user", "team_user", "channel_user"]]),
        ("teams", "selectTeam", [team]),
        ("channels", "fetchAllMyTeamsChannels", []),
        ("channels", "fetchAllMyChannelMembers", []),
        ("channels", "fetchChannelsAndMembers", [team]),
        ("channel_categories", "fetchMyCategories", [team, False]),
        ("threads", "getThreadCounts", [me, team]),
        ("limits", "getServerLimits", []),
        ("scheduled_posts", "fetchTeamScheduledPosts", [team, True, False]),
        ("teams", "getInProductNotices", [team, "web", "11.9.0"]),
        ("teams", "updateNoticesAsViewed", [["a_notice"]]),
        ("agents", "getAgents", []),
        ("agents", "getAgentsStatus", []),
        ("agents", "getLLMServices", []),
        ("users", "getStatusesByIds", [[me, other]]),
        # reading a channel
        ("channels", "selectChannel", [herbs]),
        ("posts", "getPostsUnread", [herbs]),
        ("posts", "getPosts", [herbs]),
        ("posts", "getPostsSince", [herbs, 1]),
        ("posts", "getPostsBefore", [herbs, place.later]),
        ("posts", "getPostsAfter", [herbs, root]),
        ("channels", "getChannelStats", [herbs, True]),
        ("channels", "getChannelTimezones", [herbs]),
        ("channels", "getChannelMembers", [herbs]),
        ("channels", "getMyChannelMember", [herbs]),
        ("channels", "getChannelMemberCountsByGroup", [herbs]),
        ("channels", "getChannelAccessControlAttributes", [herbs]),
        ("channel_bookmarks", "fetchChannelBookmarks", [herbs]),
        ("content_flagging", "getTeamContentFlaggingStatus", [team]),
        ("channels", "readMultipleChannels", [[herbs]]),
        ("channels", "markChannelAsViewedOnServer", [herbs]),
        ("users", "getProfilesInChannel", [herbs, 0]),
        ("users", "getProfilesByIds", [[other]]),
        ("emojis", "getCustomEmojis", []),
        ("emojis", "getCustomEmojisInText", ["a :herb_of_ours: grows"]),
        ("search", "getPinnedPosts", [herbs]),
        ("search", "getFlaggedPosts", []),
        ("threads", "getThreadsForCurrentTeam", []),
        ("posts", "getPostThread", [root]),
        # writing
        (
            "posts",
            "createPost",
            [{"channel_id": herbs, "message": "Thyme", "user_id": me, "pending_post_id": f"{me}:1"}],
        ),
        ("posts", "addPostReminder", [me, root, int(time.time()) + 3600]),
        ("posts", "addReaction", [root, "herb"]),
        ("posts", "removeReaction", [root, "herb"]),
        ("posts", "flagPost", [root]),
        ("posts", "unflagPost", [root]),
        ("posts", "pinPost", [root]),
        ("posts", "unpinPost", [root]),
        ("posts", "setUnreadPost", [me, root]),
        ("preferences", "savePreferences", [me, [mine]]),
        ("channels", "favoriteChannel", [herbs]),
        ("channels", "unfavoriteChannel", [herbs]),
        # looking around
        ("users", "autocompleteUsers", ["b"]),
        ("users", "searchProfiles", ["bob"]),
        ("users", "getUserByUsername", ["bob"]),
        ("users", "getKnownUsers", []),
        ("users", "getTotalUsersStats", []),
        ("users", "getProfiles", []),
        ("users", "getProfilesInTeam", [team, 0]),
        ("users", "getProfilesNotInChannel", [team, herbs, False, 0]),
        ("threads", "setThreadFollow", [me, team, root, True]),
        ("threads", "getThread", [me, team, root]),
        ("threads", "markAllThreadsInTeamRead", [me, team]),
        ("files", "getFilesForPost", [root]),
        ("users", "getSessions", [me]),
        ("users", "getUserAudits", [me]),
        ("users", "getCustomProfileAttributeValues", [other]),
        ("users", "getTermsOfService", []),
        ("users", "setStatus", [{"user_id": me, "status": "away"}]),
        ("users", "setCustomStatus", [{"emoji": "herb", "text": "in the garden"}]),
        ("users", "unsetCustomStatus", []),
        ("users", "updateMe", [{"position": "gardener"}]),
        ("channels", "createDirectChannel", [me, other]),
        ("channels", "autocompleteChannels", [team, "h"]),
        ("channels", "searchChannels", [team, "herbs"]),
        ("channels", "getChannels", [team]),
        ("teams", "getTeams", []),
        ("teams", "getTeamStats", [team]),
        ("teams", "getTeamMembers", [team]),
        ("integrations", "getAutocompleteCommands", [team]),
        ("integrations", "getCommands", [team]),
        ("timezone", "autoUpdateTimezone", ["Europe/Berlin"]),
        ("search", "searchPostsWithParams", [team, {"terms": "mint", "is_or_search": False}]),
        ("search", "searchFilesWithParams", [team, {"terms": "mint", "is_or_search": False}]),
        ("groups", "getGroupsByUserId", [me]),
        ("groups", "searchGroups", [{"q": "a"}]),
        ("errors", "logError", [{"message": "a mistake of the client"}]),
    ]


# Answered with an error by design: what there is none of.
EXPECTED: set[tuple[str, str]] = {("users", "getTermsOfService")}


@pytest.mark.parametrize("who", ["ada", "bob"])
def test_the_actions_of_a_day_are_answered(place: Place, who: str) -> None:
    person: Store = getattr(place, who)
    person.asked()
    failed: list[Any] = []
    for module, name, args in the_day(person, place):
        try:
            person.do(module, name, *args)
        except Exception as error:  # noqa: BLE001 - all are to be seen at once
            if (module, name) not in EXPECTED:
                failed.append((module, name, str(error)))
        refused = [request for request in person.asked() if request["status"] >= 400]
        if refused and (module, name) not in EXPECTED:
            failed.append((module, name, refused))

    assert failed == [], "\n".join(map(str, failed))
    assert set(person.state("users", "profiles")) >= {place.ada.id, place.bob.id}
    assert person.state("posts", "posts", place.root, "message").startswith("Mint grows")
    assert person.state("posts", "posts", place.root, "reply_count") == 1
    assert person.state("channels", "channels", place.herbs, "name") == "herbs"
    assert person.state("general", "config", "Version")
    assert person.state("channels", "stats", place.herbs, "member_count") == 2
    assert person.state("contentFlagging", "settings") in (None, {}), "nothing says that posts can be flagged"


def test_what_an_administrator_is_asked_at_first(place: Place) -> None:
    place.ada.do("general", "getFirstAdminSetupComplete")
    assert place.ada.state("general", "firstAdminCompleteSetup") is False
    place.ada.call("completeSetup", {"organization": "Garden", "install_plugins": []})
    place.ada.do("general", "getFirstAdminSetupComplete")

    assert place.ada.state("general", "firstAdminCompleteSetup") is True


def test_a_preview_that_comes_later_gets_into_the_store(place: Place, cluster: Cluster) -> None:
    """The web app keeps the post that it has unless the one of the event is newer."""
    bob, url = place.bob, "http://10.0.0.1/inside"
    post = place.ada.post(place.herbs, url)
    bob.order("edited", post=post)
    assert "embeds" not in bob.state("posts", "posts", post["id"], "metadata")

    previewed = _previewed(cluster, bob, post["id"])
    bob.order("edited", post=previewed)

    assert bob.state("posts", "posts", post["id"], "metadata", "embeds") == [{"type": "link", "url": url}]
    assert bob.state("posts", "posts", post["id"], "edit_at") == 0


def test_a_post_that_is_linked_to_gets_into_the_store(place: Place, cluster: Cluster) -> None:
    site = "https://garden.example.org"
    place.ada.call("patchConfig", {"ServiceSettings": {"SiteURL": site}})
    post = place.ada.post(place.herbs, f"{site}/garden/pl/{place.root}")
    bob = place.bob
    bob.do("posts", "getPosts", place.herbs)

    (embed,) = bob.state("posts", "posts", post["id"], "metadata", "embeds")
    assert (embed["type"], embed["data"]["post_id"], embed["data"]["team_name"]) == ("permalink", place.root, "garden")
    assert bob.state("posts", "posts", place.root, "message").startswith("Mint grows")


def _previewed(cluster: Cluster, reader: Store, post_id: str) -> dict[str, Any]:
    """The post once a job has looked behind its link."""
    headers = {"Authorization": f"Bearer {reader.token}"}
    url = f"http://127.0.0.1:{cluster.ports[0]}/api/v4"
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            post: dict[str, Any] = client.get(f"/posts/{post_id}").json()
            if post["metadata"].get("embeds"):
                return post
            time.sleep(0.02)
    raise AssertionError("no preview came")
