"""People who talk while one of two nodes ends: what they write until it is answered, and what must be there then."""

import asyncio
import itertools
import signal
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
import httpx
import mattermostautodriver
from mattermostautodriver.exceptions import UnknownMattermostError

from tests.clients.cluster import Cluster
from tests.clients.programs import Program
from tests.clients_of import Client, Received
from tests.make import Make, Person, Thing

PACE = 0.01
LANES = 4
BEFORE = 20
PATIENCE = 60.0
END = "the end"


class Reached:
    """A node of the cluster, as the words that build worlds want it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def client(self, token: str = "") -> Client:
        """A REST client of this node."""
        return Client(self._http, token)


class Room:
    """A channel in which Ada and Bob write and Carol listens; made at the second node, which survives."""

    def __init__(self, cluster: Cluster, http: httpx.AsyncClient, make: Make) -> None:
        self.cluster = cluster
        self._http = http
        self._make = make
        self.channel: Thing
        self.ada: Person
        self.bob: Person
        self.carol: Person

    @staticmethod
    async def open(cluster: Cluster, http: httpx.AsyncClient) -> "Room":
        """Make the people and the channel; `http` speaks to the second node."""
        room = Room(cluster, http, Make(Reached(http)))
        await room._make.sign_up_admin()
        people = await room._make.users(3)
        room.ada, room.bob, room.carol = people
        room.channel = await room._make.channel(await room._make.team(people), people)
        return room

    async def end(self) -> dict[str, Any]:
        """Bob's last word."""
        return await self._make.post(self.bob, self.channel, END)

    async def listed(self) -> dict[str, str]:
        """The message of every post of theirs in the channel's list, by id, as Carol reads it."""
        reader = Client(self._http, self.carol.token)
        posts: dict[str, Any] = {}
        for page in itertools.count():
            path = f"/channels/{self.channel.id}/posts?per_page=100&page={page}"
            found = (await reader.get(path)).ok()["posts"]
            if not found:
                break
            posts |= found
        return {post["id"]: post["message"] for post in posts.values() if not post["type"]}

    async def stored(self) -> dict[str, str]:
        """The message of every post of theirs in the database, by id."""
        connection = await asyncpg.connect(self.cluster.dsn)
        try:
            rows = await connection.fetch(
                "SELECT id, message FROM posts WHERE channel_id = $1 AND type = '' AND delete_at = 0", self.channel.id
            )
        finally:
            await connection.close()
        return {row["id"]: row["message"] for row in rows}


class Author:
    """Posts one message after the other; what isn't answered is sent again, to the other node when it must."""

    def __init__(self, room: Room, person: Person, lane: int, ports: list[int]) -> None:
        self.name = f"{person.username}-{lane}"
        self.person = person
        self.answered: dict[str, str] = {}
        self.number = 0
        self.repeated = 0
        self._channel_id = room.channel.id
        self._drivers = [
            mattermostautodriver.AsyncTypedDriver(
                {"scheme": "http", "url": "127.0.0.1", "port": port, "token": person.token}
            )
            for port in ports
        ]

    async def write(self, enough: asyncio.Event) -> None:
        """Post until it is enough."""
        while not enough.is_set():
            self.number += 1
            await self.say(f"{self.name} {self.number}")
            await asyncio.sleep(PACE)
        for driver in self._drivers:
            await driver.close()

    async def say(self, message: str) -> None:
        """Post until it is answered 201."""
        body = {
            "channel_id": self._channel_id,
            "message": message,
            "pending_post_id": f"{self.person.id}:{message}",
        }
        async with asyncio.timeout(PATIENCE):
            while True:
                driver = self._drivers[0]
                driver.client.token = self.person.token
                try:
                    reply = await driver.client.make_request("post", "/api/v4/posts", body)
                except httpx.TransportError:
                    self._drivers.reverse()
                except UnknownMattermostError as error:
                    # Its first sending may not be through yet.
                    assert error.error_id == "api.post.deduplicate_create_post.pending", error
                    await asyncio.sleep(0.1)
                else:
                    assert reply.status_code == 201
                    self.answered[reply.json()["id"]] = message
                    return
                self.repeated += 1


def said(events: Iterable[Received], channel: Thing) -> list[str]:
    """The messages that people were heard to say in a channel."""
    posts = [event.data["post"] for event in events if event.name == "posted"]
    return [post["message"] for post in posts if post["channel_id"] == channel.id and not post["type"]]


def heard_by(program: Program, channel: Thing) -> list[str]:
    """The messages that a program was told of."""
    frames = [line["frame"] for line in list(program.lines) if "event" in line.get("frame", {})]
    return said(map(Received, frames), channel)


def in_order(messages: list[str]) -> bool:
    """Whether nothing came twice, and what one author said came in the author's order."""
    authors = {message.partition(" ")[0] for message in messages} - {END.partition(" ")[0]}
    numbers = {name: [int(m.rpartition(" ")[2]) for m in messages if m.startswith(f"{name} ")] for name in authors}
    return len(set(messages)) == len(messages) and all(each == sorted(each) for each in numbers.values())


async def until(condition: Callable[[], Any], why: Callable[[], object]) -> None:
    """Wait for something to come true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - it comes from a thread
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(why()) from None


async def talk_while_one_ends(
    room: Room, signum: signal.Signals, heard: Callable[[], list[str]], why: Callable[[], object] = str
) -> dict[str, str]:
    """Ada writes in several lanes at the first node, Bob at the second; the first ends while they do, and they go on
    until the listener has `heard` what was written after that. All answered posts by id."""
    first, second = room.cluster.ports
    ada = [Author(room, room.ada, lane, [first, second]) for lane in range(LANES)]
    bob = Author(room, room.bob, 0, [second, first])
    enough = asyncio.Event()
    writing = asyncio.gather(*(author.write(enough) for author in (*ada, bob)))

    async def until_heard(messages: Callable[[], set[str]]) -> None:
        def condition() -> bool:
            return not messages().isdisjoint(heard())

        await until(condition, lambda: f"the listener heard only {heard()[-3:]}: {why()}\n{room.cluster.logs()}")

    try:
        await until_heard(lambda: {f"{ada[0].name} {BEFORE}"})
        room.cluster.kill(1, signum)
        await until(room.cluster.nodes[0].ended, lambda: "the node did not end")
        begun = bob.number
        await until_heard(lambda: {f"{bob.name} {number}" for number in range(begun + 1, bob.number + 1)})
        await until(lambda: all(author.repeated for author in ada), lambda: "nobody noticed that the node has ended")
        enough.set()
        await writing
    finally:
        writing.cancel()
    last = await room.end()
    await until_heard(lambda: {END})
    answered = {last["id"]: END}
    for author in (*ada, bob):
        answered |= author.answered
    return answered


async def check_stored(room: Room, answered: dict[str, str]) -> None:
    """All that was answered is in the database and in the channel's list, and nothing twice."""
    stored = await room.stored()
    assert len(answered) > LANES * BEFORE // 2
    assert stored == answered
    assert await room.listed() == answered
