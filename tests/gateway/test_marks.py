"""What a node notes about connections for the others costs little, however many there are."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from server.gateway.connection import MARK, Connection
from server.gateway.frames import JSON
from server.gateway.resume import MARK_EVENTS
from tests.gateway.conftest import Client, Stage, World, until
from tests.gateway.events import in_channel
from tests.gateway.test_resume import saved, told


async def ticks(stage: Stage, count: int) -> None:
    gateway = stage.nodes[0].gateway
    end = gateway._ticks + count
    await until(lambda: gateway._ticks >= end and gateway._saving.done())


async def test_who_hears_little_is_marked_seldom(stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await stage.node(), await stage.node()
    ada, bob = world.user("channel:c"), world.user("channel:d")
    clients: list[Client] = [await stage.hello(one, user) for user in (ada, bob)]
    await saved(one)
    monkeypatch.setattr("server.gateway.resume.MARK_SECONDS", 60.0)
    written: list[str] = []
    save = one.gateway._checkpoints.save

    async def noted(connections: Sequence[Connection]) -> bool:
        written.extend(connection.user_id for connection in connections)
        return await save(connections)

    monkeypatch.setattr(one.gateway._checkpoints, "save", noted)
    for number in range(MARK_EVENTS - 1):
        await one.bus.publish([in_channel(number)])
    await one.bus.publish([in_channel("quiet", "d")])
    await asyncio.gather(clients[0].wait(MARK_EVENTS), clients[1].wait(2))
    await ticks(stage, 6)
    assert written == []

    await one.bus.publish([in_channel("one more")])
    await clients[0].wait(MARK_EVENTS + 1)
    await ticks(stage, 6)
    assert written == [ada]

    await one.bus.publish([in_channel("after the mark"), in_channel("too", "d")])
    await asyncio.gather(clients[0].wait(MARK_EVENTS + 2), clients[1].wait(3))
    await one.crash()
    for client, user in zip(clients, (ada, bob), strict=True):
        again = await stage.resume(two, user, client, client.seqs[-2])
        await again.wait(2)
        assert told(again) == client.texts[-2:]  # no hello, and what was sent last once more


async def test_a_tick_looks_at_a_tenth_of_the_sockets(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await stage.node()
    ada = world.user()
    for _ in range(20):
        await stage.hello(node, ada)
    visited: list[list[object]] = []
    visit, tick = node.gateway._visit, node.gateway._tick

    def noted(socket: object, now: float) -> None:
        visited[-1].append(socket)
        visit(socket, now)  # type: ignore[arg-type]

    monkeypatch.setattr(node.gateway, "_visit", noted)
    if node.gateway._timer is not None:
        node.gateway._timer.cancel()
    for _ in range(10):
        visited.append([])
        tick()
        if node.gateway._timer is not None:
            node.gateway._timer.cancel()

    everybody = [socket for sockets in visited for socket in sockets]
    assert len(everybody) == len(set(everybody)) == 20
    assert max(map(len, visited)) < 20


def test_older_marks_stay_at_growing_distances() -> None:
    connection = Connection("c", "u", "s", False, JSON)
    for _ in range(100):
        connection.put(b"event")
        connection.mark(7, 0)

    seqs = [seq for seq, _, _ in MARK.iter_unpack(connection.marks)]
    assert seqs[0] == 100
    assert len(seqs) == 7
    distances = [newer - older for newer, older in pairwise(seqs)]
    assert distances[0] == 1
    assert 32 <= seqs[0] - seqs[-1] <= 96
    assert all(later >= earlier for earlier, later in pairwise(distances[:4]))
