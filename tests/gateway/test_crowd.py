"""Many who come back at once cost little more than one: what they share is read once, and their rooms together."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

import pytest

from server.bus.event import Audience
from server.bus.signals import Joined, Left
from server.gateway.histories import Histories
from tests.clients_of import Socket
from tests.gateway.conftest import Stage, World, until
from tests.gateway.events import Told, for_user, in_channel
from tests.gateway.test_resume import saved, told
from tests.make import Make
from tests.nodes import TestNode

CROWD = 40


async def test_what_a_crowd_missed_is_read_once(stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await stage.node(), await stage.node()
    users = [world.user("channel:c") for _ in range(CROWD)]
    queries = ["?format=msgpack" if number == 3 else "" for number in range(CROWD)]
    firsts = [await stage.hello(one, user, query) for user, query in zip(users, queries, strict=True)]
    await two.bus.publish([in_channel("a")])
    await asyncio.gather(*(first.wait_raw(2) for first in firsts))
    await saved(one)
    await one.crash()
    mention = Told(text="b", to=Audience(channel_id="c"), mentions=(users[0],))
    for_one = [for_user(f"only {number}", user) for number, user in enumerate(users[:2])]
    await two.bus.publish([mention, in_channel("not for 2", omit_user=users[2]), *for_one])
    await two.bus.publish(
        [Left(user_id=users[1], rooms=("channel:c",)), in_channel("c"), Told(text="d", to=Audience())]
    )
    await two.bus.publish([Joined(user_id=users[1], rooms=("channel:c",)), in_channel("e")])
    reads: Counter[str] = Counter()
    history = two.bus.history

    async def counted(topic: str, after: int) -> Any:
        reads[topic.partition(":")[0]] += 1
        return await history(topic, after)

    monkeypatch.setattr(two.bus, "history", counted)
    others = [number for number in range(CROWD) if number != 3]
    seconds = dict(
        zip(
            others,
            await asyncio.gather(*(stage.resume(two, users[number], firsts[number]) for number in others)),
            strict=True,
        )
    )

    await until(lambda: all("e" in second.texts for second in seconds.values()))
    assert two.gateway.stats.replays_elsewhere == CROWD - 1
    all_of_it = ["a", "b", "not for 2", "c", "d", "e"]
    for number, second in seconds.items():
        heard = told(firsts[number], second)
        if number == 0:
            assert heard == ["a", "b", "not for 2", "only 0", "c", "d", "e"]
        elif number == 1:
            assert heard == ["a", "b", "not for 2", "only 1", "d", "e"]
        elif number == 2:
            assert heard == ["a", "b", "c", "d", "e"]
        else:
            assert heard == all_of_it
        assert firsts[number].seqs + second.seqs == list(range(len(heard) + 1))
    mentioned = [number for number in others if any("mentions" in event["data"] for event in seconds[number].events)]
    assert mentioned == [0]
    assert reads["channel"] <= 3
    assert reads["all"] <= 3
    assert reads["user"] == 2  # for the others nothing was told that only they should hear


async def test_what_is_not_asked_for_any_more_is_forgotten(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await stage.node()
    await node.bus.publish([in_channel(1)])
    histories = Histories(node.bus)
    (tail,) = await node.bus.tails(["channel:c"])
    before = asyncio.get_running_loop().time()
    assert len(await histories.between("channel:c", 0, tail) or ()) == 1
    after = asyncio.get_running_loop().time()

    histories.sweep(before + 4)
    assert list(histories._pasts) == ["channel:c"]
    histories.sweep(after + 6)
    assert not histories._pasts

    monkeypatch.setattr("server.gateway.histories.KEEP_BYTES", 100)
    await node.bus.publish([in_channel("x" * 200, "d")])
    await histories.between("channel:c", 0, tail)
    assert len(await histories.between("channel:d", 0, tail + 1) or ()) == 1
    assert list(histories._pasts) == ["channel:d"]


async def test_a_past_goes_on_and_goes_back_and_ends_with_its_epoch(stage: Stage) -> None:
    node = await stage.node()
    histories = Histories(node.bus)

    async def positions(after: int) -> list[int]:
        (tail,) = await node.bus.tails(["channel:c"])
        return [message.position for message in await histories.between("channel:c", after, tail) or ()]

    await node.bus.publish([in_channel(number) for number in range(4)])
    first = await positions(0)
    assert await positions(first[1]) == first[2:]
    await node.bus.publish([in_channel("more")])
    assert await positions(first[1]) == [*first[2:], first[3] + 1]
    assert await positions(0) == [*first, first[3] + 1]

    await node.bus.command("DEL", node.bus.names.log("channel:c"))
    assert await positions(first[0]) == [*first[1:], first[3] + 1]  # what is known is known
    await node.bus.publish([in_channel("after a hole")])
    assert await positions(first[0]) == [*first[1:], first[3] + 1, first[3] + 2]
    node.bus.subscriber.epoch = b"another!"
    assert await positions(first[0]) == []


async def test_sockets_that_come_at_once_share_statements(make: Make, node: TestNode) -> None:
    people = await make.users(CROWD)
    team = await make.team(members=people[:2])
    channel = await make.channel(team, members=people[:2])
    await make.post(people[0], channel)
    node.services.cache.clear()
    connections, others = node.services.db._connections, set(node.node.gateway._sockets)
    async with contextlib.AsyncExitStack() as stack:
        busy = [await connections.take() for _ in range(connections.size)]
        before = node.statements
        opening = asyncio.gather(*(stack.enter_async_context(Socket.open(node, person.token)) for person in people))
        await until(lambda: len(node.node.gateway._sockets - others) == CROWD)
        for connection in busy:
            connections.give_back(connection)
        sockets = await opening
        spent = node.statements - before
        await make.post(people[1], channel, "to two of them")
        heard = [await socket.names() for socket in sockets]

    assert [("posted" in names) for names in heard] == [True, True, *[False] * (CROWD - 2)]
    assert spent <= 10
