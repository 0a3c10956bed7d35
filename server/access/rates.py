"""How often something may be done, counted over all nodes: the generic cell rate algorithm, in Redis and in memory.

Whoever is counted has one number: the time at which all of its allowance is back. Doing something moves that time on
by `seconds`; what would move it further than the whole allowance from now is refused, and refusals cost nothing.

Redis holds the number for all nodes and keeps the time. Each node remembers what it heard last, which serves three
ends: who is known to be refused is refused without asking, so that a flood costs no Redis; while Redis is away the
node counts by itself; and it tells Redis what it knows, so that a Redis that lost its memory gets it back.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from math import ceil
from typing import Any, Literal

import structlog
from msgspec import Struct

from server import metrics
from server.bus.redis import LOOKS, RedisError
from server.errors import TooManyRequests

PATIENCE_SECONDS = 0.5
"""Redis must answer within this time, in which is looked several times, or this node counts by itself …"""
BLIND_SECONDS = 1.0
"""… and tries again so much later."""

EXCEEDED = "api.context.rate_limit_exceeded.app_error"

Mode = Literal["take", "look", "add"]

# All times are microseconds. `floor` is what the asking node knows, `most` the furthest that anyone can be behind: more
# means that the clock went back.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local mode, cost, whole = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most, floor = tonumber(ARGV[4]), tonumber(ARGV[5])
local stored = (tonumber(redis.call('GET', KEYS[1])) or 0) - now
local behind = math.min(math.max(stored, floor, 0), most)
local allowed = behind + cost <= whole
local counts = mode == 'add' or (mode == 'take' and allowed)
if counts then
    behind = math.min(behind + cost, most)
end
if behind > 0 and (counts or stored ~= behind) then
    redis.call('SET', KEYS[1], string.format('%.0f', now + behind), 'PX', math.ceil(behind / 1000))
end
return {allowed and 1 or 0, behind}
"""
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

log = structlog.get_logger()


class Rate(Struct, frozen=True):
    """`burst` times at once, and one time more every `seconds`."""

    name: str
    burst: int
    seconds: float

    @property
    def key(self) -> str:
        """Its name and size: other settings begin to count anew."""
        return f"{self.name}.{self.burst}.{self.seconds:g}"

    @property
    def whole(self) -> float:
        """Seconds until all is allowed again to someone who has just used it up."""
        return self.burst * self.seconds

    @property
    def most(self) -> float:
        """Seconds that anyone can be behind: what is only noted, like a failure, may be twice too much."""
        return 2 * self.whole


class Standing(Struct, frozen=True):
    """What is left to someone: `remaining` of `limit` times, all of them after `reset` seconds.

    `retry` is after how many seconds the next time will be allowed, 0 when it was allowed now.
    """

    limit: int
    remaining: int
    reset: float
    retry: float

    @property
    def allowed(self) -> bool:
        """Whether it is not too much."""
        return self.retry <= 0

    def headers(self) -> list[tuple[str, str]]:
        """The headers that tell of it, in whole seconds."""
        told = [
            ("X-RateLimit-Limit", str(self.limit)),
            ("X-RateLimit-Remaining", str(self.remaining)),
            ("X-RateLimit-Reset", str(ceil(self.reset))),
        ]
        return told if self.allowed else [*told, ("Retry-After", str(ceil(self.retry)))]


def exceeded(rate: Rate, standing: Standing, message: str = "limit exceeded") -> TooManyRequests:
    """429 with the headers that say when to come again."""
    metrics.RATE_LIMITED.labels(rate.name).inc()
    error = TooManyRequests(EXCEEDED, message)
    error.headers = dict(standing.headers())
    return error


