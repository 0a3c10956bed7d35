"""A bot written with mmpy_bot lives on two nodes: people talk to it, press its buttons, and one of its nodes ends."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.cli.running import free_port
from tests.clients.cluster import Balancer, Cluster
from tests.clients.programs import Ears, Program
from tests.clients.voices import AutodriverVoice

HERE = Path(__file__).parent
PYTHON = Path(sys.prefix) / "bot" / "bin" / "python"
PATIENCE = 60.0
CONNECTED = "Websocket authentification OK"
"""What the bot's library logs."""

Json = Any

SETTINGS = {
    "ServiceSettings": {
        "AllowedUntrustedInternalConnections": "127.0.0.1",
        "EnableBotAccountCreation": True,
        "EnableUserAccessTokens": True,
    }
}


class World:
    """Ada, who made the bot, and its program, which reaches the first node as long as that is there."""

    def __init__(self, cluster: Cluster, ada: AutodriverVoice, balancer_port: int, folder: Path) -> None:
        self.cluster = cluster
        self.ada = ada
        self.log = folder / "gardener.log"
        ada.sign_up()
        ada.log_in()
        self._ask("PUT", "/config/patch", SETTINGS)
        self.team = ada.create_team("garden")["id"]
        self.channel = ada.create_channel(self.team, "herbs", "P")["id"]
        made = self._ask("POST", "/bots", {"username": "gardener", "display_name": "The Gardener"})
        self.bot = made["user_id"]
        ada.add_to_team(self.team, self.bot)
        ada.add_to_channel(self.channel, self.bot)
        token = self._ask("POST", f"/users/{self.bot}/tokens", {"description": "its own"})["token"]
        self.hooks = f"http://127.0.0.1:{(hooks := free_port())}/hooks"
        self.command = [
            str(PYTHON),
            str(HERE / "bot" / "gardener.py"),
            str(balancer_port),
            token,
            "garden",
            str(hooks),
        ]

    def _ask(self, method: str, path: str, body: Json) -> Json:
        reply = self.ada.driver.client.make_request(method.lower(), f"/api/v4{path}", body)
        return reply.json()

    def program(self) -> Program:
        """The bot, about to listen."""
        assert PYTHON.exists(), f"{PYTHON} is missing, which `make dev` and `make test` install"
        return Program(self.command, self.log)


