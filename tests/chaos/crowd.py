"""Thousands of people with one socket each, who all listen to one channel and resume elsewhere when they are cut off.

A listener as in `listener.py` would be too heavy for so many: these read the few bytes that they need.
"""

import asyncio
import contextlib
import re
import resource
import time
from collections import Counter
from typing import cast

from server.access.sessions import hash_token
from server.ids import id_at, now_ms
from tests.chaos.installation import Installation
from tests.chaos.people import Place
from tests.chaos.raw import CLOSE, PING, PONG, TEXT, Reading, frame, upgrade
from tests.make import Person

CONNECTING = 200
"""So many begin at a time, when nothing is wrong."""
BACK_OFF = 0.2
SPARE_FILES = 500

_ID = re.compile(rb'"connection_id":"([a-z0-9]{26})"')


class Member(asyncio.Protocol):
    """One of them: where it is in its events, and the numbers of the posts that it heard, in their order."""

    def __init__(self, crowd: "Crowd", token: str) -> None:
        self.heard: list[int] = []
        self.anew = 0
        self.transport: asyncio.Transport | None = None
        self._crowd = crowd
        self._token = token
        self._id = ""
        self._next = 0
        self._reading = Reading()

    @property
    def connection_id(self) -> str:
        """What it goes on by, "" before it was greeted."""
        return self._id

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        self._reading = Reading()
        query = f"?connection_id={self._id}&sequence_number={self._next}" if self._id else ""
        self.transport.write(upgrade(self._token, query))

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        before = self._reading.status
        for opcode, payload in self._reading.feed(data):
            if opcode == TEXT:
                self._take(payload)
            elif opcode == PING and self.transport is not None:
                self.transport.write(frame(PONG, payload))
            elif opcode == CLOSE:
                self._crowd.closed[int.from_bytes(payload[:2])] += 1
        if not before and self._reading.status:
            self._crowd.answers[self._reading.status] += 1

    def _take(self, event: bytes) -> None:
        if event.startswith(b'{"event":"hello"'):
            found = _ID.search(event)
            assert found is not None
            connection_id = found[1].decode()
            if connection_id != self._id:
                self.anew += bool(self._id)
                self._id, self._next = connection_id, 0
            self._crowd.here.add(self)
        seq = int(event[-12:-2])
        if seq != self._next:
            self._crowd.faults.append(f"seq {seq} instead of {self._next}")
        self._next = seq + 1
        found = self._crowd.number.search(event)
        if found is not None and event.startswith(b'{"event":"posted"'):
            self.heard.append(int(found[1]))
            self._crowd.hear(int(found[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.transport = None
        self._crowd.lost(self)


class Crowd:
    """All of them. answers: statuses of upgrades; closed: codes with which the server closed sockets."""

    def __init__(self, name: str, people: list[Person], place: Place) -> None:
        self.name = name
        self.people = people
        self.place = place
        self.members = [Member(self, person.token) for person in people]
        self.number = re.compile(rb"%b (\d+)" % name.encode())
        self.here: set[Member] = set()
        self.answers: Counter[int] = Counter()
        self.closed: Counter[int] = Counter()
        self.refused = 0
        self.faults: list[str] = []
        self.counts: Counter[int] = Counter()
        self.last_heard: dict[int, float] = {}
        """When the last member that heard a post heard it, by number."""
        self._next_port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @staticmethod
    async def make(installation: Installation, name: str, size: int) -> "Crowd":
        """So many people with sessions, in a channel of their own: put into the database, for a thousand logins are
        not what this is about."""
        now = now_ms()
        ids, tokens = [id_at(now) for _ in range(size)], [id_at(now) for _ in range(size)]
        names = [f"{name}-{number}" for number in range(size)]
        team, channel = id_at(now), id_at(now)
        await installation.rows(_USERS, now, ids, names)
        await installation.rows(_SESSIONS, now, [id_at(now) for _ in ids], list(map(hash_token, tokens)), ids)
        await installation.rows(_TEAM, now, team, name)
        await installation.rows(_TEAM_MEMBERS, now, team, ids)
        await installation.rows(_CHANNEL, now, channel, team, name)
        await installation.rows(_CHANNEL_MEMBERS, now, channel, ids)
        people = [
            Person({"id": user_id, "username": username, "email": ""}, token)
            for user_id, username, token in zip(ids, names, tokens, strict=True)
        ]
        return Crowd(name, people, Place(channel, "O", people))

    async def join(self, installation: Installation, place: Place) -> None:
        """Everybody is in one more channel."""
        ids = [person.id for person in self.people]
        await installation.rows(_CHANNEL_MEMBERS, now_ms(), place.id, ids)

    async def connect(self, port: int) -> None:
        """Everybody connects, and has been greeted."""
        some = asyncio.Semaphore(CONNECTING)

        async def begin(member: Member) -> None:
            async with some:
                await asyncio.get_running_loop().create_connection(lambda: member, "127.0.0.1", port)

        await asyncio.gather(*(begin(member) for member in self.members))
        async with asyncio.timeout(60):
            while len(self.here) < len(self.members):  # noqa: ASYNC110 - one look for thousands of them
                await asyncio.sleep(0.02)

    def go_next_to(self, port: int) -> None:
        """Whoever is cut off from now on comes to this node, at once."""
        self._next_port = port

    def lost(self, member: Member) -> None:
        """A member has no connection any more."""
        if self._next_port:
            task = asyncio.create_task(self._come_back(member))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _come_back(self, member: Member) -> None:
        while self._next_port:
            try:
                await asyncio.get_running_loop().create_connection(lambda: member, "127.0.0.1", self._next_port)
                return
            except OSError:
                self.refused += 1
                await asyncio.sleep(BACK_OFF)

    def hear(self, number: int) -> None:
        """A member has heard a post."""
        self.counts[number] += 1
        self.last_heard[number] = time.monotonic()

    async def leave(self) -> None:
        """End all connections."""
        self._next_port = 0
        for task in list(self._tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for member in self.members:
            if member.transport is not None:
                member.transport.abort()


def room_for(size: int) -> int:
    """How many of so many sockets this process may have; its limit is raised as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(size, soft - SPARE_FILES)


_USERS = """
    INSERT INTO users (id, create_at, update_at, username, email, roles)
    SELECT id, $1::bigint, $1::bigint, name, name || '@example.org', 'system_user'
      FROM unnest($2::text[], $3::text[]) AS one (id, name)
"""
_SESSIONS = """
    INSERT INTO sessions (id, token_hash, create_at, expires_at, last_activity_at, user_id, roles)
    SELECT id, hash, $1::bigint, $1::bigint + 86400000, $1::bigint, user_id, 'system_user'
      FROM unnest($2::text[], $3::bytea[], $4::text[]) AS one (id, hash, user_id)
"""
_TEAM = """
    INSERT INTO teams (id, create_at, update_at, display_name, name, type, invite_id)
    VALUES ($2, $1::bigint, $1::bigint, $3, $3, 'O', $2)
"""
_TEAM_MEMBERS = """
    INSERT INTO team_members (team_id, user_id, create_at) SELECT $2, unnest($3::text[]), $1::bigint
"""
_CHANNEL = """
    INSERT INTO channels (id, create_at, update_at, team_id, type, display_name, name)
    VALUES ($2, $1::bigint, $1::bigint, $3, 'O', $4, $4)
"""
_CHANNEL_MEMBERS = """
    INSERT INTO channel_members (channel_id, user_id, last_update_at) SELECT $2, unnest($3::text[]), $1::bigint
"""
