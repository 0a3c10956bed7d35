"""Single REST calls, sixteen at once on connections that stay open."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from benchmarks.figures import quantile
from benchmarks.lab import Figures, Lab
from benchmarks.people import PASSWORD, Person
from benchmarks.rest import Connection
from benchmarks.world import World

CONCURRENCY = 16
WARM_SECONDS = 0.7
SECONDS = 3.0
TEXT = "The ferry is late again, so let us begin without them and tell them what was said when they are here. " * 2

Call = tuple[str, str, str, Any]
"""Method, path, token, body."""
Maker = Callable[[World, Person], Call]


def post(world: World, person: Person) -> Call:
    """A post into the channel of 200."""
    return "POST", "/posts", person.token, {"channel_id": world.big.id, "message": TEXT}


def page(world: World, person: Person) -> Call:
    """The newest posts of a channel."""
    return "GET", f"/channels/{world.big.id}/posts?per_page=60", person.token, None


def me(world: World, person: Person) -> Call:
    """The caller."""
    return "GET", "/users/me", person.token, None


def users(world: World, person: Person) -> Call:
    """A page of users."""
    return "GET", "/users?per_page=60", person.token, None


def user_channels(world: World, person: Person) -> Call:
    """The channels of the caller in the team."""
    return "GET", f"/users/{person.id}/teams/{world.team_id}/channels", person.token, None


def login(world: World, person: Person) -> Call:
    """A new session."""
    return "POST", "/users/login", "", {"login_id": person.username, "password": PASSWORD}


async def requests(lab: Lab, work: str, *, call: Maker, scale: float) -> Figures:
    """The same call by sixteen users, each asking again when it is answered; CPU for each request.

    What earlier work left for PostgreSQL to clear up is cleared up before, or it would count here, now and then.
    """
    await lab.service.clear_up()
    connections = [Connection(lab.service.url) for _ in range(CONCURRENCY)]
    refused: list[int] = []

    async def work_for(seconds: float) -> list[float]:
        taken: list[float] = []
        end = time.perf_counter() + seconds

        async def ask(connection: Connection, request: bytes) -> None:
            while (started := time.perf_counter()) < end:
                status = (await connection.send(request)).status
                taken.append(time.perf_counter() - started)
                if status >= 300:
                    refused.append(status)

        people = zip(connections, lab.world.users, strict=False)
        await asyncio.gather(
            *(ask(connection, connection.request(*call(lab.world, person))) for connection, person in people)
        )
        return taken

    await work_for(WARM_SECONDS)
    meter = lab.meter()
    taken = await work_for(SECONDS)
    used = meter.read()
    lab.note(work, used)
    for connection in connections:
        connection.close()
    if refused:
        lab.faults.append(f"{work}: {len(refused)} requests were refused, the first with {refused[0]}")
    return {
        **used.each(len(taken), scale),
        "per_s": len(taken) / used.wall,
        "p50": quantile(taken, 0.5) * 1e3,
        "p99": quantile(taken, 0.99) * 1e3,
        "clients_pct": 100 * used.clients / used.wall,
    }
