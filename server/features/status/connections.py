"""Which users are connected to which node, in Redis, where all nodes see it.

Keys below "<prefix>presence:": `nodes`, the nodes by the time (ms, on Redis' clock) until which they are believed to
live; `on:<node>`, the users connected to a node. A node that stops beating is found by the others.
"""

from collections.abc import Collection

from server.bus.bus import Bus

BATCH = 5000

_LIVE = """
local p, t = ARGV[1], redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local live = redis.call('ZRANGEBYSCORE', p .. 'nodes', now, '+inf')
"""

BEAT = (
    _LIVE
    + """
local known = redis.call('ZSCORE', p .. 'nodes', ARGV[2])
redis.call('ZADD', p .. 'nodes', now + ARGV[3], ARGV[2])
redis.call('EXPIRE', p .. 'on:' .. ARGV[2], ARGV[4])
return {known and 1 or 0, redis.call('ZRANGEBYSCORE', p .. 'nodes', '-inf', '(' .. now)}
"""
)

# Takes the users from the node ARGV[2] (if any is named) and gives those that are connected nowhere then.
ABSENT = (
    _LIVE
    + """
local absent = {}
for i = 3, #ARGV do
    local user, found = ARGV[i], false
    if ARGV[2] ~= '' then
        redis.call('SREM', p .. 'on:' .. ARGV[2], user)
    end
    for _, node in ipairs(live) do
        if redis.call('SISMEMBER', p .. 'on:' .. node, user) == 1 then
            found = true
            break
        end
    end
    if not found then
        absent[#absent + 1] = user
    end
end
return absent
"""
)

FORGET = (
    _LIVE
    + """
local score = redis.call('ZSCORE', p .. 'nodes', ARGV[2])
if score and tonumber(score) < now then
    redis.call('ZREM', p .. 'nodes', ARGV[2])
    redis.call('DEL', p .. 'on:' .. ARGV[2])
end
return 1
"""
)


class Connections:
    """What Redis knows of connected users. All methods raise RedisError while Redis is away.

    `seconds`: how long a node is believed to live without a beat.
    """

    def __init__(self, bus: Bus, node_id: str, *, seconds: float) -> None:
        self._bus = bus
        self._node_id = node_id
        self._prefix = f"{bus.names.prefix}presence:"
        self._seconds = seconds

    def _users_of(self, node_id: str) -> str:
        return f"{self._prefix}on:{node_id}"

    async def _run(self, script: str, *words: str | int) -> list[str]:
        answer = await self._bus.command("EVAL", script, 0, self._prefix, *words)
        return [item.decode() for item in answer]

    async def beat(self) -> tuple[bool, list[str]]:
        """Say that this node lives: whether Redis knew it (still) and who is connected to it, and the dead nodes.

        Dead are those that stopped beating and were not forgotten yet.
        """
        millis, keep = int(self._seconds * 1000), int(self._seconds) + 3600
        known, dead = await self._bus.command("EVAL", BEAT, 0, self._prefix, self._node_id, millis, keep)
        return bool(known), [node_id.decode() for node_id in dead]

    async def begin(self) -> list[str]:
        """Who was connected in an earlier run under the same node id, and is not any more."""
        return await self.users_of(self._node_id)

    async def add(self, user_ids: Collection[str]) -> None:
        """These users are connected to this node."""
        for part in _parts(user_ids):
            await self._bus.command("SADD", self._users_of(self._node_id), *part)

    async def remove(self, user_ids: Collection[str]) -> list[str]:
        """These users are not connected to this node any more; those who are connected to none."""
        absent: list[str] = []
        for part in _parts(user_ids):
            absent += await self._run(ABSENT, self._node_id, *part)
        return absent

    async def absent(self, user_ids: Collection[str]) -> list[str]:
        """Those of the users who are connected to no node."""
        absent: list[str] = []
        for part in _parts(user_ids):
            absent += await self._run(ABSENT, "", *part)
        return absent

    async def users_of(self, node_id: str) -> list[str]:
        """The users that were connected to a node."""
        answer = await self._bus.command("SMEMBERS", self._users_of(node_id))
        return [item.decode() for item in answer]

    async def forget(self, node_id: str) -> None:
        """Forget a dead node, unless it has come back."""
        await self._bus.command("EVAL", FORGET, 0, self._prefix, node_id)

    async def first(self, what: str, seconds: int) -> bool:
        """Whether this node is the first to ask in this time: work that one node does for all."""
        key = f"{self._prefix}first:{what}"
        return await self._bus.command("SET", key, self._node_id, "NX", "EX", seconds) is not None


def _parts(user_ids: Collection[str]) -> list[list[str]]:
    ordered = sorted(user_ids)
    return [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
