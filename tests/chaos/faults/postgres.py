"""A PostgreSQL that restarts in order or dies, hangs, or has no place for anybody."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable

import asyncpg
import psutil

from tests.chaos.fault import Scale
from tests.chaos.installation import Installation
from tests.chaos.people import Stage
from tests.chaos.talk import Outcome, Talk
from tests.chaos.visiting import Visitors, newcomers, seconds_until_a_scheduled_post_is_sent

BACK_SECONDS = 10.0
"""Until everybody hears again, from the moment that PostgreSQL is there again."""
LATE_SECONDS = 10.0
AT_ONCE = 20

NOTICED_SECONDS = 30.0
"""The database stays away until it is known to be: how soon that is depends on how busy the machine is."""

Noticed = Callable[[], Awaitable[None]]
"""Waits until somebody was refused for it, and the nodes say that they are not ready."""
Course = Callable[[Noticed], Awaitable[None]]
"""Breaks something, waits, and mends it."""


async def restart_postgres(stage: Stage, scale: Scale) -> Outcome:
    """A fast shutdown, and a start: open transactions are rolled back."""
    return await _restart(stage, scale, signal.SIGINT, "PostgreSQL restarts")


async def kill_postgres(stage: Stage, scale: Scale) -> Outcome:
    """SIGKILL of the postmaster, whose other processes end by themselves; it starts and recovers."""
    return await _restart(stage, scale, signal.SIGKILL, "PostgreSQL is killed")


async def pause_postgres(stage: Stage, scale: Scale) -> Outcome:
    """SIGSTOP of all its processes."""
    installation = stage.installation
    seconds = 20 if scale.long else 5

    async def course(noticed: Noticed) -> None:
        stopped = _stop_all(installation)
        await asyncio.sleep(seconds)
        await noticed()
        for process in reversed(stopped):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    return await _under(stage, scale, f"PostgreSQL hangs for {seconds} s and more", course)


async def take_all_connections(stage: Stage, scale: Scale) -> Outcome:
    """Others have all places for connections, also those that the nodes had."""
    taken: list[asyncpg.Connection] = []

    async def keep() -> None:
        while True:
            await _take_those_of_nodes(stage.installation, taken)
            await asyncio.sleep(0.2)

    async def course(noticed: Noticed) -> None:
        try:
            await _fill(stage.installation, taken)
            keeping = asyncio.create_task(keep())
            try:
                await asyncio.sleep(8 if scale.long else 3)
                await noticed()
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        finally:
            for connection in taken:
                connection.terminate()
            taken.clear()

    return await _under(stage, scale, "PostgreSQL has no places left", course, all_unready=False)


async def _restart(stage: Stage, scale: Scale, signum: signal.Signals, fault: str) -> Outcome:
    postgres = stage.installation.postgres

    async def course(noticed: Noticed) -> None:
        psutil.Process(postgres.pid).send_signal(signum)
        while postgres.returncode() is None:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.01)
        await asyncio.sleep(3 if scale.long else 0.7)
        await noticed()
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(postgres.start)

    return await _under(stage, scale, fault, course, rounds=scale.rounds)


def _stop_all(installation: Installation) -> list[psutil.Process]:
    """Stop the postmaster first, so that there are no new ones."""
    stopped: list[psutil.Process] = []
    for _ in range(2):
        for process in installation.postgres_processes():
            if process not in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
    return stopped


async def _take_those_of_nodes(installation: Installation, taken: list[asyncpg.Connection]) -> None:
    """End the nodes' connections, and be quicker than they are."""
    await taken[0].execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hubbub%'"
    )
    await _fill(installation, taken)


async def _fill(installation: Installation, taken: list[asyncpg.Connection]) -> None:
    while True:
        tries = [asyncpg.connect(installation.dsn) for _ in range(AT_ONCE)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        taken += [one for one in found if isinstance(one, asyncpg.Connection)]
        if all(isinstance(one, asyncpg.TooManyConnectionsError) for one in found):
            return


async def _under(
    stage: Stage, scale: Scale, fault: str, course: Course, *, rounds: int = 1, all_unready: bool = True
) -> Outcome:
    """Let people talk and others ask all sorts of things while the database is away."""
    visitors = Visitors(stage, await newcomers(stage, len(stage.installation.nodes)))
    ports = set(stage.installation.ports)
    slowest = 0.0
    async with Talk.begin(stage) as talk:

        def is_noticed() -> bool:
            said = visitors.unready == ports if all_unready else bool(visitors.unready)
            return said and bool(visitors.refused) and any(one.unavailable for one in talk.posters)

        async def noticed() -> None:
            with contextlib.suppress(TimeoutError):  # then it is a complaint
                await talk.until(is_noticed, NOTICED_SECONDS)

        for _ in range(rounds):
            await asyncio.sleep(scale.calm)
            async with visitors.about():
                await course(noticed)
                slowest = max(slowest, await talk.heard_again(since=time.monotonic()))
        await asyncio.sleep(scale.calm)
    found = talk.outcome(fault, slowest)
    found.complaints += visitors.faults[:20]
    repeated = sum(one.repeated > 0 for one in talk.answered)
    unavailable = sum(one.unavailable for one in talk.posters)
    found.notes = f"{unavailable} times 503, {repeated} posts repeated; slowest answer {visitors.slowest:.1f} s"
    if broken := sum(one.broken + one.refused for one in talk.posters):
        found.complaints.append(f"{broken} requests were not answered")
    if slowest > BACK_SECONDS:
        found.complaints.append(f"it took {slowest:.1f} s until everybody heard again")
    if drops := sum(one.drops for one in talk.listeners):
        found.complaints.append(f"{drops} sockets were closed")
    if not unavailable or not visitors.refused or not visitors.unready:
        found.complaints.append("nothing was refused: the fault did not happen")
    if all_unready and visitors.unready != ports:
        found.complaints.append(f"only the nodes at {visitors.unready} said that they were not ready")
    late = await seconds_until_a_scheduled_post_is_sent(stage)
    if late > LATE_SECONDS:
        found.complaints.append(f"a scheduled post was {late:.1f} s late")
    return found
