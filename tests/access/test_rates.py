"""Rates counted over nodes: what is allowed and told, also without Redis, and when it forgets or its clock jumps."""

import asyncio
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvloop

from server.access import rates
from server.access.rates import Rate, Rates, Standing
from server.bus.bus import Bus
from server.engines.directory import DataDirectory
from server.engines.redis import FORGETFUL, Redis
from server.ids import new_id
from tests.waiting import PATIENCE

RATE = Rate("test", burst=5, seconds=1000.0)
"""So slow that nothing comes back while a test runs."""
SHORT = 0.5
"""Seconds that Redis has for its answers where it is not to give any."""
SLACK = 100.0
"""Seconds that a test may take."""


class Counting:
    """The rates of a node with a bus of its own, and how many commands they send."""

    def __init__(self, redis: Redis, name: str, size: int = 1000) -> None:
        self.bus = Bus(redis.url, name, name="rates")
        self.commands = 0
        self.rates = Rates(self._command, self.bus.names.prefix, lambda: size)

    async def _command(self, *words: Any) -> Any:
        self.commands += 1
        return await self.bus.command(*words)


@pytest_asyncio.fixture
async def pair(redis_server: Redis) -> AsyncIterator[tuple[Counting, Counting]]:
    """Two nodes over the Redis of all tests."""
    pair = Counting(redis_server, "one"), Counting(redis_server, "two")
    for each in pair:
        await each.bus.start()
    yield pair
    for each in pair:
        await each.bus.stop()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that may be hurt."""
    path = Path(tempfile.mkdtemp(prefix="hubbub-rates-"))
    with DataDirectory(path) as directory, Redis(directory, settings=FORGETFUL) as redis:
        yield redis
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def frozen(redis: Redis) -> Iterator[None]:
    """Redis holds still: connections stay, nothing is answered."""
    pid = redis.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def taken(counting: Counting, key: str, count: int, rate: Rate = RATE) -> list[bool]:
    """Whether each of so many was allowed."""
    return [(await counting.rates.take(rate, key)).allowed for _ in range(count)]


async def sees_redis(counting: Counting) -> float:
    """Wait until a node asks Redis again; the seconds that it took."""
    started = time.monotonic()
    while time.monotonic() - started < 30:
        before = counting.commands
        await counting.rates.look(RATE, "anybody")
        if counting.commands > before and not counting.rates._blind:
            return time.monotonic() - started
        await asyncio.sleep(0.05)
    raise AssertionError("Redis is not asked again")


async def test_nodes_count_together_and_tell_what_is_left(pair: tuple[Counting, Counting]) -> None:
    one, two = pair
    key = new_id()
    told = [await (one, two)[number % 2].rates.take(RATE, key) for number in range(7)]

    assert [each.allowed for each in told] == [True] * 5 + [False] * 2
    assert [each.remaining for each in told] == [4, 3, 2, 1, 0, 0, 0]
    for each, used in zip(told, (1, 2, 3, 4, 5, 5, 5), strict=True):
        assert used * RATE.seconds - SLACK < each.reset <= used * RATE.seconds
    assert 1000 - SLACK < told[6].retry <= 1000


def test_headers_tell_it_in_whole_seconds() -> None:
    assert dict(Standing(limit=5, remaining=4, reset=9.2, retry=0.0).headers()) == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "10",
    }
    assert dict(Standing(limit=5, remaining=0, reset=50.0, retry=9.2).headers()) == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "50",
        "Retry-After": "10",
    }


async def test_what_was_used_comes_back_with_time(pair: tuple[Counting, Counting]) -> None:
    quick = Rate("quick", burst=3, seconds=1.0)
    key = new_id()
    for _ in range(3):
        assert (await pair[0].rates.take(quick, key)).allowed
    while (refused := await pair[1].rates.take(quick, key)).allowed:
        pass  # so long ago is the first one
    started = time.monotonic()
    await asyncio.sleep(refused.retry)
    again = await pair[1].rates.take(quick, key)
    at_once = await pair[0].rates.take(quick, key)
    took = time.monotonic() - started

    assert again.allowed
    assert not at_once.allowed or took >= refused.retry + quick.seconds


async def test_many_at_one_time_are_never_too_many(pair: tuple[Counting, Counting]) -> None:
    key = new_id()
    told = await asyncio.gather(*(pair[number % 2].rates.take(RATE, key) for number in range(100)))

    assert sum(each.allowed for each in told) == 5


async def test_a_flood_costs_no_redis(pair: tuple[Counting, Counting]) -> None:
    one, two = pair
    key = new_id()
    await taken(one, new_id(), 1)  # if Redis has not been asked before, it has to be told how
    before = one.commands
    await taken(one, key, 300)
    await taken(two, key, 300)

    assert one.commands - before == 5
    assert two.commands == 1


async def test_failures_count_also_when_they_are_too_many(pair: tuple[Counting, Counting]) -> None:
    one, two = pair
    key = new_id()
    fine = await one.rates.look(RATE, key)
    last = [await one.rates.add(RATE, key) for _ in range(8)][-1]
    refused = await two.rates.look(RATE, key)
    most = [await one.rates.add(RATE, key) for _ in range(100)][-1]

    assert (fine.allowed, fine.remaining) == (True, 5)
    assert last.remaining == 0
    assert 8000 - SLACK < last.reset <= 8000
    assert not refused.allowed
    assert 4000 - SLACK < refused.retry <= 4000
    assert most.reset == 10_000


async def test_several_at_once_are_allowed_all_or_none(pair: tuple[Counting, Counting]) -> None:
    key = new_id()
    four = await pair[0].rates.take(RATE, key, 4)
    two = await pair[1].rates.take(RATE, key, 2)
    one = await pair[1].rates.take(RATE, key)

    assert (four.allowed, two.allowed, one.allowed) == (True, False, True)
    assert two.remaining == 1
    assert 1000 - SLACK < two.retry <= 1000


async def test_others_and_other_settings_count_for_themselves(pair: tuple[Counting, Counting]) -> None:
    key = new_id()
    await taken(pair[0], key, 5)

    assert not (await pair[0].rates.take(RATE, key)).allowed
    assert (await pair[0].rates.take(RATE, new_id())).remaining == 4
    assert (await pair[0].rates.take(Rate("test", burst=6, seconds=RATE.seconds), key)).remaining == 5


async def test_without_redis_each_node_counts_by_itself(own_redis: Redis) -> None:
    one, two = Counting(own_redis, "one"), Counting(own_redis, "two")
    for each in (one, two):
        await each.bus.start()
    known, strange = new_id(), new_id()
    first = await taken(one, known, 2)
    own_redis.stop()
    started = time.monotonic()
    alone = [await taken(one, known, 2), await taken(one, strange, 7), await taken(two, strange, 7)]
    took = time.monotonic() - started
    own_redis.start()
    waited = [await sees_redis(one), await sees_redis(two)]
    after = [await taken(one, known, 1), await taken(two, known, 1)]
    for each in (one, two):
        await each.bus.stop()

    assert first == [True] * 2
    assert alone == [[True] * 2, [True] * 5 + [False] * 2, [True] * 5 + [False] * 2]
    assert took < PATIENCE  # no answer is waited for
    # The Redis that came back knows nothing but what the nodes tell it.
    assert after == [[True], [False]]
    assert max(waited) < 15


async def test_a_redis_that_holds_still_holds_nobody_up(own_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Counting(own_redis, "one"), Counting(own_redis, "two")
    for each in (one, two):
        await each.bus.start()
    key = new_id()
    await taken(one, key, 1)
    with frozen(own_redis), monkeypatch.context() as patch:
        patch.setattr(rates, "PATIENCE_SECONDS", SHORT)
        before, started = one.commands, time.monotonic()
        allowed = await taken(one, key, 3)
        asked, took = one.commands - before, time.monotonic() - started
    for each in (one, two):  # if it was away for long on a busy machine, both connect anew
        await sees_redis(each)
    after = [await taken(one, key, 1), await taken(two, key, 1)]
    for each in (one, two):
        await each.bus.stop()

    assert allowed == [True] * 3
    assert 1 <= asked <= 1 + took / rates.BLIND_SECONDS  # only the first one waits
    assert after == [[True], [False]]


def test_a_node_that_was_held_up_does_not_take_its_redis_for_away(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In production's loop timers come before what has arrived meanwhile."""
    monkeypatch.setattr(rates, "PATIENCE_SECONDS", SHORT)

    async def is_blind() -> bool:
        one = Counting(own_redis, "one")
        await one.bus.start()
        with frozen(own_redis):
            asking = asyncio.create_task(one.rates.take(RATE, new_id()))
            for _ in range(10):  # until it is on its way
                await asyncio.sleep(0)
        time.sleep(2 * SHORT)  # noqa: ASYNC251 - the loop is late, and Redis is not
        connection = one.bus.publisher._connection
        assert connection is not None
        assert connection._transport is not None
        assert select.select([connection._transport.get_extra_info("socket")], [], [], PATIENCE)[0]
        assert not asking.done()
        await asking
        await one.bus.stop()
        return one.rates._blind

    assert not uvloop.run(is_blind())


