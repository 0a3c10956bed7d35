"""Under load, writing leaves time for the rest: rounds are apart by what they took."""

import asyncio
import itertools
import time

import uvloop

from server.bus.bus import Bus
from server.bus.envelope import Envelope
from server.gateway.connection import Connection
from server.gateway.hub import TICK_SECONDS, WRITING_SHARE, Hub, User
from server.gateway.stats import Stats

ROUND = 0.06


async def _nowhere(user_id: str) -> list[str]:
    return []


def _told() -> Envelope:
    return Envelope("e", "told", time.time(), b'{"seq":', 1)


class SlowTransport(asyncio.Transport):
    """Takes a while to write."""

    def __init__(self) -> None:
        self.rounds: list[float] = []

    def is_closing(self) -> bool:
        return False

    def write(self, data: object) -> None:
        self.rounds.append(time.monotonic())
        time.sleep(ROUND)


def test_the_pause_between_rounds_grows_with_what_they_take() -> None:
    async def scene() -> list[float]:
        hub, transport = Hub(Bus("redis://127.0.0.1:1", "n1"), _nowhere, Stats()), SlowTransport()
        user, connection = User("ada"), Connection("c", "ada", "s", False, 0)
        connection.attach(None, transport)
        user.connections = (connection,)
        hub.users["ada"] = user
        while len(transport.rounds) < 4:
            hub.deliver("user:ada", [_told()])
            hub.batch_ended()
            await asyncio.sleep(0.001)
        return transport.rounds

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rounds = runner.run(scene())
    pauses = [after - before - ROUND for before, after in itertools.pairwise(rounds)]
    assert min(pauses) >= ROUND * WRITING_SHARE * 0.9 > TICK_SECONDS


async def test_events_for_those_who_are_away_leave_nothing_behind() -> None:
    hub = Hub(Bus("redis://127.0.0.1:1", "n1"), _nowhere, Stats())
    user, away = User("ada"), Connection("c", "ada", "s", False, 0)
    user.connections = (away,)
    hub.users["ada"] = user

    for _ in range(3):
        hub.deliver("user:ada", [_told()])
        hub.batch_ended()

    assert len(away.log) == 3
    assert hub._sent_at == []
