"""What runs a job, and what runs every so often: a registry that features fill like a router."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from msgspec import Struct

from server.db import Db
from server.jobs.job import Job

J = TypeVar("J", bound=Job)
C = TypeVar("C")


class Sweep(Struct, frozen=True):
    """Something done periodically by one node of the service."""

    name: str
    seconds: float
    run: Callable[[Any], Awaitable[object]]


class Timer(Struct, frozen=True):
    """Something that all nodes do together the moment it is due."""

    name: str
    due: Callable[[Db], Awaitable[int]]
    """When the next of it is due in milliseconds, 0 for not at all."""
    run: Callable[[Any], Awaitable[object]]


class Handler(Struct, frozen=True):
    """What runs the jobs of one class."""

    job: type[Job]
    run: Callable[[Any, Any], Awaitable[object]]
    attempts: int
    waits_for: str = ""
    """Whose programs it spends its time waiting for, so that it must not keep other jobs waiting; "" for nobody's."""


class Jobs:
    """The jobs and sweeps of one feature:

        jobs = Jobs()

        @jobs.on(SendPasswordReset)
        async def send_password_reset(ctx: Context, job: SendPasswordReset) -> None: ...

        @jobs.every(60)
        async def sweep_expired_sessions(ctx: Context) -> None: ...

        @jobs.when_due("reminders", queries.next_due)
        async def send_due_reminders(ctx: Context) -> None: ...

    A handler that raises is tried again later; all run at least once, so they must bear a repetition. What a timer runs
    is started on every node at the same moment and takes rows by `FOR UPDATE SKIP LOCKED`, so that nodes share the
    work and what a dying node held is taken by another one at once; whoever makes something due earlier calls `wake`.
    """

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.sweeps: list[Sweep] = []
        self.timers: list[Timer] = []

    def on(
        self, job: type[J], *, attempts: int = 8, waits_for: str = ""
    ) -> Callable[[Callable[[C, J], Awaitable[None]]], Callable[[C, J], Awaitable[None]]]:
        """Register what runs the jobs of a class; after `attempts` failures a job is given up.

        `waits_for`: programs of others, as long as these like; only jobs that wait for the same share places.
        """

        def register(run: Callable[[C, J], Awaitable[None]]) -> Callable[[C, J], Awaitable[None]]:
            if not job.name or job.name in self.handlers:
                raise TypeError(f"{job.__name__}: no name, or one that is taken")
            self.handlers[job.name] = Handler(job, run, attempts, waits_for)
            return run

        return register

    def every(self, seconds: float) -> Callable[[Callable[[C], Awaitable[None]]], Callable[[C], Awaitable[None]]]:
        """Register what the elected node does every `seconds`."""

        def register(run: Callable[[C], Awaitable[None]]) -> Callable[[C], Awaitable[None]]:
            self.sweeps.append(Sweep(getattr(run, "__name__", "sweep"), seconds, run))
            return run

        return register

    def when_due(
        self, name: str, due: Callable[[Db], Awaitable[int]]
    ) -> Callable[[Callable[[C], Awaitable[None]]], Callable[[C], Awaitable[None]]]:
        """Register what every node does when `due` says that it is time."""

        def register(run: Callable[[C], Awaitable[None]]) -> Callable[[C], Awaitable[None]]:
            self.timers.append(Timer(name, due, run))
            return run

        return register

    def include(self, other: "Jobs") -> None:
        """Take over all jobs and sweeps of another registry."""
        twice = self.handlers.keys() & other.handlers.keys()
        if twice:
            raise TypeError(f"two handlers for {sorted(twice)}")
        self.handlers |= other.handlers
        self.sweeps += other.sweeps
        self.timers += other.timers
