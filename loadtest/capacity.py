"""Finds how many users a server carries: more of them until a stop rule breaks, then nearer to that border."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from locust import LoadTestShape
from locust.user.users import User

from loadtest.rules import Figures, Limits, Rule, figures_of, overload

GROWTH = 1.5
PRECISION = 0.1
SETTLE = 10.0
"""Seconds between the last new user and the measurement."""


class Search:
    """The numbers of users to try: up by half until one is too many, then the middle, until both sides are near."""

    def __init__(self, first: int, most: int) -> None:
        self.good = 0
        """The highest number that was carried."""
        self.bad: int | None = None
        """The lowest that was not."""
        self.users: int | None = min(max(first, 1), most)
        """What to try now; None at the end."""
        self._most = most

    def tell(self, *, carried: bool) -> None:
        """How it went with `users`."""
        if self.users is None:
            return
        if carried:
            self.good = self.users
        else:
            self.bad = self.users
        if self.bad is None:
            self.users = None if self.good >= self._most else min(int(self.good * GROWTH) + 1, self._most)
        elif self.bad - self.good <= max(self.good * PRECISION, 1):
            self.users = None
        else:
            self.users = (self.good + self.bad) // 2


@dataclass(frozen=True)
class Step:
    """One number of users, measured."""

    users: int
    seconds: float
    actions: int
    figures: Figures
    rules: list[Rule]
    cpu: dict[str, float]
    """Seconds by process."""

    @property
    def carried(self) -> bool:
        """Did all rules hold?"""
        return self.figures.requests > 0 and all(rule.holds for rule in self.rules)


class Capacity(LoadTestShape):
    """Tries numbers of users and measures each for a while; an overloaded server gets time to recover."""

    def __init__(
        self,
        search: Search,
        *,
        spawn_rate: float,
        step_time: float,
        limits: Limits,
        ready: Callable[[], int],
        cpu: Callable[[], dict[str, float]],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.search = search
        self.steps: list[Step] = []
        self._spawn_rate = spawn_rate
        self._step_time = step_time
        self._limits = limits
        self._ready = ready
        self._cpu = cpu
        self._say = say
        self._clock = clock
        self._spawned_at: float | None = None
        self._before: tuple[float, int, Figures, dict[str, float]] | None = None

    def tick(self) -> tuple[int, float] | tuple[int, float, list[type[User]] | None] | None:
        """Users and spawn rate now; None when the capacity is known."""
        users = self.search.users
        if users is None:
            return None
        now = self._clock()
        if self.get_current_user_count() != users or self._ready() < users:
            self._spawned_at = self._before = None
        elif self._spawned_at is None:
            self._spawned_at = now
        elif self._before is None:
            if now - self._spawned_at >= SETTLE:
                self._before = now, *self._taken()
        elif now - self._before[0] >= self._step_time:
            self._judge(users, now)
        return (self.search.users, self._spawn_rate) if self.search.users is not None else None

    def _judge(self, users: int, now: float) -> None:
        if self._before is None:
            return
        began, actions_before, figures_before, cpu_before = self._before
        actions, figures, cpu = self._taken()
        passed = figures.since(figures_before)
        step = Step(
            users,
            now - began,
            actions - actions_before,
            passed,
            overload(passed, self._limits),
            {name: cpu[name] - cpu_before.get(name, 0.0) for name in cpu},
        )
        self.steps.append(step)
        broken = ", ".join(rule.name for rule in step.rules if not rule.holds)
        self._say(f"{users} users: {'carried' if step.carried else f'too many ({broken})'}")
        self.search.tell(carried=step.carried)
        self._spawned_at = self._before = None

    def _taken(self) -> tuple[int, Figures, dict[str, float]]:
        if self.runner is None:
            return 0, Figures(), {}
        stats = self.runner.environment.stats
        actions = sum(entry.num_requests for (_, method), entry in stats.entries.items() if method == "ACTION")
        return actions, figures_of(stats), self._cpu()
