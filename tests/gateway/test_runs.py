"""Events are shared in runs; still each connection gets all of its own, once and in order."""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from server.bus.bus import Bus
from server.bus.envelope import Envelope
from server.bus.signals import Joined, Left
from server.gateway.connection import HELD, PAUSED, Connection, write_all
from server.gateway.frames import JSON, MSGPACK
from server.gateway.hub import Hub, User
from server.gateway.runs import PART_BYTES, RING, RING_BYTES, Run
from server.gateway.stats import Stats
from tests.gateway.test_encodings import body, decoded

ROOMS = ("channel:one", "channel:two")


class Client(asyncio.Transport):
    """A transport that keeps what it is given, and is full now and then."""

    def __init__(self, connection: Connection, chance: random.Random | None = None) -> None:
        self.written: list[bytes] = []
        self._connection = connection
        self._chance = chance

    def is_closing(self) -> bool:
        return False

    def write(self, data: object) -> None:
        self.written.append(cast(bytes, data))
        if self._chance is not None and self._chance.random() < 0.2:
            self._connection.block(PAUSED)

    def is_never_full(self) -> None:
        self._chance = None

    def texts(self) -> list[str]:
        return [event["data"]["text"] for data in self.written for event in decoded(data)]

    def seqs(self) -> list[int]:
        return [event["seq"] for data in self.written for event in decoded(data)]


class NoKeeper:
    """Nobody overflows, and nothing is late."""

    def overflowed(self, connection: Connection) -> None:
        raise AssertionError

    def interrupted(self, connection: Connection) -> None:
        raise AssertionError

    def anew(self, connections: object) -> None:
        raise AssertionError


def attached(first: int = 0, codec: int = JSON, chance: random.Random | None = None) -> tuple[Connection, Client]:
    connection = Connection("id", "user", "session", False, codec)
    connection.begin_at(first)
    client = Client(connection, chance)
    connection.attach(None, client)
    return connection, client


def run_of(count: int, size: int = 20, codec: int = JSON) -> Run:
    envelopes = [Envelope(f"{number}", "told", 0, body(size), 1) for number in range(count)]
    hub, (connection, _) = a_hub(), attached(codec=codec)
    hub._deliver_to_all(envelopes, [connection])
    assert connection.waiting is not None
    return connection.waiting


