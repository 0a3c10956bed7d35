"""Clients that flood, dribble, send garbage, don't read, don't sign in, or are too many: all of them at one node."""

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import httpx
import msgspec

from server.gateway.admission import PER_USER
from server.gateway.arrivals import SIGN_IN_SECONDS
from server.gateway.pace import PER_SECOND, UNKNOWN_BURST, USER_BURST, USER_PER_SECOND
from server.http.protocol import CHECK_SECONDS, HEAD_SECONDS
from tests.chaos.crowd import Crowd, Member
from tests.chaos.fault import Scale
from tests.chaos.faults.crowd import Memory
from tests.chaos.hostility import Orders, Report
from tests.chaos.people import Stage
from tests.chaos.talk import Outcome, Talk

PROGRAM = ("-m", "tests.chaos.hostility")
LOUD_PEOPLE = 5
"""Of a channel in which much is said: two whose clients are deaf, two who listen as they should, and the author."""
QUIET_PEOPLE = 7
"""Of one in which somebody types all the time: two for each kind of bad clients that read, and one who has too many.
The loud channel is not for them: who can't read all of it in time on a slow machine is rightly closed."""
TOO_MANY = PER_USER + 30
LOUD = "—" * 16_000
LOUD_POSTS = 60
"""Of that size: about twice as much as systems and outboxes keep for one who doesn't read."""
PATIENCE = 60.0
KEPT_BYTES = 512 * 1024
"""Of the node's memory, for a socket that reads nothing: less than its outbox may hold, for that is shared."""

Check = Callable[[Orders, Report], bool]


def _flood_is_slowed(orders: Orders, report: Report) -> bool:
    together = len(orders.tokens) * (USER_BURST + USER_PER_SECOND * (report.seconds + 1))
    most = max(together, orders.sockets * (UNKNOWN_BURST + PER_SECOND))  # as many may come while all are signed in
    return report.open == orders.sockets and 0 < report.replies <= most < report.sent / 100


def _dribble_is_borne(orders: Orders, report: Report) -> bool:
    return report.open == orders.sockets


def _garbage_ends_it(orders: Orders, report: Report) -> bool:
    return set(report.closed) <= {1002, 1007, 1009} and sum(report.closed.values()) + report.cut == orders.sockets


def _the_deaf_are_closed(orders: Orders, report: Report) -> bool:
    # After a while nobody waits any more until they read the close frame, too.
    return set(report.closed) <= {1013} and sum(report.closed.values()) + report.cut == orders.sockets


def _the_silent_get_nothing(orders: Orders, report: Report) -> bool:
    return report.closed == {1008: orders.sockets} and (report.events, report.replies) == (0, 0)


def _half_is_nothing(orders: Orders, report: Report) -> bool:
    early = report.cut > 0 and report.seconds < HEAD_SECONDS
    return (report.opened, report.refused) == (0, 0) and report.cut >= orders.ends and not early


def _some_are_too_many(orders: Orders, report: Report) -> bool:
    return report.closed == {1008: orders.sockets - PER_USER} and report.open == PER_USER


CHECKS: Mapping[str, Check] = {
    "flood": _flood_is_slowed,
    "dribble": _dribble_is_borne,
    "garbage": _garbage_ends_it,
    "deaf": _the_deaf_are_closed,
    "silent": _the_silent_get_nothing,
    "half": _half_is_nothing,
    "many": _some_are_too_many,
}


async def clients_are_bad(stage: Stage, scale: Scale) -> Outcome:
    """Bad clients of every kind at one node, most of them one kind after the other, while people talk."""
    stage.talks += 1
    crowd = await Crowd.make(stage.installation, f"loud{stage.talks}", LOUD_PEOPLE)
    quiet = await Crowd.make(stage.installation, f"quiet{stage.talks}", QUIET_PEOPLE)
    await crowd.join(stage.installation, quiet.place)
    crowd.members = crowd.members[2:4]
    orders = _orders(crowd, quiet, scale)
    notes: list[str] = []
    complaints: list[str] = []
    port, elsewhere = stage.installation.ports[0], stage.installation.ports[1]
    try:
        await crowd.connect(port)
        async with Talk.begin(stage) as talk:
            for some in orders:
                memory = Memory(stage.installation.nodes[0])
                deaf = any(one.kind == "deaf" for one in some)
                async with _loud(crowd, elsewhere, complaints, deaf):
                    begun = time.monotonic()
                    await asyncio.sleep(scale.calm)
                    attacked = time.monotonic()
                    needed = memory.now()
                    async with _watched(memory):
                        reports = await asyncio.gather(*(_attack(port, one, crowd) for one in some))
                    ended = time.monotonic()
                for one, report in zip(some, reports, strict=True):
                    if not CHECKS[one.kind](one, report):
                        complaints.append(f"{one.sockets} {one.kind}: {report}")
                grown = memory.worst - needed
                if grown > sum(one.sockets for one in some) * KEPT_BYTES:
                    complaints.append(f"{'/'.join(one.kind for one in some)}: memory grew by {grown} bytes")
                calm, under = _p99(talk, begun, attacked), _p99(talk, attacked, ended)
                kinds = "/".join(f"{one.sockets} {one.kind}" for one in some)
                notes.append(f"{kinds}: p99 {calm:.0f} to {under:.0f} ms, {grown / 1e6:.1f} MB")
        found = talk.outcome("clients are bad", notes="; ".join(notes))
    finally:
        await crowd.leave()
    found.complaints += complaints
    # To be told to start anew is no loss of a connection: it happens when an engine has no time for a node.
    if drops := sum(listener.drops for listener in talk.listeners):
        found.complaints.append(f"{drops} good clients lost their connection")
    return found


