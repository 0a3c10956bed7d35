"""Reads in groups: those that are asked for while a statement is under way go into the next one together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from itertools import islice
from typing import Generic, TypeVar

import structlog

from server.errors import ApiError, BadRequest, Busy, Internal

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

GROUP = 200
"""Keys in one statement at most."""
GATHER_SECONDS = 0.01
"""While many ask, so long is waited for more of them before the next statement."""

log = structlog.get_logger()


class GroupedReads(Generic[K, V]):
    """Reads by key, for what many ask at the same moment. Alone, a read goes at once.

    `load` gets keys, each of them once, and gives what it found. Who asks is told what was stored after asking,
    never the answer of a statement that was on its way by then.
    """

    def __init__(self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]], most: int = GROUP) -> None:
        self._load = load
        self._most = most
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """What is stored under a key, or None; raises the ApiError that `load` raises."""
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = dict(islice(self._waiting.items(), self._most))
                for key in group:
                    del self._waiting[key]
                await self._read({key: asked for key, asked in group.items() if not all(one.done() for one in asked)})
                if 1 < len(group) < self._most:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._running = None
            _fail(self._waiting.values(), Busy("api.context.server_busy.app_error"))  # only when it was cancelled
            self._waiting.clear()

    async def _read(self, group: dict[K, list[asyncio.Future[V | None]]]) -> None:
        if not group:
            return
        try:
            found = await self._load(list(group))
        except BadRequest as error:
            # One of the keys can't be looked up; the others must not suffer for it.
            if len(group) == 1:
                _fail(group.values(), error)
            else:
                for key, asked in group.items():
                    await self._read({key: asked})
        except ApiError as error:
            _fail(group.values(), error)
        except Exception:
            log.exception("a group could not be read", keys=len(group))
            _fail(group.values(), Internal("api.context.internal.app_error"))
        except BaseException:
            _fail(group.values(), Busy("api.context.server_busy.app_error"))
            raise
        else:
            for key, asked in group.items():
                for one in asked:
                    if not one.done():
                        one.set_result(found.get(key))


def _fail(asked: Iterable[list[asyncio.Future[V | None]]], error: Exception) -> None:
    for futures in asked:
        for one in futures:
            if not one.done():
                one.set_exception(error)
