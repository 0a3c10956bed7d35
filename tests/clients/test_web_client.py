"""What the web and desktop apps do with the JavaScript client besides the day's work: their start, and the actions of
their WebSocket."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.cluster import Cluster
from tests.clients.javascript import JavaScriptVoice, person_program
from tests.clients.programs import Ears, Program

Meet = Callable[[str, int], JavaScriptVoice]


@pytest.fixture
def meet(cluster: Cluster, tmp_path: Path) -> Iterator[Meet]:
    """`meet("ada", 1)` signs a person up, logs in and shows a client that speaks to the first node."""
    command = person_program()
    with contextlib.ExitStack() as programs:

        def sign_up(username: str, node: int) -> JavaScriptVoice:
            program = programs.enter_context(Program(command, tmp_path / f"{username}.log"))
            person = JavaScriptVoice(cluster.ports[node - 1], username, program)
            person.sign_up()
            person.log_in()
            return person

        yield sign_up


def ids(things: Any, name: str = "id") -> set[str]:
    """The ids of a list."""
    return {thing[name] for thing in things}


def test_everything_that_the_web_app_asks_for_at_its_start(meet: Meet) -> None:
    ada = meet("ada", 1)
    team = ada.create_team("garden")["id"]
    herbs = ada.create_channel(team, "herbs", "O")["id"]
    post = ada.post(herbs, "Mint grows")["id"]

    config = ada.call("getClientConfig")
    assert config["Version"].count(".") == 2
    assert all(isinstance(value, str) for value in config.values())
    assert ada.call("getClientLicenseOld")["IsLicensed"] == "true"
    assert ada.call("ping", True)["status"] == "OK"
    assert ids(ada.call("getMyTeams")) == {team}
    assert ids(ada.call("getMyTeamMembers"), "team_id") == {team}
    assert ids(ada.call("getMyTeamUnreads", True), "team_id") == {team}
    channels = ids(ada.call("getMyChannels", team, True))
    assert herbs in channels
    assert len(channels) == 3
    assert ids(ada.call("getMyChannelMembers", team), "channel_id") == channels
    assert ids(ada.call("getAllChannelsMembers", "me"), "channel_id") == channels
    assert ids(ada.call("getAllTeamsChannels")) == channels
    assert ada.call("getMyPreferences")
    assert ids(ada.call("getRolesByNames", ["system_admin", "system_user", "team_admin"]), "name") == {
        "system_admin",
        "system_user",
        "team_admin",
    }
    categories = ada.call("getChannelCategories", "me", team)
    assert [category["type"] for category in categories["categories"]] == ["favorites", "channels", "direct_messages"]
    assert set(categories["order"]) == ids(categories["categories"])
    assert {each for category in categories["categories"] for each in category["channel_ids"]} == channels
    unread = ada.call("getPostsUnread", herbs, "me", 30, 30, False, True, True)
    assert post in unread["posts"]
    assert ada.call("getUserThreads", "me", team, {})["total"] == 0
    assert [each["status"] for each in ada.call("getStatusesByIds", [ada.id])] == ["online"]
    assert ids(ada.call("getProfiles", 0, 100)) == {ada.id}
    assert ids(ada.call("getProfilesByIds", [ada.id])) == {ada.id}
    assert ids(ada.call("getProfilesInChannel", herbs)) == {ada.id}
    assert ada.call("getChannelStats", herbs)["member_count"] == 1
    assert ada.call("getFlaggedPosts", ada.id)["order"] == []
    assert ada.call("getPinnedPosts", herbs)["order"] == []
    assert ada.call("getUserDrafts", team) == []
    assert ada.call("getCustomEmojis") == []
    assert ada.call("getWebappPlugins") == []
    assert ada.call("getCustomEmojisByNames", ["mint"]) == []
    assert ada.call("getChannelBookmarks", herbs) == []
    assert ada.call("getInProductNotices", team, "web", "11.9.0") == []


def test_actions_over_the_socket_are_answered_and_heard_at_the_other_node(meet: Meet) -> None:
    ada, bob = meet("ada", 1), meet("bob", 2)
    team = ada.create_team("garden")["id"]
    ada.add_to_team(team, bob.id)
    herbs = ada.create_channel(team, "herbs", "O")["id"]
    ada.add_to_channel(herbs, bob.id)
    with ada.ears() as ada_hears, bob.ears() as bob_hears:
        for ears in (ada_hears, bob_hears):
            ears.hears("hello")
            assert ears.hears("status_change").data["status"] == "online"

        for reply in (
            ada.act("updateActiveChannel", herbs),
            ada.act("updateActiveTeam", team),
            ada.act("userTyping", herbs, ""),
        ):
            assert reply["status"] == "OK"
        typing = bob_hears.hears("typing")
        assert (typing.data["user_id"], typing.data["parent_id"]) == (ada.id, "")
        assert typing.broadcast["channel_id"] == herbs

        statuses = ada.act("getStatusesByIds", [ada.id, bob.id])
        assert (statuses["status"], statuses["data"]) == ("OK", {ada.id: "online", bob.id: "online"})
        assert ada.act("getStatuses")["data"] == {ada.id: "online", bob.id: "online"}
        assert ada.act("userUpdateActiveStatus", True, False)["status"] == "OK"

        assert bob_hears.heard_all()
        assert ada_hears.heard_all()


def test_a_browser_gets_on_with_its_cookie_alone(meet: Meet) -> None:
    ada, bob = meet("ada", 1), meet("bob", 2)
    for person in (ada, bob):
        person.order("set", name="setHeader", args=["Cookie", f"MMAUTHTOKEN={person.token}"])
        person.order("listen", cookie=True)
        Ears(person.program).hears("hello")
        person.order("set", name="setToken", args=[""])

    assert ada.me()["id"] == ada.id
    direct = ada.direct([ada.id, bob.id])["id"]
    post = ada.post(direct, "Lunch?")
    ears = Ears(bob.program, deaf_to=frozenset({"hello", "status_change"}))
    assert ears.hears("direct_added").broadcast["channel_id"] == direct
    assert ears.hears("posted").data["post"]["id"] == post["id"]
    assert bob.call("logout") == {"status": 200}
    with bob.refused(401):
        bob.me()
