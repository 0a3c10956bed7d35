"""Waiting for what comes about by itself, for as long as that may take on a machine that is busy with other things."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.ids import now_ms

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds. That something is quick is not what it says: what has not happened by then does not happen."""


async def until(
    happens: Callable[[], Awaitable[T | None]], otherwise: str = "it has not happened", patience: float = PATIENCE
) -> T:
    """Ask again and again until the answer is something true, and give that."""
    end = time.monotonic() + patience
    while not (answer := await happens()):
        assert time.monotonic() < end, otherwise
        await asyncio.sleep(0.02)
    return answer


async def next_moment() -> None:
    """Wait for another millisecond: what comes now has a later time than what was, on a fast machine too."""
    moment = now_ms()
    while now_ms() == moment:  # noqa: ASYNC110 - it is a clock's
        await asyncio.sleep(0.001)


async def until_gone(left: Callable[[], Awaitable[object]], otherwise: str = "something is left") -> None:
    """Ask again and again until the answer is nothing: no row, 0, False."""

    async def gone() -> bool:
        return not await left()

    await until(gone, otherwise)
