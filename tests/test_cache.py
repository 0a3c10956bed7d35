"""The cache: values by key, dropped by tag, never older than the news."""

import asyncio
import random
import time
from collections.abc import Hashable

import pytest

from server.cache import Cache


class Source:
    """Something that is loaded, and counts how often."""

    def __init__(self) -> None:
        self.value = "first"
        self.loads = 0
        self.gate: asyncio.Event | None = None

    async def load(self) -> str:
        """The value as it was when the load began, given when the gate opens."""
        self.loads += 1
        value = self.value
        if self.gate is not None:
            await self.gate.wait()
        return value


async def test_a_value_is_loaded_once_and_again_after_its_tag_is_dropped() -> None:
    cache, source = Cache(), Source()

    first = [await cache.get("key", ("a", "b"), source.load) for _ in range(3)]
    source.value = "second"
    cache.drop(["b"])
    second = await cache.get("key", ("a", "b"), source.load)

    assert (first, second, source.loads) == (["first"] * 3, "second", 2)


async def test_a_value_loaded_before_the_news_is_not_kept() -> None:
    cache, source = Cache(), Source()
    source.gate = asyncio.Event()
    loading = asyncio.create_task(cache.get("key", ("tag",), source.load))
    await asyncio.sleep(0)

    source.value = "second"
    cache.drop(["tag"])
    source.gate.set()

    assert await loading == "first"
    assert await cache.get("key", ("tag",), source.load) == "second"


async def test_tags_may_come_from_the_value() -> None:
    cache, source = Cache(), Source()

    await cache.get("key", lambda value: [f"tag:{value}"], source.load)
    cache.drop(["tag:first"])

    assert cache.peek("key", str) is None


@pytest.mark.parametrize(("dropped", "kept"), [("tag:other", "first"), ("tag:first", None)])
async def test_of_values_that_say_their_tags_only_those_that_changed_while_they_were_loaded_are_not_kept(
    dropped: str, kept: str | None
) -> None:
    cache, source = Cache(), Source()
    source.gate = asyncio.Event()
    loading = asyncio.create_task(cache.get("key", lambda value: [f"tag:{value}"], source.load))
    await asyncio.sleep(0)

    cache.drop([dropped])
    after = asyncio.create_task(cache.get("key", lambda value: [f"tag:{value}"], source.load))
    await asyncio.sleep(0)
    assert source.loads == 2, "nobody knows yet whether it is the one that changed"
    after.cancel()
    source.gate.set()

    assert await loading == "first"
    assert cache.peek("key", str) == kept


async def test_entries_go_when_they_are_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, source = Cache(max_age=300), Source()
    for number in range(1000):
        await cache.get(number, (f"tag:{number}",), source.load)
    now = time.monotonic()

    monkeypatch.setattr("time.monotonic", lambda: now + 301)
    for number in range(1000, 1200):
        await cache.get(number, (f"tag:{number}",), source.load)
    assert len(cache) == 1000 - 3 * 200

    for number in range(1200, 1300):
        await cache.get(number, (f"tag:{number}",), source.load)
    assert len(cache) == 300
    assert len(cache._keys) == 300


async def test_entries_stay_while_there_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, source = Cache(max_age=300), Source()
    await cache.get("old", ("tag",), source.load)
    now = time.monotonic()

    monkeypatch.setattr("time.monotonic", lambda: now + 10)
    cache.max_age = 3
    await cache.get("new", ("tag",), source.load)
    assert cache.peek("old", str) is None
    cache.max_age = 300
    assert cache.peek("old", str) == "first"


async def test_the_oldest_entries_go_when_it_is_full() -> None:
    cache, source = Cache(max_entries=2), Source()

    for key in ("one", "two", "three"):
        await cache.get(key, (key,), source.load)

    assert [cache.peek(key, str) for key in ("one", "two", "three")] == [None, "first", "first"]
    assert len(cache) == 2


async def test_entries_past_their_age_are_loaded_again() -> None:
    cache, source = Cache(max_age=0), Source()

    await cache.get("key", (), source.load)
    await asyncio.sleep(0.001)
    await cache.get("key", (), source.load)

    assert source.loads == 2


