"""What is noted in memory is written every so often: one at a time."""

import asyncio

from server.jobs.flusher import Flusher


class Numbers(Flusher):
    """Writes numbers when it may."""

    def __init__(self) -> None:
        super().__init__(3600)
        self.noted: list[int] = []
        self.written: list[int] = []
        self.may_write = asyncio.Event()

    async def write(self) -> None:
        """Write what is noted."""
        noted, self.noted = self.noted, []
        if noted:
            await self.may_write.wait()
            self.written += noted


async def test_a_flush_ends_when_what_another_one_took_is_written() -> None:
    numbers = Numbers()
    numbers.noted.append(1)
    first = asyncio.create_task(numbers.flush())
    await asyncio.sleep(0)
    numbers.noted.append(2)
    second, third = asyncio.create_task(numbers.flush()), asyncio.create_task(numbers.flush())
    for _ in range(10):
        await asyncio.sleep(0)

    assert [each.done() for each in (first, second, third)] == [False] * 3
    numbers.may_write.set()
    await third
    assert numbers.written == [1, 2]
    await numbers.stop()
