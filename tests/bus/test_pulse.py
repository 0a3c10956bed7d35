"""What a node sees of its Redis every so often agrees with what it hears meanwhile."""

import pytest

from server.bus.redis import RedisConnection
from server.engines.redis import Redis
from tests.bus.conftest import NewNode, until
from tests.bus.test_bus import raw, said


async def test_a_redis_that_forgets_while_it_is_asked_makes_everything_start_anew_once(
    new_node: NewNode, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.bus.subscriber.PULSE_SECONDS", 60.0)
    one, two = await new_node(), await new_node()
    await two.bus.subscribe(["channel:c"])

    async def evicted(connection: RedisConnection) -> int:
        await raw(redis_server.url, "return redis.call('DEL', ARGV[1])", one.bus.names.epoch)
        assert await one.bus.publish([said(1)])
        await until(lambda: two.heard.texts == ["1"])
        return 0

    monkeypatch.setattr("server.bus.subscriber.evicted_keys", evicted)
    await two.bus.subscriber.feel_pulse()
    assert await one.bus.publish([said(2)])

    await until(lambda: two.heard.texts == ["1", "2"])
    assert two.heard.lost == [None]