async def test_many_values_are_loaded_together_and_dropped_one_by_one() -> None:
    cache = Cache()
    asked: list[list[str]] = []

    async def load(ids: list[str]) -> dict[str, str]:
        asked.append(ids)
        return {each: each.upper() for each in ids if each != "none"}

    assert await cache.get_many("name", "user", ["a", "b", "none"], load) == {"a": "A", "b": "B"}
    cache.drop(["user:a"])
    assert await cache.get_many("name", "user", ["c", "b", "a"], load) == {"a": "A", "b": "B", "c": "C"}

    assert asked == [["a", "b", "none"], ["c", "a"]]


async def test_values_that_change_while_they_are_loaded_are_not_kept() -> None:
    cache = Cache()

    async def load(ids: list[str]) -> dict[str, str]:
        cache.drop(["user:b"])
        return dict.fromkeys(ids, "old")

    assert await cache.get_many("name", "user", ["a", "b"], load) == {"a": "old", "b": "old"}
    assert len(cache) == 0


async def test_many_who_want_the_same_load_it_once() -> None:
    cache, source = Cache(), Source()
    source.gate = asyncio.Event()
    wanting = [asyncio.create_task(cache.get("key", ("tag",), source.load)) for _ in range(10)]
    await asyncio.sleep(0)
    wanting[3].cancel()
    source.gate.set()
    got = await asyncio.gather(*wanting, return_exceptions=True)

    assert [each for each in got if each != "first"] == [got[3]]
    assert isinstance(got[3], asyncio.CancelledError)
    assert source.loads == 1


async def test_who_comes_after_the_news_does_not_share_what_was_loaded_before() -> None:
    cache, source = Cache(), Source()
    source.gate = asyncio.Event()
    before = asyncio.create_task(cache.get("key", ("tag",), source.load))
    await asyncio.sleep(0)
    source.value = "second"
    cache.drop(["tag"])
    after = [asyncio.create_task(cache.get("key", ("tag",), source.load)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()

    assert await before == "first"
    assert await asyncio.gather(*after) == ["second"] * 3
    assert source.loads == 2
    assert cache.peek("key", str) == "second"


async def test_a_failed_load_is_told_to_all_and_a_cancelled_one_is_done_by_another() -> None:
    cache, source = Cache(), Source()
    source.gate = asyncio.Event()

    async def failing() -> str:
        await source.load()
        raise LookupError

    failed = [asyncio.create_task(cache.get("key", ("tag",), failing)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()
    assert [type(each) for each in await asyncio.gather(*failed, return_exceptions=True)] == [LookupError] * 3
    assert source.loads == 1

    source.gate.clear()
    wanting = [asyncio.create_task(cache.get("key", ("tag",), source.load)) for _ in range(3)]
    await asyncio.sleep(0)
    wanting[0].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*wanting[1:]) == ["first"] * 2
    assert source.loads == 3


async def test_of_values_loaded_along_those_that_changed_meanwhile_are_not_kept() -> None:
    cache = Cache()
    gate = asyncio.Event()

    async def load() -> dict[Hashable, str]:
        await gate.wait()
        return {"one": "1", "two": "2"}

    def tags(key: Hashable) -> tuple[str, ...]:
        return ("all", f"tag:{key}")

    for dropped, kept in (("tag:two", ["1", None]), ("tag:three", ["1", "2"]), ("all", [None, None])):
        cache.clear()
        gate.clear()
        loading = asyncio.create_task(cache.load_along(load, tags))
        await asyncio.sleep(0)
        cache.drop([dropped])
        gate.set()

        assert await loading == {"one": "1", "two": "2"}
        assert [cache.peek(key, str) for key in ("one", "two")] == kept

    gate.clear()
    loading = asyncio.create_task(cache.load_along(load, tags))
    await asyncio.sleep(0)
    cache.clear()
    gate.set()
    await loading
    assert cache.peek("one", str) is None


async def test_any_mixture_of_tags_and_drops_leaves_what_no_drop_concerned() -> None:
    cache, source, chance = Cache(), Source(), random.Random(5)
    kept: dict[int, tuple[str, ...]] = {}
    for _ in range(3000):
        key, tag = chance.randrange(40), f"tag:{chance.randrange(12)}"
        if chance.random() < 0.7:
            tags = tuple({f"tag:{chance.randrange(12)}" for _ in range(chance.randrange(1, 4))})
            await cache.get(key, tags, source.load)
            kept.setdefault(key, tags)
        else:
            cache.drop([tag])
            kept = {key: tags for key, tags in kept.items() if tag not in tags}
        assert {key for key in range(40) if cache.peek(key, str)} == set(kept)
    cache.drop([f"tag:{number}" for number in range(12)])

    assert len(cache) == len(cache._keys) == 0