def a_hub() -> Hub:
    async def nowhere(user_id: str) -> list[str]:
        return []

    hub = Hub(Bus("redis://127.0.0.1:1", "n1"), nowhere, Stats())
    hub.keeper = NoKeeper()
    return hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub whose rounds come when the test says so."""
    hub = a_hub()
    hub.batch_ended = lambda: None  # type: ignore[method-assign]
    yield hub
    assert hub._round is None


def enter(hub: Hub, user_id: str, connection: Connection, rooms: tuple[str, ...]) -> None:
    connection.user_id = user_id
    user = hub.users[user_id] = User(user_id)
    for room in rooms:
        hub._join(user, room)
    hub.add(user, connection)


def told(text: str) -> Envelope:
    return Envelope(
        text, "told", time.time(), b'{"event":"told","data":{"text":"%b"},"broadcast":{},"seq":' % text.encode(), 1
    )


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
def test_those_who_are_as_far_get_the_very_same_bytes_and_others_their_own_seqs(codec: int) -> None:
    run = run_of(5, codec=codec)
    firsts = [7, 7, 12, 997, 7, 4_000_000_000]
    made = [attached(first, codec) for first in firsts]
    for connection, _ in made:
        connection.waiting = run

    write_all([connection for connection, _ in made])

    for (connection, client), first in zip(made, firsts, strict=True):
        assert client.seqs() == list(range(first, first + 5))
        assert connection.next_seq == first + 5
        assert connection.log == [run]
    assert made[0][1].written[0] is made[1][1].written[0]
    assert run.frames is None, "frames are kept longer than they are needed"


def test_a_connection_goes_back_to_the_midst_of_a_run() -> None:
    connection, client = attached()
    for _ in range(3):
        connection.waiting = run_of(10)
        write_all([connection])

    for seq in (15, 10, 29, 30, 0):
        connection.detach()
        assert connection.rewind(seq)
        assert (connection.next_seq, connection.behind) == (30, 30 - seq)
        client.written.clear()
        connection.attach(None, client)
        connection.flush()
        assert client.seqs() == list(range(seq, 30))
        assert (connection.size, connection.waiting) == (0, None)
    assert not connection.rewind(31)


@pytest.mark.parametrize(("count", "size"), [(1, 20), (8, 20), (32, 20), (8, 900), (32, 9_000), (1, 5_000)])
def test_enough_is_kept_to_come_back_for_and_not_too_much(count: int, size: int) -> None:
    connection, client = attached()
    run = run_of(count, size)
    for _ in range(max(400 // count, 20)):
        connection.waiting = run
        write_all([connection])
        kept = connection.next_seq - connection.first
        assert sum(each.size for each in connection.log) <= RING_BYTES
        assert kept <= 2 * RING + count
        assert sum(each.count for each in connection.log) == kept
        assert connection.kept == sum(each.weight for each in connection.log)

    enough = min(RING, RING_BYTES // 2 // len(body(size)) - 1)
    assert connection.next_seq - connection.first >= enough
    client.written.clear()
    connection.detach()
    assert connection.rewind(connection.next_seq - enough)
    connection.attach(None, client)
    connection.flush()
    assert client.seqs() == list(range(connection.next_seq - enough, connection.next_seq))
    assert max(map(len, client.written)) < PART_BYTES + 40 * RING


class Person:
    """A user with a connection, what was told to them, and what their client has seen."""

    def __init__(self, hub: Hub, number: int, chance: random.Random) -> None:
        self.hub = hub
        self.chance = chance
        self.id = f"user{number}"
        self.rooms = (ROOMS[:1], ROOMS, ROOMS[1:])[number % 3]
        self.connection, self.client = attached(chance.choice([0, 995]), MSGPACK if number == 5 else JSON, chance)
        self.first = self.connection.first
        self.wanted: list[str] = []
        self.seen: list[dict[str, Any]] = []
        enter(hub, self.id, self.connection, self.rooms)

    def read(self) -> None:
        self.seen += [event for data in self.client.written for event in decoded(data)]
        self.client.written.clear()

    def live(self) -> None:
        """Something stands in the way, or not any more; or the client goes and comes back for what it has not seen."""
        connection, what = self.connection, self.chance.random()
        if what < 0.05:
            connection.block(HELD)
        elif what < 0.35:
            for reason in (PAUSED, HELD):
                if connection.blocked & reason and connection.unblock(reason):
                    self.hub.enqueue(connection)
        elif what < 0.4:
            self.read()
            connection.detach()
            back = max(connection.first, self.first + len(self.seen) - self.chance.randrange(4))
            assert connection.rewind(back)
            del self.seen[back - self.first :]
            connection.attach(None, self.client)
            connection.flush()
        assert connection.next_seq == self.first + len(self.wanted)

    def check(self) -> None:
        """Let the client have the rest; then it must have seen all."""
        connection = self.connection
        self.client.is_never_full()
        connection.blocked = 0
        connection.flush()
        self.read()
        assert [event["data"]["text"] for event in self.seen] == self.wanted
        assert [event["seq"] for event in self.seen] == list(range(self.first, self.first + len(self.wanted)))
        assert (connection.size, connection.unsent, connection.behind) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(30))
async def test_nothing_is_lost_doubled_or_disordered_whatever_stands_in_the_way(hub: Hub, seed: int) -> None:
    """Random events to users in one or both of two rooms, who are full, held, or away at random times."""
    chance = random.Random(seed)
    people = [Person(hub, number, chance) for number in range(6)]
    for step in range(150):
        room, pad = chance.choice(ROOMS), "x" * chance.choice([0, 10, 3_000])
        texts = [f"{step}.{index}{pad}" for index in range(chance.choice([1, 1, 2, 5, 40]))]
        envelopes = [told(text) for text in texts]
        envelopes[-1].omit_user = omitted = chance.choice(["", "user1", "user5"])
        hub.deliver(room, envelopes)
        for person in people:
            if room in person.rooms:
                person.wanted += texts[:-1] if person.id == omitted else texts
            person.live()
        if chance.random() < 0.5:
            hub._write_round()

    for person in people:
        person.check()


async def test_who_comes_and_goes_is_heeded_at_once(hub: Hub) -> None:
    """It is known which connections a room has, until that changes."""
    (ada, ada_hears), (bob, bob_hears), (ada_too, ada_hears_too) = (attached() for _ in range(3))

    def tell(text: str) -> None:
        hub.deliver(ROOMS[0], [told(text)])
        hub._write_round()

    enter(hub, "ada", ada, ROOMS)
    tell("0")
    enter(hub, "bob", bob, ROOMS[1:])
    tell("1")
    hub._apply(hub.users["bob"], Joined(user_id="bob", rooms=ROOMS[:1]), 1)
    tell("2")
    ada_too.user_id = "ada"
    hub.add(hub.users["ada"], ada_too)
    tell("3")
    hub.remove(ada)
    tell("4")
    hub._apply(hub.users["bob"], Left(user_id="bob", rooms=ROOMS[:1]), 2)
    tell("5")
    hub.forget(hub.users["ada"])
    tell("6")

    assert [client.texts() for client in (ada_hears, bob_hears, ada_hears_too)] == [
        ["0", "1", "2", "3"],
        ["2", "3", "4"],
        ["3", "4", "5"],
    ]
