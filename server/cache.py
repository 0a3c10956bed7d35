"""What a node remembers of the database: values by key, dropped by tag when the bus says that something changed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import TypeVar, cast

T = TypeVar("T")

AT_ONCE = 4
"""Entries that are too old go when others come, so many for each."""


class _Load:
    """A load under way; a drop of one of its tags makes its result too old to keep, and to be shared with newcomers."""

    __slots__ = ("dropped", "joined", "stale", "tags")

    def __init__(self, tags: tuple[str, ...] | None) -> None:
        self.tags = tags or ()
        self.stale = False
        self.dropped: set[str] | None = set() if tags is None else None
        """Tags that were dropped meanwhile, when what is loaded says its tags itself."""
        self.joined: list[asyncio.Future[object]] = []
        """Others who want the same."""

    @property
    def is_shared(self) -> bool:
        """Whether one who comes now may have what is loaded."""
        return not self.stale and not self.dropped

    def keeps(self, tags: tuple[str, ...]) -> bool:
        """Whether a value of these tags is still what is stored."""
        return not self.stale and (self.dropped is None or self.dropped.isdisjoint(tags))

    def end(self, value: object) -> None:
        """Tell the others what was loaded."""
        for future in self.joined:
            if not future.done():
                future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Tell the others that nothing came of it; when only the one who loaded gave up, one of them loads."""
        for future in self.joined:
            if not future.done():
                future.set_exception(error if isinstance(error, Exception) else _GaveUp())


class _GaveUp(Exception):
    """The one who loaded for others was cancelled."""


class Cache:
    """A bounded cache of any values; the oldest entries go when it is full, or when they are not believed any more.

    Every entry has tags ("user:<id>", "channel:<id>", …); `drop` forgets all entries of a tag. `max_age`
    (seconds) bounds how long an entry is believed without news; it is lowered while the bus is away, and then
    the entries stay for when it is back.
    """

    def __init__(self, max_entries: int = 200_000, max_age: float = 300.0) -> None:
        self.max_age = max_age
        self.hits = 0
        self.misses = 0
        self._max_entries = max_entries
        self._lasting = max_age
        # A plain dict takes ever longer to find its first key when those before it were removed.
        self._entries: OrderedDict[Hashable, tuple[float, tuple[str, ...], object]] = OrderedDict()
        self._keys: dict[str, Hashable | set[Hashable]] = {}
        """By tag. Most tags have one entry only, whose key stands there alone: a set takes 216 bytes."""
        self._loads: set[_Load] = set()
        self._loading: dict[Hashable, _Load] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def peek(self, key: Hashable, kind: type[T]) -> T | None:
        """The value of `key`, which is of this kind, if it is at hand, else None; does not load."""
        entry = self._entries.get(key)
        if entry is None or time.monotonic() - entry[0] > self.max_age:
            return None
        self.hits += 1
        return cast(T, entry[2])

    async def get(
        self,
        key: Hashable,
        tags: Callable[[T], Iterable[str]] | tuple[str, ...],
        load: Callable[[], Awaitable[T]],
    ) -> T:
        """The value of `key`, loaded when it is not at hand; many who want it at the same moment load it once.

        `tags` is a tuple, or a function of the loaded value. A value whose tag was dropped during the load is not kept.
        """
        entry = self._entries.get(key)
        if entry is not None and time.monotonic() - entry[0] <= self.max_age:
            self.hits += 1
            return cast(T, entry[2])
        self.misses += 1
        others = self._loading.get(key)
        if others is not None and others.is_shared:
            future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            others.joined.append(future)
            try:
                return cast(T, await future)
            except _GaveUp:
                return await self.get(key, tags, load)
        loading = self._loading[key] = _Load(tags if isinstance(tags, tuple) else None)
        self._loads.add(loading)
        started = time.monotonic()
        try:
            value = await load()
        except BaseException as error:
            loading.fail(error)
            raise
        finally:
            self._loads.discard(loading)
            if self._loading.get(key) is loading:
                del self._loading[key]
        loading.end(value)
        if value is not None:
            own = tags if isinstance(tags, tuple) else tuple(tags(value))
            if loading.keeps(own):
                self._store(key, started, own, value)
        return value

    async def get_many(
        self, name: str, tag: str, ids: Iterable[str], load: Callable[[list[str]], Awaitable[dict[str, T]]]
    ) -> dict[str, T]:
        """The values of the keys (name, id), each with the tag "<tag>:<id>"; those not at hand are loaded together."""
        found: dict[str, T] = {}
        missing: list[str] = []
        oldest = time.monotonic() - self.max_age
        for each in ids:
            entry = self._entries.get((name, each))
            if entry is not None and entry[0] >= oldest:
                found[each] = cast(T, entry[2])
            else:
                missing.append(each)
        self.hits += len(found)
        if missing:
            self.misses += len(missing)
            found |= await self._load_many(name, tag, missing, load)
        return found

    async def _load_many(
        self, name: str, tag: str, ids: list[str], load: Callable[[list[str]], Awaitable[dict[str, T]]]
    ) -> dict[str, T]:
        loading = _Load(tuple(f"{tag}:{each}" for each in ids))
        self._loads.add(loading)
        started = time.monotonic()
        try:
            values = await load(ids)
        finally:
            self._loads.discard(loading)
        if not loading.stale:
            for each, value in values.items():
                self._store((name, each), started, (f"{tag}:{each}",), value)
        return values

    async def load_along(
        self, load: Callable[[], Awaitable[dict[Hashable, T]]], tags: Callable[[Hashable], tuple[str, ...]]
    ) -> dict[Hashable, T]:
        """Load values by key that will be wanted soon. Those whose tags were not dropped meanwhile are kept."""
        loading = _Load(None)
        self._loads.add(loading)
        started = time.monotonic()
        try:
            values = await load()
        finally:
            self._loads.discard(loading)
        for key, value in values.items():
            own = tags(key)
            if loading.keeps(own):
                self._store(key, started, own, value)
        return values

    def _store(self, key: Hashable, started: float, tags: tuple[str, ...], value: object) -> None:
        self._forget(key)
        self._forget_oldest()
        self._entries[key] = (started, tags, value)
        for tag in tags:
            keys = self._keys.setdefault(tag, key)
            if isinstance(keys, set):
                keys.add(key)
            elif keys != key:
                self._keys[tag] = {keys, key}

    def _forget_oldest(self) -> None:
        """Make room for an entry, and give back the room of a few that are too old to be believed."""
        while len(self._entries) >= self._max_entries:
            self._forget(next(iter(self._entries)))
        for _ in range(AT_ONCE):
            oldest = next(iter(self._entries), None)
            if oldest is None or time.monotonic() - self._entries[oldest][0] <= self._lasting:
                return
            self._forget(oldest)

    def _forget(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for tag in entry[1]:
            keys = self._keys.get(tag)
            if isinstance(keys, set):
                keys.discard(key)
                if not keys:
                    del self._keys[tag]
            elif keys == key:
                del self._keys[tag]

    def drop(self, tags: Iterable[str]) -> None:
        """Forget every entry that has one of these tags, also those that are being loaded."""
        for tag in tags:
            keys = self._keys.get(tag)
            if keys is not None:
                for key in list(keys) if isinstance(keys, set) else [keys]:
                    self._forget(key)
            for loading in self._loads:
                if loading.dropped is not None:
                    loading.dropped.add(tag)
                elif tag in loading.tags:
                    loading.stale = True

    def clear(self) -> None:
        """Forget everything; for when invalidations may have been missed."""
        self._entries.clear()
        self._keys.clear()
        for loading in self._loads:
            loading.stale = True
