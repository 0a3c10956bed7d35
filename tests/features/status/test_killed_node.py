"""The users of a node that is killed go offline, unless they are on another one by then."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.engines.redis import Redis
from server.features.status.presence import BEAT_SECONDS, LIFE_SECONDS
from tests.clients_of import Client, Socket
from tests.features.status.test_routes import becomes, status_of
from tests.make import Make
from tests.nodes import TestNode
from tests.processes import NodeProcess


async def test_who_was_on_a_killed_node_is_offline_after_a_while(
    make: Make,
    client: Callable[..., Client],
    socket: Callable[..., Any],
    node: TestNode,
    database: str,
    redis_server: Redis,
    tmp_path: Path,
) -> None:
    ada, bob, eve = await make.users(3)
    doomed = NodeProcess(database, redis_server.url, tmp_path / "node.log")
    try:
        await asyncio.to_thread(doomed.wait_until_up)
        async with Socket.open(Doomed(doomed, node), ada.token), Socket.open(Doomed(doomed, node), bob.token):
            await becomes(client(eve), ada, "online")
            await becomes(client(eve), bob, "online")
            killed = time.monotonic()
            doomed.kill()
    finally:
        doomed.stop()

    async with socket(bob):
        at_first = (await status_of(client(eve), ada))["status"]
        assert at_first == "online" or time.monotonic() - killed > LIFE_SECONDS - BEAT_SECONDS
        await becomes(client(eve), ada, "offline", 60)
        assert (await status_of(client(eve), bob))["status"] == "online"
    assert (await status_of(client(eve, node=1), ada))["status"] == "offline"


class Doomed:
    """A node of another process; markers go through one of ours, over the same bus."""

    def __init__(self, process: NodeProcess, node: TestNode) -> None:
        self.port = process.port
        self.mark = node.mark
