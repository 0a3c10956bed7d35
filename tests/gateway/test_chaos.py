"""Everything at once: joins, leaves, cut connections, wandering clients, dying nodes. Nobody has a silent gap."""

import asyncio
import contextlib
import random

import pytest
from websockets.exceptions import WebSocketException

from server.bus.event import Audience
from server.bus.signals import Joined, Left
from tests.gateway.conftest import Client, GatewayNode, Stage, until
from tests.gateway.events import Told, for_user, in_channel

ROOMS = ["a", "b", "c"]
STEPS = 500


class Person:
    """A user with one client that comes back whenever it is cut off, and notes what it was told."""

    def __init__(self, story: "Story", user_id: str) -> None:
        self.user_id = user_id
        self.rooms: set[str] = set(ROOMS[:1])
        self.expected: list[str] = []
        self.runs: list[list[str]] = []
        self.hellos = 0
        self._story = story
        self._connection_id = ""
        self._next_seq = 0
        self.client: Client | None = None

    async def live(self) -> None:
        """Connect, listen, and connect again, as a real client does."""
        while not self._story.over:
            node = self._story.chance.choice(self._story.alive)
            query = f"?connection_id={self._connection_id}&sequence_number={self._next_seq}" if self.runs else ""
            try:
                self.client = await self._story.stage.open(node, self._story.stage.world.token(self.user_id), query)
            except (OSError, WebSocketException):
                await asyncio.sleep(0.01)
                continue
            read = 0
            while True:
                read = self._read(self.client, read)
                if self.client.close_code is not None or self._story.over:
                    break
                await asyncio.sleep(0.002)
            self._read(self.client, read)

    def _read(self, client: Client, read: int) -> int:
        """Go on from event number `read`; a seq that is not the expected one is a fault."""
        events = client.events
        for event in events[read:]:
            if event["event"] == "hello":
                self.hellos += 1
                self._connection_id, self._next_seq = event["data"]["connection_id"], 0
                self.runs.append([])
            assert event["seq"] == self._next_seq, (self.user_id, event, self._next_seq)
            self._next_seq += 1
            if "text" in event["data"]:
                self.runs[-1].append(event["data"]["text"])
        return len(events)


class Story:
    """What happens, by chance."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.chance = random.Random(seed)
        self.alive: list[GatewayNode] = []
        self.people: list[Person] = []
        self.over = False
        self.said = 0

    async def say(self) -> None:
        """Publish something, and note who must hear it."""
        text = str(self.said)
        self.said += 1
        kind = self.chance.random()
        node = self.chance.choice(self.alive)
        if kind < 0.7:
            room = self.chance.choice(ROOMS)
            omitted = self.chance.choice(self.people) if kind < 0.1 else None
            event = in_channel(text, room, omit_user=omitted.user_id if omitted else "")
            hearers = [one for one in self.people if room in one.rooms and one is not omitted]
        elif kind < 0.9:
            hearers = [self.chance.choice(self.people)]
            event = for_user(text, hearers[0].user_id)
        else:
            hearers = self.people
            event = Told(text=text, to=Audience())
        for person in hearers:
            person.expected.append(text)
        assert await node.bus.publish([event])

    async def move(self) -> None:
        """Somebody joins or leaves a room: first in the database, then on the bus."""
        person, room = self.chance.choice(self.people), self.chance.choice(ROOMS)
        rooms = self.stage.world.rooms[person.user_id]
        topic = f"channel:{room}"
        signal: Joined | Left
        if room in person.rooms:
            rooms.remove(topic)
            signal = Left(user_id=person.user_id, rooms=(topic,))
        else:
            rooms.append(topic)
            signal = Joined(user_id=person.user_id, rooms=(topic,))
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.random() * 0.01)
        assert await self.chance.choice(self.alive).bus.publish([signal])
        person.rooms ^= {room}

    async def trouble(self) -> None:
        """Something breaks."""
        kind = self.chance.random()
        if kind < 0.4:
            client = self.chance.choice(self.people).client
            if client is not None:
                client.socket.transport.abort()
        elif kind < 0.8:
            connection = self.chance.choice(self.alive).bus.subscriber._connection
            if connection is not None:
                connection.close()
        elif len(self.alive) > 1:
            node = self.chance.choice(self.alive)
            self.alive.remove(node)
            self.stage.nodes.remove(node)
            await (node.crash() if kind < 0.9 else node.stop())
            self.alive.append(await self.stage.node())

    async def run(self) -> None:
        """Tell the whole story, and then one thing more to everybody."""
        for _ in range(3):
            self.alive.append(await self.stage.node())
        for _ in range(6):
            self.people.append(Person(self, self.stage.world.user("channel:a")))
        lives = [asyncio.ensure_future(person.live()) for person in self.people]
        await until(lambda: all(person.runs for person in self.people))
        for _ in range(STEPS):
            kind = self.chance.random()
            if kind < 0.85:
                await self.say()
            elif kind < 0.95:
                await self.move()
            else:
                await self.trouble()
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.random() * 0.01)
        await until(lambda: all(node.bus.connected for node in self.alive))
        for person in self.people:
            person.expected.append("the end")
        assert await self.alive[0].bus.publish([Told(text="the end", to=Audience())])
        with contextlib.suppress(TimeoutError):
            await until(lambda: all(person.runs[-1][-1:] == ["the end"] for person in self.people))
        self.over = True
        await asyncio.gather(*lives)


def is_part(run: list[str], whole: list[str]) -> bool:
    """Whether a run is a piece of the whole, without anything missing inside."""
    if not run:
        return True
    if run[0] not in whole:
        return False
    start = whole.index(run[0])
    return whole[start : start + len(run)] == run


@pytest.mark.parametrize("seed", range(4))
async def test_nobody_has_a_silent_gap(stage: Stage, seed: int) -> None:
    story = Story(stage, seed)
    await story.run()
    for person in story.people:
        for run in person.runs:
            assert is_part(run, person.expected), (person.user_id, run, person.expected)
        assert person.runs[-1][-1] == "the end"
    heard = sum(len(run) for person in story.people for run in person.runs)
    expected = sum(len(person.expected) for person in story.people)
    hellos = sum(person.hellos for person in story.people)
    print(f"{heard} of {expected} events, {hellos} hellos for {len(story.people)} people")
    assert heard > expected * 0.8
