"""The lean connection to Redis."""

import asyncio
from typing import Any

import pytest

from server.bus.redis import Address, RedisConnection, RedisError
from server.engines.redis import Redis


async def test_refusals_reach_who_asked_and_nobody_else(redis_server: Redis) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    connection = await RedisConnection.open(Address.parse(redis_server.url))
    try:
        connection.command("NO-SUCH-COMMAND")  # nobody waits for it
        with pytest.raises(RedisError, match="unknown command"):
            await connection.command("NO-SUCH-COMMAND")
    finally:
        connection.close()
        asyncio.get_running_loop().set_exception_handler(None)

    assert [context for context in told if isinstance(context.get("exception"), RedisError)] == []
