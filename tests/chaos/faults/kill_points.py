"""Nodes that end in the middle of writing a post: at each step of it, and where nobody would try it again."""

import asyncio
import contextlib
import signal
import time

import httpx

from tests.chaos.fault import Scale
from tests.chaos.installation import ChaosNode
from tests.chaos.killing_node import STEPS, VARIABLE
from tests.chaos.listener import Listener
from tests.chaos.people import Stage
from tests.chaos.talk import Outcome, Talk
from tests.make import Person

PROGRAM = ("-m", "tests.chaos.killing_node")
NUMBER = 12
"""The post of a node under load that it does not live to finish."""
SHORT_STEPS = ["before_publishing"]
NEWS_SECONDS = 20.0
"""By then everybody has heard of a post that its node did not live to tell."""


async def die_while_writing(stage: Stage, scale: Scale) -> Outcome:
    """A node under load dies at each step of a post, which its author then repeats elsewhere."""
    slowest = 0.0
    steps = STEPS if scale.long else SHORT_STEPS
    nodes = stage.installation.nodes
    async with Talk.begin(stage) as talk:
        await asyncio.sleep(scale.calm)  # clients whose connections are milliseconds old have nothing to go on with
        for turn, step in enumerate(steps):
            node = nodes[turn % 2]
            await _exchange(node, step, NUMBER)
            for poster in talk.posters[::2]:
                poster.go_to(node.port)
            slowest = max(slowest, await talk.heard_again(since=await _until_killed(node)))
            await stage.installation.restart(node.number)
        await asyncio.sleep(scale.calm)
    broken = sum(poster.broken for poster in talk.posters)
    found = talk.outcome("a node dies while it writes", slowest, f"at {len(steps)} steps, {broken} posts cut off")
    if broken < len(steps):
        found.complaints.append(f"only {broken} posts were cut off: the fault did not happen")
    return found


async def die_before_telling(stage: Stage, scale: Scale) -> Outcome:
    """A node dies with a post that is stored and not told; its author never repeats it, and nobody writes after it."""
    found = Outcome(fault="a stored post is told by nobody", complaints=[])
    node = stage.installation.nodes[0]
    place = next(place for place in stage.places if place.kind == "P")
    people = [person for person in place.members if person in stage.listeners]
    elsewhere = stage.installation.ports[1:]
    listeners = [Listener(person, elsewhere, number % 2, [place.id]) for number, person in enumerate(people)]
    tasks = [asyncio.create_task(listener.listen()) for listener in listeners]
    try:
        await asyncio.gather(*(listener.connected.wait() for listener in listeners))
        for turn in range(scale.rounds):
            message = f"never told {time.time_ns()}"
            await _exchange(node, "before_publishing", 1)
            moment = time.monotonic()
            await _cut_off(node, _headers(stage.posters[0]), "/posts", {"channel_id": place.id, "message": message})
            await _until_killed(node)
            found.seconds = max(found.seconds, await _until_heard(listeners, message) - moment)
            await stage.installation.restart(node.number)
            found.expected += len(listeners)
            await asyncio.sleep(1.0)
            for listener in listeners:
                times = sum(heard.message == message for _, heard in listener.live)
                found.lost += times == 0
                found.doubled += max(0, times - 1)
            stored = await stage.installation.rows("SELECT 1 FROM posts WHERE message = $1", message)
            if len(stored) != 1:
                found.complaints.append(f"round {turn}: {len(stored)} posts are stored")
        for listener in listeners:
            found.complaints += listener.faults
            if listener.drops or listener.anew:
                found.complaints.append(f"{listener.person.username} was cut off at a node that lives")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if found.lost or found.doubled:
        found.complaints.append(f"{found.lost} did not hear of it, {found.doubled} heard of it twice")
    return found


