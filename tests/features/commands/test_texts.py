"""Commands that write what follows them in some other way."""

import pytest

from server.db import SQL
from server.features.commands.built_in.texts import Delayed, delayed
from server.ids import now_ms
from tests.features.commands.world import Clients, Settings, Sockets, World, heard
from tests.make import Make
from tests.nodes import TestNode
from tests.waiting import until_gone

ECHOES = SQL("SELECT count(*) FROM jobs WHERE name = 'echo' AND payload->>'user_id' = ANY($1)")
DUE_NOW = SQL("""
    WITH due AS (UPDATE jobs SET run_at = 0 WHERE name = 'echo' AND payload->>'user_id' = ANY($1) RETURNING id)
    SELECT count(*), pg_notify('hubbub_jobs', '') FROM due
""")


async def test_me_says_what_one_does(world: World, socket: Sockets) -> None:
    async with socket(world.ada) as ada, socket(world.eve) as eve:
        await world.done(world.bob, "/me  waves @nobody")
        post = (await ada.next("posted")).data["post"]
        assert "posted" not in await eve.names()

    assert (post["user_id"], post["type"], post["message"]) == (world.bob.id, "me", "*waves @nobody*")
    assert post["props"] == {"message": "waves @nobody"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/shrug oh well", "oh well ¯\\\\\\_(ツ)\\_/¯"),
        ("/shrug", "¯\\\\\\_(ツ)\\_/¯"),
        ("/code if x:\n  y", "    if x:\n      y"),
        ("/code   <!here|x>", "      <!here|x>"),
    ],
)
async def test_words_become_a_post_of_ones_own(world: World, line: str, message: str) -> None:
    await world.done(world.bob, line)

    (post,) = await world.posts()
    assert (post["user_id"], post["message"]) == (world.bob.id, message)
    assert "from_webhook" not in post["props"]


async def test_a_reply_stays_in_its_thread(world: World, make: Make) -> None:
    root = await make.post(world.ada, world.town)

    await world.done(world.bob, "/shrug", root_id=root["id"])

    assert (await world.posts())[0]["root_id"] == root["id"]


@pytest.mark.parametrize("line", ["/me", "/code  "])
async def test_nothing_to_say_is_nothing_posted(world: World, socket: Sockets, line: str) -> None:
    async with socket(world.bob) as bob:
        answer = await world.done(world.bob, line)
        assert await heard(bob) == [answer["text"]]

    assert await world.posts() == []


@pytest.mark.parametrize(
    ("text", "words", "seconds"),
    [
        ("hello", "hello", 0),
        ("hello you 3", "hello you", 3),
        ('"hello you 3" 5', "hello you 3", 5),
        ('"hello you 3"', "hello you 3", 0),
        ("42", "42", 0),
        ("at 5 o'clock", "at 5 o'clock", 0),
        ("x ³", "x ³", 0),
        ("", "", 0),
        ('""', "", 0),
    ],
)
def test_what_is_echoed_when(text: str, words: str, seconds: int) -> None:
    assert delayed(text) == Delayed(words, seconds)


async def test_an_echo_is_for_developers(world: World, settings: Settings) -> None:
    settings(ServiceSettings={"EnableDeveloper": True})

    await world.done(world.bob, "/echo hello you")
    long = await world.done(world.bob, "/echo hello 10001")

    assert [(post["user_id"], post["message"]) for post in await world.posts()] == [(world.bob.id, "hello you")]
    assert "10000" in long["text"]


async def test_an_echo_comes_after_a_while(world: World, settings: Settings, socket: Sockets) -> None:
    settings(ServiceSettings={"EnableDeveloper": True})

    async with socket(world.ada) as ada:
        before = now_ms()
        await world.done(world.bob, '/echo "hello you" 1')
        post = (await ada.next("posted")).data["post"]

    assert (post["user_id"], post["message"]) == (world.bob.id, "hello you")
    assert post["create_at"] >= before + 1000


async def test_echoes_have_a_limit(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, socket: Sockets
) -> None:
    settings(ServiceSettings={"EnableDeveloper": True})
    monkeypatch.setattr("server.features.commands.built_in.texts.MAX_ECHOES", 1)

    await world.done(world.bob, "/echo first 9000")
    answer = await world.done(world.bob, "/echo second 9000")
    other = await world.done(world.ada, "/echo third 9000")

    assert "under way" in answer["text"]
    assert other["text"] == ""


async def test_an_echo_of_someone_who_left_is_not_said(
    world: World, settings: Settings, client: Clients, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableDeveloper": True})
    people = [world.ada.id, world.bob.id]
    for person in (world.ada, world.bob):
        await world.done(person, f"/echo {person.username} 9000")
    (await client(world.ada).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()

    assert await node.services.db.value(DUE_NOW, people) == 2
    await until_gone(lambda: node.services.db.value(ECHOES, people))

    assert [post["message"] for post in await world.posts()] == [world.ada.username]