@pytest_asyncio.fixture
async def world(cluster: Cluster, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose bot goes through a balancer, as it would in an installation of two nodes."""
    ada = AutodriverVoice(cluster.ports[1], "ada", tmp_path)
    balancer = Balancer(cluster.ports)
    async with balancer.listening():
        yield await asyncio.to_thread(World, cluster, ada, balancer.port, tmp_path)
    ada.close()


class Talk:
    """What Ada says to the bot while both are there, and what she hears."""

    def __init__(self, world: World, ears: Ears, bot: Program) -> None:
        self.world = world
        self.bot = bot
        self.ada = world.ada
        self.ears = ears

    def say(self, message: str, channel_id: str = "", **fields: Json) -> Json:
        """Ada posts, and hears her own post."""
        post = self.ada.driver.posts.create_post(channel_id or self.world.channel, message, **fields)
        assert self.hears("posted")["post"]["id"] == post["id"]
        return post

    def hears(self, name: str) -> Json:
        """The data of the next event, which must have this name."""
        return self.ears.hears(name).data

    def answer(self, to: Json | None = None) -> Json:
        """The bot's next post; `to` is the root under which it must stand."""
        post = self.hears("posted")["post"]
        assert post["user_id"] == self.world.bot
        assert post["root_id"] == (to["id"] if to else "")
        return post

    def thread_answer(self, to: Json) -> Json:
        """The same when it stands in a thread that Ada follows."""
        post = self.answer(to)
        thread = self.hears("thread_updated")["thread"]
        assert (thread["id"], thread["reply_count"]) == (to["id"], 1)
        return post


def talk_to_it(talk: Talk) -> None:
    """Words, mentions, threads, reactions and a message for Ada alone."""
    asked = talk.say("@gardener water the north bed")
    reaction = talk.hears("reaction_added")["reaction"]
    assert (reaction["user_id"], reaction["emoji_name"], reaction["post_id"]) == (
        talk.world.bot,
        "droplet",
        asked["id"],
    )
    assert talk.thread_answer(asked)["message"] == "Watered the north bed for @ada in herbs"
    assert talk.ada.reactions(asked["id"])[0]["user_id"] == talk.world.bot
    talk.say("water the south bed")  # nobody was mentioned, so nobody answers

    asked = talk.say("plant leek --rows 3")
    assert talk.thread_answer(asked)["message"] == "3 rows of leek"
    asked = talk.say("plant leek --rows many")
    assert "'many' is not a valid integer" in talk.thread_answer(asked)["message"]

    talk.say("secret")  # not before others
    talk.say("tell me")
    opened = talk.ears.hears("direct_added")
    direct = opened.broadcast["channel_id"]
    told = talk.answer()
    assert (told["message"], told["channel_id"]) == ("Basil is ill, but don't tell anybody", direct)
    asked = talk.say("secret", direct)
    assert talk.thread_answer(asked)["message"] == "The key is under the pot"


def give_it_a_file(talk: Talk) -> None:
    """It reads a file of Ada's and sends her another one."""
    uploaded = talk.ada.driver.files.upload_file(("plants.txt", b"rue mint sage"), talk.world.channel)
    file = uploaded["file_infos"][0]["id"]
    asked = talk.say("count", file_ids=[file])
    answered = talk.thread_answer(asked)
    assert answered["message"] == "3 plants"
    assert [info["name"] for info in answered["metadata"]["files"]] == ["sorted.txt"]
    assert talk.ada.driver.files.get_file(answered["file_ids"][0]).content == b"mint\nrue\nsage"


def wait_for_it(talk: Talk) -> None:
    """What it scheduled comes later."""
    started = time.monotonic()
    asked = talk.say("remind me")
    assert talk.thread_answer(asked)["message"] == "Time to weed"
    assert time.monotonic() - started > 0.4


def press_its_button(talk: Talk) -> None:
    """Its own little web server is called: by a button, by a dialog and by an outgoing webhook."""
    ada, world = talk.ada, talk.world
    asked = talk.say("to do")
    shown = talk.thread_answer(asked)
    (action,) = shown["props"]["attachments"][0]["actions"]
    assert (action["id"], action["name"], "integration" in action) == ("done", "Done", False)
    assert ada.driver.posts.do_post_action(shown["id"], "done")["status"] == "OK"
    edited, thanks, dialog = talk.ears.hears_all("post_edited", "ephemeral_message", "open_dialog")
    assert edited.data["post"]["message"] == "ada weeded the north bed"
    assert thanks.data["post"]["message"] == "Thank you"
    assert dialog.data["dialog"]["dialog"]["title"] == "How many?"

    submission = {"weeds": "40"}
    submitted = ada.driver.integration_actions.submit_interactive_dialog(
        dialog.data["dialog"]["url"], world.channel, submission, world.team, "weeds"
    )
    assert not submitted.get("errors")
    assert talk.answer()["message"] == "40 weeds less"

    field = ada.create_channel(world.team, "field", "O")["id"]
    assert talk.hears("channel_created")["channel_id"] == field
    assert talk.hears("posted")["post"]["type"] == "system_join_channel"
    ada.driver.webhooks.create_outgoing_webhook(
        world.team, "Harvest", ["harvest"], [f"{world.hooks}/harvest"], content_type="application/json"
    )
    talk.say("harvest the beans", field)
    assert talk.hears("posted")["post"]["message"] == "ada may harvest: harvest the beans"


def live(world: World, chapters: list[Callable[[Talk], None]]) -> None:
    """Start the bot, let Ada listen, and tell the chapters; nothing else may be heard."""
    with world.ada.ears() as heard, world.program() as bot:
        assert heard.hears("hello").seq == 0
        ears = Ears(heard.program, frozenset({"status_change", "hello"}))
        listens(bot)
        talking = Talk(world, ears, bot)
        for chapter in chapters:
            chapter(talking)
        assert ears.heard_all(), ears.events[-3:]
        check_order(ears)


def listens(bot: Program, times: int = 1) -> None:
    """Wait until the bot has said so often that it is connected; it prints more lines as it goes on."""
    deadline = time.monotonic() + PATIENCE
    while bot.log.count(CONNECTED) < times:
        assert time.monotonic() < deadline, bot.log
        time.sleep(0.02)


def check_order(ears: Ears) -> None:
    """All events that came are in their order, without a gap."""
    assert [event.seq for event in ears.events] == list(range(len(ears.events)))


async def test_a_bot_works_for_people(world: World) -> None:
    await asyncio.to_thread(live, world, [talk_to_it, give_it_a_file, wait_for_it, press_its_button])


def move(talk: Talk) -> None:
    """The bot's node ends, and it connects to the other one. Its library has no way to go on where it was, so what is
    said meanwhile it would not hear."""
    world = talk.world
    asked = talk.say("@gardener water the first bed")
    talk.hears("reaction_added")
    assert talk.thread_answer(asked)["message"] == "Watered the first bed for @ada in herbs"

    world.cluster.kill(1, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while not world.cluster.nodes[0].ended():
        assert time.monotonic() < deadline, "the node did not end"
        time.sleep(0.02)
    listens(talk.bot, times=2)
    asked = talk.say("@gardener water the second bed")
    talk.hears("reaction_added")
    assert talk.thread_answer(asked)["message"] == "Watered the second bed for @ada in herbs"
    asked = talk.say("to do")
    shown = talk.thread_answer(asked)
    assert talk.ada.driver.posts.do_post_action(shown["id"], "done")["status"] == "OK"
    talk.ears.hears_all("post_edited", "ephemeral_message", "open_dialog")


async def test_a_bot_whose_node_ends_goes_on_at_the_other(world: World) -> None:
    await asyncio.to_thread(live, world, [move])
