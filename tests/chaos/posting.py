"""Clients that post, and repeat what was not answered, as good clients do: with the same pending_post_id."""

import asyncio
import random
import time
from collections.abc import Sequence

import httpx
from msgspec import Struct

from tests.chaos.people import TLS, Place
from tests.make import Person

PATIENCE = 60.0
AGAIN = 0.1
PENDING = "api.post.deduplicate_create_post.pending"


class Answered(Struct, frozen=True):
    """A post that was answered with 201."""

    id: str
    channel_id: str
    message: str
    create_at: int
    sent_at: float
    """When it was sent for the first time, by the monotonic clock."""
    seconds: float
    """Until it was answered, repetitions included."""
    repeated: int
    port: int
    """Of the node that answered."""


class Poster:
    """One lane of one person's posts over all of their channels.

    refused: how often no connection was possible, or the answer was a 503 with a hint when to come again. broken: how
    often a request got no answer at all, though its connection was open. troubles: what those two were. faults: what no
    server may answer.
    """

    def __init__(
        self, name: str, person: Person, places: Sequence[Place], ports: Sequence[int], first: int, pace: float
    ) -> None:
        self.name = name
        self.person = person
        self.answered: list[Answered] = []
        self.refused = 0
        self.broken = 0
        self.unavailable = 0
        self.troubles: list[str] = []
        self.faults: list[str] = []
        self._chance = random.Random(name)
        self._places = places
        self._ports = [*ports[first:], *ports[:first]]
        self._pace = pace
        self._number = 0

    def go_to(self, port: int) -> None:
        """Send the next post to this node, and then to it as long as it answers."""
        self._ports.sort(key=lambda one: one != port)

    async def post_until(self, enough: asyncio.Event) -> None:
        """Post until it is enough; all that was begun is answered then."""
        headers = {"Authorization": f"Bearer {self.person.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=15, verify=TLS) as http:
            while not enough.is_set():
                self._number += 1
                await self._say(http, self._chance.choice(self._places).id, f"{self.name} {self._number}")
                await asyncio.sleep(self._pace)

    async def _say(self, http: httpx.AsyncClient, channel_id: str, message: str) -> None:
        pending = f"{self.person.id}:{message}"
        body = {"channel_id": channel_id, "message": message, "pending_post_id": pending}
        begun, repeated = time.monotonic(), 0
        while time.monotonic() - begun < PATIENCE:
            try:
                reply = await http.post(f"http://127.0.0.1:{self._ports[0]}/api/v4/posts", json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                self.refused += 1
            except httpx.TransportError as error:
                self.broken += 1
                self.troubles.append(
                    f"{type(error).__name__} at {self._ports[0]} after {time.monotonic() - begun:.2f} s"
                )
            else:
                if reply.status_code == httpx.codes.CREATED:
                    post = reply.json()
                    if (post["message"], post["channel_id"]) != (message, channel_id):
                        self.faults.append(f"{message}: answered with another post, {post}")
                    answered = Answered(
                        id=post["id"],
                        channel_id=channel_id,
                        message=message,
                        create_at=post["create_at"],
                        sent_at=begun,
                        seconds=time.monotonic() - begun,
                        repeated=repeated,
                        port=self._ports[0],
                    )
                    self.answered.append(answered)
                    return
                if not self._may_repeat(reply):
                    self.faults.append(f"{message}: {reply.status_code} {reply.text[:300]}")
                    return
            repeated += 1
            self._ports.append(self._ports.pop(0))
            await asyncio.sleep(AGAIN)
        self.faults.append(f"{message}: not answered within {PATIENCE:.0f} s")

    def _may_repeat(self, reply: httpx.Response) -> bool:
        """Whether the answer says that the same post may be sent again: not now, or its first sending is under way."""
        if reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self.unavailable += 1
            self.troubles.append(reply.text[:200])
            if not reply.headers.get("retry-after", "").isdigit():
                self.faults.append(f"a 503 without Retry-After: {reply.text[:200]}")
            return True
        return f'"{PENDING}"' in reply.text
