"""Nodes that are killed, and nodes that are told to stop."""

import asyncio
import signal
import time

import httpx

from tests.chaos.fault import Scale
from tests.chaos.installation import ChaosNode
from tests.chaos.people import TLS, Stage
from tests.chaos.talk import Outcome, Talk

AIM_SECONDS = 2.0
"""Until the last client is live again, its own back-off aside."""
GRACE_SECONDS = 10.0


async def kill_a_node(stage: Stage, scale: Scale) -> Outcome:
    """SIGKILL of a node under load: its clients go on at the others."""
    slowest = 0.0
    async with Talk.begin(stage) as talk:
        for turn in range(scale.rounds):
            number = turn % len(stage.installation.nodes) + 1
            await asyncio.sleep(scale.calm)
            moment = time.monotonic()
            stage.installation.nodes[number - 1].kill(signal.SIGKILL)
            slowest = max(slowest, await talk.heard_again(since=moment))
            await stage.installation.restart(number)
        await asyncio.sleep(scale.calm)
    found = talk.outcome("a node is killed", slowest)
    if found.reconnects < scale.rounds * len(talk.listeners) // 4:
        found.complaints.append(f"only {found.reconnects} clients had to reconnect: the fault did not happen")
    return found


async def stop_a_node(stage: Stage, scale: Scale) -> Outcome:
    """SIGTERM of a node under load: it says that it is not ready, and hands its clients over one after the other."""
    slowest = longest = 0.0
    refusals: set[str] = set()
    async with Talk.begin(stage) as talk:
        for turn in range(scale.rounds):
            node = stage.installation.nodes[turn % len(stage.installation.nodes)]
            await asyncio.sleep(scale.calm)
            moment = time.monotonic()
            refusals |= await _refusals(node)
            longest = max(longest, await node.until_ended())
            slowest = max(slowest, await talk.heard_again(since=moment))
            await stage.installation.restart(node.number)
        await asyncio.sleep(scale.calm)
    found = talk.outcome("a node is told to stop", slowest, f"ends within {longest:.1f} s")
    _complain_of_handover(talk, found)
    if longest > GRACE_SECONDS:
        found.complaints.append(f"it took {longest:.1f} s to end")
    if refusals != {"not ready", "no new sockets"}:
        found.complaints.append(f"of `not ready` and `no new sockets` only {refusals} were seen")
    return found


async def restart_all_nodes(stage: Stage, scale: Scale) -> Outcome:
    """All nodes are restarted, one after the other, under load."""
    nodes = stage.installation.nodes
    begun = time.monotonic()
    async with Talk.begin(stage) as talk:
        for node in nodes:
            await asyncio.sleep(scale.calm)
            node.kill(signal.SIGTERM)
            await stage.installation.restart(node.number)
        slowest = await talk.heard_again(since=time.monotonic())
        await asyncio.sleep(scale.calm)
    found = talk.outcome("all nodes restart, one by one", slowest, f"in {time.monotonic() - begun:.0f} s")
    _complain_of_handover(talk, found)
    return found


def _complain_of_handover(talk: Talk, found: Outcome) -> None:
    """Nobody may have to fetch anything, and no request may fail other than by a refused connection."""
    if found.exact != found.reconnects or not found.reconnects:
        found.complaints.append(f"only {found.exact} of {found.reconnects} sockets were handed over exactly")
    if troubles := [trouble for poster in talk.posters for trouble in poster.troubles]:
        found.complaints.append(f"{len(troubles)} requests were begun and not answered: {troubles[:5]}")


async def _refusals(node: ChaosNode) -> set[str]:
    """Tell a node to stop; what it refuses then, as long as it listens."""
    seen: set[str] = set()
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    async with httpx.AsyncClient(base_url=node.url, timeout=30, verify=TLS) as http:
        await http.get("/health/ready")  # so that all is prepared for the short time that there is
        node.kill(signal.SIGTERM)
        try:
            while len(seen) < 2:
                if (await http.get("/health/ready")).status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    seen.add("not ready")
                    reply = await http.get("/api/v4/websocket", headers=upgrade)
                    if reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                        seen.add("no new sockets")
        except httpx.TransportError:
            pass
    return seen
