"""What nodes forget when one of them says that something changed."""

import asyncio

from server.bus.signals import Invalidate
from tests.nodes import TestNode


async def _one() -> int:
    return 1


async def test_others_drop_what_changed_and_the_sender_keeps_what_it_has_read_since(
    two_nodes: tuple[TestNode, TestNode], no_doubts: None
) -> None:
    first, second = (node.services for node in two_nodes)
    for services in (first, second):
        await services.cache.get("number", ("numbers",), _one)

    await first.bus.publish([Invalidate(tags=("numbers",), sender=first.bus.node_id)])
    async with asyncio.timeout(30):
        while second.cache.peek("number", int) is not None:  # noqa: ASYNC110 - another node tells it
            await asyncio.sleep(0.005)
    await first.bus.fence()

    assert first.cache.peek("number", int) == 1
    first.cache.drop(("numbers",))
