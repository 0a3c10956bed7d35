"""The connections of a node: never more than allowed, none lost, none shared."""

import asyncio
from typing import Any

import asyncpg
import pytest

from server.db.connections import Connections


class Connection:
    """Stands for one of asyncpg's."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        """Whether it is of no more use."""
        return self.closed

    def terminate(self) -> None:
        """Close it."""
        self.closed = True

    async def close(self, timeout: float) -> None:
        """Close it."""
        self.closed = True


class Maker:
    """Makes connections, and counts those that live."""

    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.fails = False
        self.places = 100
        self.tries = 0

    async def connect(self) -> Any:
        """A new one."""
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionRefusedError
        self.tries += 1
        if self.living >= self.places:
            raise asyncpg.TooManyConnectionsError("sorry, too many clients already")
        self.made.append(Connection())
        return self.made[-1]

    @property
    def living(self) -> int:
        """How many are open."""
        return sum(not connection.closed for connection in self.made)


def pool(size: int = 2, timeout: float = 5) -> tuple[Connections, Maker]:
    maker = Maker()
    return Connections(maker.connect, size, timeout), maker


async def test_a_free_connection_is_used_again() -> None:
    connections, maker = pool()

    for _ in range(3):
        connections.give_back(await connections.take())

    assert len(maker.made) == 1
    assert connections.in_use == 0


async def test_who_finds_none_free_waits_in_line() -> None:
    connections, maker = pool(size=1)
    first = await connections.take()
    order: list[int] = []

    async def use(number: int) -> None:
        connection = await connections.take()
        order.append(number)
        connections.give_back(connection)

    users = [asyncio.create_task(use(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    assert order == []
    connections.give_back(first)
    await asyncio.gather(*users)

    assert order == [0, 1, 2]
    assert len(maker.made) == 1


async def test_waiting_has_an_end_and_loses_nothing() -> None:
    connections, _ = pool(size=1, timeout=0.01)
    taken = await connections.take()

    with pytest.raises(TimeoutError):
        await connections.take()
    connections.give_back(taken)

    assert await connections.take() is taken


async def test_a_waiter_that_gives_up_as_it_is_served_passes_the_connection_on() -> None:
    connections, _ = pool(size=1)
    taken = await connections.take()
    waiter = asyncio.create_task(connections.take())
    await asyncio.sleep(0)

    connections.give_back(taken)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert await asyncio.wait_for(connections.take(), 30) is taken


async def test_a_dropped_connection_makes_room_for_whoever_waits() -> None:
    connections, maker = pool(size=1)
    taken = await connections.take()
    waiter = asyncio.create_task(connections.take())
    await asyncio.sleep(0)

    connections.drop(taken)
    fresh = await asyncio.wait_for(waiter, 30)

    assert fresh is not taken
    assert (maker.living, connections.in_use) == (1, 1)


async def test_dead_connections_are_not_handed_out() -> None:
    connections, maker = pool()
    connections.give_back(await connections.take())
    maker.made[0].closed = True

    assert await connections.take() is maker.made[1]
    assert connections.in_use == 1


async def test_a_refused_connect_costs_no_place() -> None:
    connections, maker = pool(size=1)
    maker.fails = True
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await connections.take()

    maker.fails = False

    assert await connections.take() is maker.made[0]


async def test_many_users_never_share_or_exceed() -> None:
    connections, maker = pool(size=3)
    using: set[int] = set()

    async def use(number: int) -> None:
        connection = await connections.take()
        assert id(connection) not in using
        using.add(id(connection))
        await asyncio.sleep(0)
        using.discard(id(connection))
        if number % 7 == 0:
            connections.drop(connection)
        else:
            connections.give_back(connection)
        assert maker.living <= 3

    await asyncio.gather(*(use(number) for number in range(200)))

    assert connections.in_use == 0


async def test_closing_ends_free_ones_at_once_and_others_when_they_come_back() -> None:
    connections, maker = pool()
    taken = await connections.take()
    connections.give_back(await connections.take())

    await connections.close()
    assert maker.living == 1
    connections.give_back(taken)

    assert maker.living == 0


async def test_where_there_is_no_place_for_more_those_that_there_are_serve_all() -> None:
    connections, maker = pool(size=5)
    maker.places = 2
    served: list[int] = []

    async def use(number: int) -> None:
        connection = await connections.take()
        await asyncio.sleep(0.001)
        served.append(number)
        connections.give_back(connection)

    await asyncio.gather(*(use(number) for number in range(50)))

    assert sorted(served) == list(range(50))
    assert maker.living == 2
    assert maker.tries <= 2 + 5  # refused once, it is not asked again and again
    assert connections.in_use == 0


async def test_without_a_place_for_a_single_one_nobody_waits() -> None:
    connections, maker = pool(size=2)
    maker.places = 0

    with pytest.raises(asyncpg.TooManyConnectionsError):
        await connections.take()

    maker.places = 1
    assert await connections.take() is maker.made[0]


async def test_when_the_last_connection_goes_and_none_can_be_made_all_who_wait_are_told() -> None:
    connections, maker = pool(size=2, timeout=60)
    maker.places = 1
    last = await connections.take()
    waiters = [asyncio.create_task(connections.take()) for _ in range(4)]
    await asyncio.sleep(0.01)

    maker.places = 0
    connections.drop(last)
    async with asyncio.timeout(30):
        results = await asyncio.gather(*waiters, return_exceptions=True)

    assert [type(result) for result in results] == [asyncpg.TooManyConnectionsError] * 4
    assert connections.in_use == 0


async def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.db.connections.WAITING", 3)
    connections, _ = pool(size=1)
    taken = await connections.take()
    waiters = [asyncio.create_task(connections.take()) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await connections.take()
    connections.give_back(taken)

    connections.give_back(await waiters[0])
    connections.give_back(await waiters[1])
    assert await waiters[2] is taken
    late = asyncio.create_task(connections.take())
    await asyncio.sleep(0)
    assert not late.done()
    connections.give_back(taken)
    assert await late is taken


async def test_who_waits_can_be_turned_away_at_once() -> None:
    connections, maker = pool(size=2)
    busy, free = await connections.take(), await connections.take()
    waiter = asyncio.create_task(connections.take())
    await asyncio.sleep(0)

    connections.refuse_waiting()
    with pytest.raises(TimeoutError):
        await waiter
    connections.give_back(free)
    connections.refuse_waiting()

    assert (maker.living, connections.in_use) == (1, 1)
    connections.drop(busy)
    assert (maker.living, connections.in_use) == (0, 0)
    assert await connections.take() is maker.made[2]
