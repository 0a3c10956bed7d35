"""What the JavaScript client does about later: scheduled posts, reminders, acknowledgements, threads that move."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.cluster import Cluster
from tests.clients.javascript import JavaScriptVoice, person_program
from tests.clients.programs import Ears, Program

Pair = tuple[JavaScriptVoice, JavaScriptVoice]


@pytest.fixture
def pair(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[[], Pair]]:
    """`pair()` are Ada and Bob, each with a client of another node."""
    command = person_program()
    with contextlib.ExitStack() as programs:

        def sign_up(username: str, node: int) -> JavaScriptVoice:
            program = programs.enter_context(Program(command, tmp_path / f"{username}.log"))
            person = JavaScriptVoice(cluster.ports[node - 1], username, program)
            person.sign_up()
            person.log_in()
            return person

        yield lambda: (sign_up("ada", 1), sign_up("bob", 2))


def test_posts_are_scheduled_confirmed_and_moved(pair: Callable[[], Pair]) -> None:
    ada, bob = pair()
    team = ada.create_team("garden")["id"]
    ada.add_to_team(team, bob.id)
    herbs, trees = (ada.create_channel(team, name, "O")["id"] for name in ("herbs", "trees"))
    for channel in (herbs, trees):
        ada.add_to_channel(channel, bob.id)
    priority = {"priority": "important", "requested_ack": True, "persistent_notifications": False}
    post = {
        "id": "",
        "scheduled_at": int(time.time() * 1000) + 3_600_000,
        "create_at": 0,
        "update_at": 0,
        "user_id": ada.id,
        "channel_id": herbs,
        "root_id": "",
        "message": "Water the mint",
        "props": {},
        "metadata": {"priority": priority},
        "priority": priority,
    }
    with bob.ears():
        bob_hears = Ears(bob.program, deaf_to=frozenset({"status_change", "sidebar_category_updated"}))
        bob_hears.hears("hello")
        made = ada.call("createScheduledPost", post, "")["data"]
        assert made["message"] == post["message"]
        listed = ada.call("getScheduledPosts", team, True)["data"]
        assert {key: [each["id"] for each in posts] for key, posts in listed.items()} == {
            team: [made["id"]],
            "directChannels": [],
        }
        soon = {**made, "scheduled_at": int(time.time() * 1000) + 200}
        assert ada.call("updateScheduledPost", soon, "")["data"]["id"] == made["id"]

        sent = bob_hears.hears("posted").data["post"]
        assert sent["metadata"]["priority"] == priority
        given = bob.call("acknowledgePost", sent["id"], bob.id)
        assert bob_hears.hears("post_acknowledgement_added").data["acknowledgement"] == given
        bob.call("unacknowledgePost", sent["id"], bob.id)
        assert bob_hears.hears("post_acknowledgement_removed").data["acknowledgement"] == given
        assert bob.call("addPostReminder", bob.id, sent["id"], int(time.time()) + 3600)["status"] == "OK"
        assert bob_hears.hears("ephemeral_message").data["post"]["props"]["post_id"] == sent["id"]
        assert ada.call("moveThread", sent["id"], trees)["status"] == "OK"
        assert bob_hears.hears("post_deleted").data["post"]["id"] == sent["id"]
        moved = bob_hears.hears("posted").data["post"]
        assert (moved["channel_id"], moved["message"]) == (trees, post["message"])
    other = ada.call("createScheduledPost", post, "")["data"]
    assert ada.call("deleteScheduledPost", ada.id, other["id"], "")["data"]["id"] == other["id"]
    assert ada.call("getScheduledPosts", team, False)["data"] == {team: []}