def _orders(crowd: Crowd, quiet: Crowd, scale: Scale) -> list[list[Orders]]:
    """What happens one after the other, and what at the same time."""
    deaf, tokens = [person.token for person in crowd.people[:2]], [person.token for person in quiet.people]
    many, seconds = (200, 6.0) if scale.long else (15, SIGN_IN_SECONDS + 0.8)
    patience = HEAD_SECONDS + CHECK_SECONDS if scale.long else 1.0
    busy = [
        Orders("flood", many, seconds, tokens[:2], quiet.place.id),
        Orders("dribble", many, seconds, tokens[2:4]),
        Orders("garbage", many, seconds, tokens[4:6], ends=many),
        Orders("deaf", many, seconds, deaf, ends=many),
    ]
    idle = [
        Orders("silent", many, SIGN_IN_SECONDS, ends=many),
        Orders("half", many, patience, ends=many if scale.long else 0),
        Orders("many", TOO_MANY, SIGN_IN_SECONDS, tokens[6:], ends=TOO_MANY - PER_USER),
    ]
    return [*([one] for one in busy), idle] if scale.long else [[*busy, *idle]]


async def _attack(port: int, orders: Orders, crowd: Crowd) -> Report:
    """Let bad clients loose, in a process of their own; the deaf until enough was said to them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *PROGRAM, str(port), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(orders) + b"\n")
        await process.stdout.readline()
        if orders.kind == "deaf":
            await _until_told(crowd.members, LOUD_POSTS)
        process.stdin.close()
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return msgspec.json.decode(told, type=Report)


async def _until_told(members: Sequence[Member], posts: int) -> None:
    """Wait until those who listen have heard so many more posts: others at their node have been told of them, too."""
    before = [len(member.heard) for member in members]
    with contextlib.suppress(TimeoutError):  # what came of it will be seen
        async with asyncio.timeout(PATIENCE):
            while any(  # noqa: ASYNC110 - it comes from processes
                len(member.heard) < heard + posts for member, heard in zip(members, before, strict=True)
            ):
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def _watched(memory: Memory) -> AsyncIterator[None]:
    task = asyncio.create_task(memory.watch())
    try:
        yield
    finally:
        task.cancel()


@contextlib.asynccontextmanager
async def _loud(crowd: Crowd, port: int, complaints: list[str], on: bool) -> AsyncIterator[None]:
    """Much is said in the channel of the deaf, and the two good ones in it hear all of it, once and in order."""
    if not on:
        yield
        return
    heard_before = [len(member.heard) for member in crowd.members]
    said: list[int] = []
    task = asyncio.create_task(_say_much(crowd, port, said))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for member, before in zip(crowd.members, heard_before, strict=True):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not set(said) <= set(member.heard[before:]):  # noqa: ASYNC110 - it comes from processes
                    await asyncio.sleep(0.02)
        twice = [number for number, times in Counter(member.heard).items() if times > 1]
        if set(said) - set(member.heard) or twice or member.heard != sorted(member.heard) or crowd.faults:
            complaints.append(f"of {len(said)} loud posts a good client heard {len(member.heard) - before}")


async def _say_much(crowd: Crowd, port: int, said: list[int]) -> None:
    author = crowd.people[-1]
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {author.token}"}, timeout=PATIENCE) as http:
        while True:
            number = time.monotonic_ns()
            body = {"channel_id": crowd.place.id, "message": f"{crowd.name} {number} {LOUD}"}
            reply = await http.post(f"http://127.0.0.1:{port}/api/v4/posts", json=body)
            if reply.status_code == httpx.codes.CREATED:
                said.append(number)
            await asyncio.sleep(0.025)


def _p99(talk: Talk, begin: float, end: float) -> float:
    """Of all deliveries of the posts that were sent in this time, in milliseconds."""
    sent = {one.message: one.sent_at for one in talk.answered if begin <= one.sent_at < end}
    times = [
        at - sent[heard.message] for listener in talk.listeners for at, heard in listener.live if heard.message in sent
    ]
    return _percentile(times, 0.99) * 1000


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