async def test_a_redis_that_lost_its_memory_gets_it_back(own_redis: Redis) -> None:
    one, two = Counting(own_redis, "one"), Counting(own_redis, "two")
    for each in (one, two):
        await each.bus.start()
    key = new_id()
    await taken(one, key, 4)
    await one.bus.command("FLUSHALL")
    await one.bus.command("SCRIPT", "FLUSH")
    rest = [await taken(one, key, 1), await taken(two, key, 1)]
    for each in (one, two):
        await each.bus.stop()

    assert rest == [[True], [False]]


async def test_a_clock_that_goes_back_locks_nobody_out(pair: tuple[Counting, Counting]) -> None:
    one, two = pair
    key = new_id()
    name = f"{one.bus.names.prefix}rate:{RATE.key}:{key}"
    day_ahead = int(time.time() * 1e6) + 86_400_000_000
    await one.bus.command("SET", name, day_ahead)
    standing = await one.rates.look(RATE, key)
    stored = int(await two.bus.command("GET", name))

    assert round(standing.reset) == 2 * RATE.whole
    assert stored - time.time() * 1e6 <= 2e6 * RATE.whole
    assert 0 < int(await two.bus.command("PTTL", name)) <= 2000 * RATE.whole


async def test_what_a_node_remembers_is_bounded(redis_server: Redis) -> None:
    small = Counting(redis_server, "small", size=50)
    await small.bus.start()
    keys = [new_id() for _ in range(200)]
    for key in keys:
        await taken(small, key, 1)
    remembered = list(small.rates._full_at)
    await small.bus.stop()

    assert [name.rpartition(":")[2] for name in remembered] == keys[-50:]