async def die_after_a_change(stage: Stage, scale: Scale) -> Outcome:
    """A node adds somebody to a channel and dies before it tells that; the channel's posts reach them all the same."""
    found = Outcome(fault="a stored change is told by nobody", complaints=[])
    node = stage.installation.nodes[0]
    person = stage.listeners[0]
    for turn in range(scale.rounds):
        channel_id = await _new_channel(stage, f"alone{time.time_ns()}")
        listener = Listener(person, stage.installation.ports[1:], turn % 2, [channel_id])
        task = asyncio.create_task(listener.listen())
        try:
            await listener.connected.wait()
            await _exchange(node, "before_other_news", 1)
            moment = time.monotonic()
            await _cut_off(node, _headers(stage.posters[0]), f"/channels/{channel_id}/members", {"user_id": person.id})
            await _until_killed(node)
            members = await stage.installation.rows(
                "SELECT 1 FROM channel_members WHERE channel_id = $1 AND user_id = $2", channel_id, person.id
            )
            if not members:
                found.complaints.append(f"round {turn}: nothing was stored, the fault did not happen")
            posted = asyncio.create_task(_until_posted_to(listener, stage, channel_id))
            found.expected += 1
            try:
                async with asyncio.timeout(NEWS_SECONDS):
                    await posted
            except TimeoutError:
                found.lost += 1
                found.complaints.append(f"round {turn}: {person.username} hears nothing of a channel they are in")
            found.seconds = max(found.seconds, time.monotonic() - moment)
            found.complaints += listener.faults
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await stage.installation.restart(node.number)
    return found


async def _new_channel(stage: Stage, name: str) -> str:
    """A channel that the first poster has made and is alone in; its id."""
    url = f"http://127.0.0.1:{stage.installation.ports[1]}/api/v4/channels"
    async with httpx.AsyncClient(headers=_headers(stage.posters[0]), timeout=15) as http:
        body = {"team_id": stage.team.id, "name": name, "display_name": name, "type": "O"}
        return str((await http.post(url, json=body)).raise_for_status().json()["id"])


def _headers(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


async def _until_posted_to(listener: Listener, stage: Stage, channel_id: str) -> None:
    """Post until the listener hears of it."""
    url = f"http://127.0.0.1:{stage.installation.ports[1]}/api/v4/posts"
    async with httpx.AsyncClient(headers=_headers(stage.posters[0]), timeout=15) as http:
        while not any(heard.channel_id == channel_id for _, heard in listener.live):
            body = {"channel_id": channel_id, "message": "do you hear this?"}
            (await http.post(url, json=body)).raise_for_status()
            await asyncio.sleep(0.2)


async def _exchange(node: ChaosNode, step: str, number: int) -> None:
    """Put a node in the place of another that will die at a step of one of its posts."""
    node.kill(signal.SIGKILL)
    await node.until_ended()
    node.start(PROGRAM, **{VARIABLE: f"{step} {number}"})
    with contextlib.suppress(AssertionError):  # under load it may have come to that before it was asked
        await node.until_serving()


async def _until_killed(node: ChaosNode) -> float:
    await node.until_ended()
    assert node.ended() == f"signal {signal.SIGKILL}", node.ended()
    return time.monotonic()


async def _cut_off(node: ChaosNode, headers: dict[str, str], path: str, body: dict[str, str]) -> None:
    """Send a request that the node does not live to answer."""
    async with httpx.AsyncClient(headers=headers, timeout=15) as http:
        with contextlib.suppress(httpx.TransportError):
            reply = await http.post(f"http://127.0.0.1:{node.port}/api/v4{path}", json=body)
            raise AssertionError(f"the node answered {reply.status_code}")


async def _until_heard(listeners: list[Listener], message: str) -> float:
    """When the last listener heard it, or the patience is over."""
    deadline = time.monotonic() + NEWS_SECONDS
    waiting = list(listeners)
    while waiting and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        waiting = [one for one in waiting if not any(heard.message == message for _, heard in one.live)]
    return time.monotonic()
