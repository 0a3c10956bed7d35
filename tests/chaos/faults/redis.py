"""A Redis that dies, forgets, hangs, or can't be reached from one node."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

from server.bus.redis import Address, RedisConnection
from tests.chaos.fault import Scale
from tests.chaos.installation import CUT_OFF, Installation
from tests.chaos.people import TLS, Stage
from tests.chaos.posting import Answered
from tests.chaos.talk import Outcome, Talk
from tests.chaos.visiting import newcomers, seconds_until_a_scheduled_post_is_sent, visiting
from tests.make import Make, Person, Thing

RIGHT_SECONDS = 10.0
"""Until everybody hears again, from the moment that Redis is there again."""
POST_SECONDS = 5.0
"""A post is answered within, though Redis doesn't answer; beside other tests twice that, for there the fault waits
until posts are answered."""
FRESH_SECONDS = 8.0
"""What was taken away is refused by a node that hears nothing of it within."""
LATE_SECONDS = 10.0

Course = Callable[[Talk], Awaitable[None]]
"""Breaks something, waits, and mends it."""


async def kill_redis(stage: Stage, scale: Scale) -> Outcome:
    """SIGKILL; it starts again empty."""
    installation = stage.installation

    async def course(talk: Talk) -> None:
        os.kill(installation.redis.pid, signal.SIGKILL)
        await asyncio.sleep(5 if scale.long else 1)
        await asyncio.to_thread(installation.redis.stop)
        await asyncio.to_thread(installation.redis.start)

    return await _under(stage, scale, "Redis is killed and starts empty", course, rounds=scale.rounds)


async def flush_redis(stage: Stage, scale: Scale) -> Outcome:
    """FLUSHALL and SCRIPT FLUSH."""

    async def course(talk: Talk) -> None:
        connection = await RedisConnection.open(Address.parse(stage.installation.redis.url))
        await connection.command("FLUSHALL")
        await connection.command("SCRIPT", "FLUSH")
        connection.close()

    found = await _under(stage, scale, "Redis is emptied", course, rounds=scale.rounds)
    if scale.long:
        await _check_presence(stage, found)
    return found


async def pause_redis(stage: Stage, scale: Scale) -> Outcome:
    """SIGSTOP for ten seconds, at least until posts are answered nevertheless."""
    installation = stage.installation
    seconds = 10 if scale.long else 3

    async def course(talk: Talk) -> None:
        os.kill(installation.redis.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        await asyncio.sleep(seconds)
        await _until_answered(talk, stopped, installation.ports)
        os.kill(installation.redis.pid, signal.SIGCONT)

    return await _under(stage, scale, f"Redis hangs for {seconds} s and more", course)


async def cut_one_node_off(stage: Stage, scale: Scale) -> Outcome:
    """One node's connections to Redis are closed and refused."""
    relay, port = stage.installation.relay, stage.installation.ports[CUT_OFF - 1]

    async def course(talk: Talk) -> None:
        relay.cut()
        cut = time.monotonic()
        await asyncio.sleep(5 if scale.long else 1)
        await _until_answered(talk, cut, [port])
        relay.mend()

    return await _under(stage, scale, "one node is cut off from Redis", course, rounds=scale.rounds)


async def silence_one_node(stage: Stage, scale: Scale) -> Outcome:
    """Nothing passes between one node and Redis, in connections that stay open; permissions change meanwhile."""
    installation = stage.installation
    ada, bob = await newcomers(stage, 2)
    stale: list[float] = []
    async with visiting(stage, installation.nodes[0]) as make:
        team = await make.team([ada, bob])
        secret = await make.channel(team, [ada, bob], type="P")

        async def course(talk: Talk) -> None:
            await _reads(installation, ada, secret, expected=200)
            await _reads(installation, bob, secret, expected=200)
            installation.relay.silence()
            begun = time.monotonic()
            stale.append(await _take_away(installation, make, ada, bob, secret))
            await asyncio.sleep(max(0.0, begun + (10 if scale.long else 4) - time.monotonic()))
            installation.relay.mend()

        found = await _under(stage, scale, "one node hears nothing of Redis", course)
    found.notes += f"; what was taken away elsewhere is refused there after {stale[0]:.1f} s"
    if stale[0] > FRESH_SECONDS:
        found.complaints.append(f"a node without Redis let people in for {stale[0]:.1f} s after they lost the right")
    return found


