"""Reads that many ask for at once share statements, and nothing else."""

import asyncio
from collections.abc import Callable

import pytest

from server.db.grouped import GROUP, GroupedReads
from server.errors import BadRequest, Busy, Internal


class Table:
    """Answers slowly, and notes what it was asked."""

    def __init__(self) -> None:
        self.rows = {f"k{number}": number for number in range(1000)}
        self.asked: list[list[str]] = []
        self.failing: Callable[[list[str]], Exception | None] = lambda keys: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, keys: list[str]) -> dict[str, int]:
        self.asked.append(keys)
        found = {key: self.rows[key] for key in keys if key in self.rows}
        await asyncio.sleep(0)
        await self.gate.wait()
        if (error := self.failing(keys)) is not None:
            raise error
        return found


async def test_one_read_goes_alone_and_many_go_together() -> None:
    table = Table()
    reads = GroupedReads(table.load)
    assert await reads.get("k1") == 1
    assert await asyncio.gather(*(reads.get(f"k{number}") for number in range(50))) == list(range(50))
    assert await reads.get("nothing") is None

    assert [len(keys) for keys in table.asked] == [1, 50, 1]


async def test_the_same_key_is_read_once_and_a_group_has_an_end() -> None:
    table = Table()
    reads = GroupedReads(table.load)
    keys = [f"k{number}" for number in range(GROUP + 3)]
    found = await asyncio.gather(*(reads.get(key) for key in (*keys, *keys)))

    assert found == [*range(GROUP + 3), *range(GROUP + 3)]
    assert [len(keys) for keys in table.asked] == [GROUP, 3]


async def test_nobody_gets_an_answer_that_is_older_than_the_question() -> None:
    table = Table()
    reads = GroupedReads(table.load)
    table.gate.clear()
    before = asyncio.create_task(reads.get("k1"))
    while not table.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    table.rows["k1"] = -1
    after = asyncio.create_task(reads.get("k1"))
    await asyncio.sleep(0)
    table.gate.set()

    assert (await before, await after) == (1, -1)


async def test_a_key_that_is_refused_spoils_it_for_nobody_else() -> None:
    table = Table()
    reads = GroupedReads(table.load)
    table.failing = lambda keys: BadRequest("bad") if "k3" in keys else None
    found = await asyncio.gather(*(reads.get(f"k{number}") for number in range(6)), return_exceptions=True)

    assert [each for each in found if not isinstance(each, BadRequest)] == [0, 1, 2, 4, 5]
    assert isinstance(found[3], BadRequest)


@pytest.mark.parametrize(("error", "told"), [(Busy("busy"), Busy), (RuntimeError("a fault"), Internal)])
async def test_a_failure_is_told_to_all_of_its_group_and_the_next_one_is_tried(
    error: Exception, told: type[Exception]
) -> None:
    table = Table()
    reads = GroupedReads(table.load)
    table.failing = lambda keys: error
    found = await asyncio.gather(*(reads.get(f"k{number}") for number in range(3)), return_exceptions=True)
    table.failing = lambda keys: None

    assert [type(each) for each in found] == [told] * 3
    assert len(table.asked) == 1
    assert await reads.get("k1") == 1


async def test_who_gives_up_disturbs_nobody_and_is_not_read_for() -> None:
    table = Table()
    reads = GroupedReads(table.load)
    table.gate.clear()
    first = asyncio.create_task(reads.get("k0"))
    while not table.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    waiting = [asyncio.create_task(reads.get(f"k{number}")) for number in (1, 2, 2)]
    await asyncio.sleep(0)
    first.cancel()
    waiting[0].cancel()
    waiting[1].cancel()
    table.gate.set()

    assert await waiting[2] == 2
    assert table.asked == [["k0"], ["k2"]]
    assert await reads.get("k0") == 0
