"""A node that is held up itself does not take Redis for gone."""

import asyncio
import time

import pytest
import uvloop

from server.bus.redis import ANSWER_SECONDS, Address, RedisConnection
from server.engines.redis import Redis


@pytest.mark.parametrize("sent", [False, True])
async def test_a_question_is_not_too_old_when_the_process_stood_still(redis_server: Redis, sent: bool) -> None:
    """On the loop that serves in production, before the question has left or before its answer was read."""

    async def ask() -> object:
        connection = await RedisConnection.open(Address.parse(redis_server.url))
        try:
            asked = connection.command("PING")
            if sent:
                await asyncio.sleep(0)
            time.sleep(ANSWER_SECONDS + 0.2)  # noqa: ASYNC251 - nothing else happens in this process
            return await asked
        finally:
            connection.close()

    assert await asyncio.to_thread(uvloop.run, ask()) == b"PONG"
