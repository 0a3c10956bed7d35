"""What a client knows when a test begins, and so what it has to fetch."""

from collections import Counter
from typing import Any, cast

import msgspec
import pytest
from locust.env import Environment

from loadtest import mix
from loadtest.behaviours import bots, channels
from loadtest.client import Frame, Rest
from loadtest.deliveries import Ledger
from loadtest.options import Options
from loadtest.person import Channel, NoTarget, Person
from loadtest.run import Account, Run, Share

TEAM = "team"


class FakeRest:
    """Answers everything with a page of one post, and counts what it was asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def get(self, template: str, *values: object) -> bytes:
        self.asked[template.rpartition("/")[2].partition("=")[0]] += 1
        return b'{"order":["post"],"posts":{"post":{"id":"post","user_id":"bob"}}}'

    def post(self, template: str, *values: object, body: object = None) -> bytes:
        self.asked[template] += 1
        return b'{"id":"new","type":"D","name":"ada__bob"}'

    def put(self, template: str, *values: object, body: object = None) -> bytes:
        self.asked[template] += 1
        return b""


@pytest.fixture
def rest() -> FakeRest:
    return FakeRest()


@pytest.fixture
def person(rest: FakeRest) -> Person:
    environment, url = Environment(), "http://127.0.0.1:9"
    ledger = Ledger("abcdef", 0, lambda *_: None)
    run = Run(environment, Options(), Share("abcdef", 0, 1, (), 1), url, Rest(url, None), ledger, mix.Deck(mix.ACTIONS))
    run.accounts = [Account("ada", "ada"), Account("bob", "bob")]
    person = Person(run, 0, run.accounts[0])
    person.rest = cast(Any, rest)
    person.pick_team([TEAM])
    person.take_sidebar([Channel(f"id-{name}", "O", f"load-{name}", TEAM) for name in "abc"], TEAM)
    return person


def test_a_tenth_of_the_visits_is_fetched_as_if_never_seen(person: Person, rest: FakeRest) -> None:
    for _ in range(2000):
        channels.switch_channel(person)

    assert rest.asked["unread?limit_before"] == pytest.approx(2000 * mix.FIRST_VISITS, rel=0.3)
    assert rest.asked["unread?limit_before"] + rest.asked["posts?since"] == 2000
    assert rest.asked["/users/ids"] == rest.asked["image"] == rest.asked["unread?limit_before"], "one poster each"


def test_a_channel_that_is_new_to_a_person_is_fetched_as_such(person: Person, rest: FakeRest) -> None:
    channels.create_direct_channel(person)

    channels.open_direct_or_group_channel(person)

    assert (rest.asked["unread?limit_before"], rest.asked["posts?since"]) == (1, 0)


def test_hardly_anybody_who_types_has_to_be_fetched(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[list[str]] = []
    monkeypatch.setattr(person, "background", lambda _, user_ids: met.append(user_ids))
    typing = Frame("typing", 1, 0, msgspec.Raw(b'{"user_id":"bob"}'))

    for _ in range(20_000):
        person.on_event(typing, b"")

    assert len(met) == pytest.approx(20_000 * mix.UNKNOWN_TYPISTS, abs=18)
    assert met[0] == ["bob"]


def test_posts_that_no_client_has_yet_are_fetched_to_be_acted_on(person: Person, rest: FakeRest) -> None:
    assert [person.seen().id, person.seen().id] == ["post", "post"]
    assert rest.asked == {"posts?page": 1}

    person.run.forget(person.channel.id, "post")
    with pytest.raises(NoTarget):
        person.seen()


def test_a_bot_may_react_before_it_does_anything_else(person: Person) -> None:
    answers = {
        "/users/me/teams": [{"id": TEAM}],
        "/teams/{}/channels?page=0&per_page=200": [{"id": "first", "name": "load-public-1"}],
        "/channels/{}/posts?page=0&per_page=60&collapsedThreads=true": {
            "order": ["post"],
            "posts": {"post": {"id": "post"}},
        },
    }
    asked: list[tuple[str, ...]] = []

    class Said(FakeRest):
        def get(self, template: str, *values: object) -> bytes:
            asked.append((template, *map(str, values)))
            return msgspec.json.encode(answers[template])

    bot = Person(person.run, 1, person.run.accounts[1])
    said = Said()
    bot.rest = cast(Any, said)

    bots.settle_in(bot)
    bots.react(bot)

    assert asked[-1] == ("/channels/{}/posts?page=0&per_page=60&collapsedThreads=true", "first")
    assert said.asked["/reactions"] == 1