async def _take_away(installation: Installation, make: Make, ada: Person, bob: Person, secret: Thing) -> float:
    """Remove a member and end a session at another node; seconds until the silent node knows of both."""
    (await make._as(None).delete(f"/channels/{secret.id}/members/{ada.id}")).ok()
    (await make._as(None).post(f"/users/{bob.id}/sessions/revoke/all")).ok()
    begun = time.monotonic()
    await asyncio.gather(
        _reads(installation, ada, secret, expected=403),
        _reads(installation, bob, secret, expected=401),
    )
    return time.monotonic() - begun


async def _reads(installation: Installation, person: Person, channel: Thing, *, expected: int) -> None:
    """Read the posts of a channel at the node that may be cut off, until that is answered as expected."""
    headers = {"Authorization": f"Bearer {person.token}"}
    url = installation.nodes[CUT_OFF - 1].url
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=15, verify=TLS) as http:
        async with asyncio.timeout(30):
            while (await http.get(f"/api/v4/channels/{channel.id}/posts")).status_code != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def _until_answered(talk: Talk, since: float, ports: Sequence[int]) -> None:
    """Wait until one of these nodes has answered a post that was sent after a moment: that could be told to nobody."""
    with contextlib.suppress(TimeoutError):  # then the slowest post is a complaint
        await talk.until(lambda: any(one.sent_at > since and one.port in ports for one in talk.answered))


async def _under(stage: Stage, scale: Scale, fault: str, course: Course, rounds: int = 1) -> Outcome:
    """Let people talk while something breaks and is mended."""
    slowest = 0.0
    broken: list[tuple[float, float]] = []
    async with Talk.begin(stage) as talk:
        for _ in range(rounds):
            await asyncio.sleep(scale.calm)
            begun = time.monotonic()
            await course(talk)
            mended = time.monotonic()
            broken.append((begun, mended))
            slowest = max(slowest, await talk.heard_again(since=mended))
        await asyncio.sleep(scale.calm)
    found = talk.outcome(fault, slowest)
    found.reconnects = found.reconnects or sum(one.anew for one in talk.listeners)
    during = [one for one in talk.answered if any(a - 1 <= one.sent_at <= b for a, b in broken)]
    _complain_of_posts(talk, found, during, POST_SECONDS * (1 if scale.long else 2))
    if slowest > RIGHT_SECONDS:
        found.complaints.append(f"it took {slowest:.1f} s until everybody heard again")
    if not sum(one.anew for one in talk.listeners):
        found.complaints.append("nobody was told to start anew: the fault did not happen")
    late = await seconds_until_a_scheduled_post_is_sent(stage)
    if late > LATE_SECONDS:
        found.complaints.append(f"a scheduled post was {late:.1f} s late")
    return found


def _complain_of_posts(talk: Talk, found: Outcome, during: list[Answered], most: float) -> None:
    """Without Redis posts are stored and answered, at the first try and soon."""
    slowest = max((one.seconds for one in during), default=0.0)
    found.notes = f"{len(during)} posts answered meanwhile, within {slowest:.1f} s"
    if slowest > most:
        found.complaints.append(f"a post took {slowest:.1f} s")
    if failed := sum(one.refused + one.broken + one.unavailable for one in talk.posters):
        found.complaints.append(f"{failed} requests were refused or not answered")


async def _check_presence(stage: Stage, found: Outcome) -> None:
    """Who is there is seen to be, and who left is not, though Redis has forgotten everybody meanwhile."""
    async with Talk.begin(stage) as talk, visiting(stage, stage.installation.nodes[1]) as make:
        ids = [one.person.id for one in talk.listeners]

        async def online() -> set[str]:
            rows = (await make._as(None).post("/users/status/ids", ids)).ok()
            return {row["user_id"] for row in rows if row["status"] == "online"}

        await _until_online(online, set(ids), found, "who is there")
    async with visiting(stage, stage.installation.nodes[1]) as make:
        await _until_online(online, set(), found, "who left")


async def _until_online(
    online: Callable[[], Awaitable[set[str]]], expected: set[str], found: Outcome, what: str
) -> None:
    deadline = time.monotonic() + 20
    while (seen := await online()) != expected:
        if time.monotonic() > deadline:
            found.complaints.append(f"{what}: {len(seen)} are shown online instead of {len(expected)}")
            return
        await asyncio.sleep(0.2)