class Rates:
    """The counts of one node and, by `command` of a Redis, of all; at most `size()` are remembered here."""

    def __init__(self, command: Callable[..., Awaitable[Any]], prefix: str, size: Callable[[], int]) -> None:
        self._command = command
        self._prefix = f"{prefix}rate:"
        self._size = size
        self._full_at: dict[str, float] = {}
        """By key, the one heard of last at the end: when all of its allowance is back, by the monotonic clock."""
        self._blind_until = 0.0
        self._blind = False

    async def take(self, rate: Rate, key: str, times: int = 1) -> Standing:
        """Count something before it is done, unless it is too much."""
        return await self._count("take", rate, key, times)

    async def look(self, rate: Rate, key: str) -> Standing:
        """See whether one time more would be too much."""
        return await self._count("look", rate, key, 1)

    async def add(self, rate: Rate, key: str, times: int = 1) -> Standing:
        """Count something that has happened, also when it is too much."""
        return await self._count("add", rate, key, times)

    async def _count(self, mode: Mode, rate: Rate, key: str, times: int) -> Standing:
        name = f"{self._prefix}{rate.key}:{key}"
        cost = times * rate.seconds
        known = self._behind(name)
        if mode != "add" and known + cost > rate.whole:
            return _standing(rate, known, cost, allowed=False)
        answer = await self._ask(mode, name, cost, rate, known)
        if answer is not None:
            allowed, behind = answer
        else:
            known = self._behind(name)  # others may have come meanwhile
            allowed = known + cost <= rate.whole
            behind = min(known + cost, rate.most) if mode == "add" or (mode == "take" and allowed) else known
        self._remember(name, behind)
        return _standing(rate, behind, cost, allowed=allowed)

    async def _ask(self, mode: Mode, name: str, cost: float, rate: Rate, known: float) -> tuple[bool, float] | None:
        now = time.monotonic()
        if now < self._blind_until:
            return None
        if self._blind:
            self._blind_until = now + BLIND_SECONDS  # one of those that come now tries, the others don't wait for it
        words = (1, name, mode, *(round(seconds * 1e6) for seconds in (cost, rate.whole, rate.most, known)))
        try:
            allowed, behind = await _in_time(self._run(words))
        except (RedisError, TimeoutError) as error:
            if not self._blind:
                log.warning("rates are counted by each node for itself, since Redis is away", reason=str(error))
            self._blind, self._blind_until = True, time.monotonic() + BLIND_SECONDS
            return None
        self._blind, self._blind_until = False, 0.0
        return bool(allowed), behind / 1e6

    async def _run(self, words: tuple[object, ...]) -> Any:
        try:
            return await self._command("EVALSHA", SHA, *words)
        except RedisError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await self._command("EVAL", SCRIPT, *words)

    def _behind(self, name: str) -> float:
        """Seconds until all is allowed again, as far as this node knows."""
        full_at = self._full_at.get(name)
        return max(0.0, full_at - time.monotonic()) if full_at is not None else 0.0

    def _remember(self, name: str, behind: float) -> None:
        full_at = max(self._full_at.pop(name, 0.0), time.monotonic() + behind)
        size = self._size()
        while len(self._full_at) >= size:
            del self._full_at[next(iter(self._full_at))]
        self._full_at[name] = full_at


async def _in_time(asking: Coroutine[Any, Any, Any]) -> Any:
    """The answer, or TimeoutError. Were this process held up, what has been answered is read between two looks."""
    task = asyncio.create_task(asking)
    try:
        for _ in range(LOOKS):
            done, _ = await asyncio.wait((task,), timeout=PATIENCE_SECONDS / LOOKS)
            if done:
                return task.result()
    finally:
        task.cancel()
    raise TimeoutError("no answer in time")


def _standing(rate: Rate, behind: float, cost: float, *, allowed: bool) -> Standing:
    return Standing(
        limit=rate.burst,
        remaining=max(0, int((rate.whole - behind) / rate.seconds + 1e-6)),
        reset=behind,
        retry=0.0 if allowed else max(behind + cost - rate.whole, 1e-6),
    )
