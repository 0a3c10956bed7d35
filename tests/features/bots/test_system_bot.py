"""The bot in whose name the server writes: there is one, however many nodes need it first at the same moment."""

import asyncio

import pytest

from server.context import request_context
from server.features.bots import system_bot
from tests.features.posts.world import Nodes
from tests.make import Make


async def test_nodes_that_need_it_at_the_same_moment_make_one(
    two_nodes: Nodes, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await make.user("system-bot")
    monkeypatch.setattr(system_bot, "USERNAME", taken.username)
    monkeypatch.setattr(system_bot, "OWNER", make.name("installation"))
    contexts = [request_context(node.services) for node in two_nodes for _ in range(4)]

    made = await asyncio.gather(*(system_bot._make(ctx) for ctx in contexts))

    assert len(set(made)) == 1
    bot = (await two_nodes[0].client(make.admin.token).get(f"/users/{made[0]}")).ok()
    assert bot["is_bot"]
    assert bot["username"].startswith(f"{taken.username}-")
