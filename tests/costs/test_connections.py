"""What a connection costs while nothing happens: bytes of memory, and work as time passes."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server import ticks
from server.features.status.presence import Presence
from server.gateway.connection import Connection
from server.gateway.gateway import TICK_SECONDS, WHEEL, Gateway
from server.gateway.hub import User
from server.gateway.protocol import Socket
from tests.costs.calls import World
from tests.costs.crowd import make_crowd
from tests.costs.metering import Meter, let_go
from tests.costs.tallying import held_by, lines
from tests.costs.wires import Wire, open_wires, upgrade
from tests.make import Person
from tests.nodes import BACKGROUND

CONNECTIONS = 200
BYTES = 5300
"""Of memory for the connection of one more user, without the transport and what the kernel has of it."""
SLACK = 0.2
LINES_PER_SECOND = 9
"""Lines of code that run for a connection on which nothing happens."""


@pytest_asyncio.fixture
async def people(world: World, meter: Meter) -> AsyncIterator[list[Person]]:
    """People who have never been connected, in a team and three channels of it."""
    pattern = await world.make.user()
    await world.make.join_team(world.team, pattern)
    await world.make.channel(world.team, members=[pattern])
    crowd = await make_crowd(world.node, pattern, 2 * CONNECTIONS)
    meter.forget()
    await meter.settle()
    yield crowd


def objects(gateway: Gateway, people: list[Person]) -> dict[str, int]:
    """How many objects there are, whoever keeps them, of what the connections of people are made of."""
    gc.collect()
    user_ids = {person.id for person in people}
    every = gc.get_objects()
    return {
        # Not isinstance: there may be proxies of what is gone, which can't be asked for their class.
        "sockets": sum(issubclass(type(each), gateway.protocol_class) for each in every),
        "connections": sum(type(each) is Connection and each.user_id in user_ids for each in every),
        "users": sum(type(each) is User and each.id in user_ids for each in every),
    }


async def test_a_connection_takes_few_bytes_and_gives_them_all_back(
    world: World, meter: Meter, people: list[Person]
) -> None:
    gateway = world.node.node.gateway
    await come_and_go(world, meter, people[:CONNECTIONS])  # whatever grows with the first crowd has grown
    wires = [(Wire(keep=False), upgrade(person.token)) for person in people[CONNECTIONS:]]
    parts = [gateway, world.node.services.bus, world.node.services.cache, world.node.services.extras[Presence]]
    before, kept = objects(gateway, people), held_by(parts)

    await open_wires(gateway, wires)
    await meter.quiet()
    during, there = objects(gateway, people), held_by(parts)
    await leave(world, meter, [wire for wire, _ in wires])
    left = held_by(parts)

    assert {kind: during[kind] - before[kind] for kind in before} == dict.fromkeys(before, CONNECTIONS)
    assert objects(gateway, people) == before
    each = (there.bytes - kept.bytes) / CONNECTIONS
    assert BYTES * (1 - SLACK) <= each <= BYTES * (1 + SLACK), f"{each:.0f} bytes for a connection, not {BYTES}"
    assert left.objects - kept.objects < CONNECTIONS / 4, "connections leave something behind"


async def come_and_go(world: World, meter: Meter, people: list[Person]) -> None:
    wires = [(Wire(keep=False), upgrade(person.token)) for person in people]
    await open_wires(world.node.node.gateway, wires)
    await leave(world, meter, [wire for wire, _ in wires])


async def leave(world: World, meter: Meter, wires: list[Wire]) -> None:
    """Close sockets, and let the time pass in which they might be resumed."""
    for wire in wires:
        wire.close()
    await asyncio.sleep(0)
    await meter.settle()
    await let_go(world.node)
    meter.forget()
    await world.node.mark(world.ada.id)  # with this, when events were sent is noted and forgotten
    await meter.quiet()


async def test_hello_leaves_with_the_answer_to_the_upgrade_where_all_is_at_hand(world: World) -> None:
    first, wire = Wire(), Wire()
    await open_wires(world.node.node.gateway, [(first, upgrade(world.ada.token))])

    await open_wires(world.node.node.gateway, [(wire, upgrade(world.ada.token))])

    answer, _, frame = wire.text().partition("\r\n\r\n")
    assert answer.startswith("HTTP/1.1 101 ")
    assert '"event":"hello"' in frame
    assert wire.writes == 1
    first.close()
    wire.close()


async def test_time_passes_at_little_cost_for_idle_connections(
    world: World, meter: Meter, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = world.node.node.gateway
    visited: list[Socket] = []
    visit = Gateway._visit

    def visits(gateway: Gateway, socket: Socket, now: float) -> None:
        visited.append(socket)
        visit(gateway, socket, now)

    monkeypatch.setattr(Gateway, "_visit", visits)
    few = await pass_time(gateway, meter, visited)
    wires = [(Wire(keep=False), upgrade(person.token)) for person in people[:CONNECTIONS]]
    await open_wires(gateway, wires)
    many = await pass_time(gateway, meter, visited)

    assert sorted(map(id, visited)) == sorted(map(id, gateway._sockets)), "each is visited once a turn of the wheel"
    seconds = WHEEL / 2
    more = {place: many[place] - few.get(place, 0) for place in many}
    each = {place: count / CONNECTIONS / seconds for place, count in more.items() if count > CONNECTIONS / 10}
    assert 0 < sum(each.values()) <= LINES_PER_SECOND, f"lines for a connection and second: {each}"
    for wire, _ in wires:
        wire.close()


async def pass_time(gateway: Gateway, meter: Meter, visited: list[Socket]) -> dict[str, int]:
    """One turn of the wheel; gives the lines of code that ran in the gateway, and who was visited in it."""
    await meter.quiet()
    token = BACKGROUND.set(True)  # each tick sees to the next one
    assert gateway._timer is not None
    gateway._timer.cancel()
    await asyncio.wait([gateway._saving])
    # What has happened so far is noted before, not somewhere on the way.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.gateway.resume.MARK_SECONDS", 0.0)
        await gateway._checkpoints.round(
            list(gateway._registry.connections.values()), asyncio.get_running_loop().time()
        )
    visited.clear()
    with lines("gateway") as counts:
        for _ in range(WHEEL):
            gateway._tick()
            gateway._timer.cancel()  # on a busy machine the next would come while this one is waited for
            await asyncio.wait([gateway._saving])
    gateway._timer = ticks.call_later(TICK_SECONDS, gateway._tick)
    BACKGROUND.reset(token)
    return dict(counts)
