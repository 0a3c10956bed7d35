"""How the number of users goes over time: ramp, steady, spike and soak; finding a capacity is in capacity.py."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from locust import LoadTestShape
from locust.user.users import User

SECONDS = {"ramp": 600.0, "steady": 300.0, "spike": 300.0, "soak": 7200.0}
"""How long a shape takes unless --run-time says it."""

SIGN_IN_SECONDS = 300.0
"""So long the first users may take."""

RAMP_STEPS = 10
SPIKE_BASE = 0.2


@dataclass(frozen=True)
class Stage:
    """So many users until so many seconds have passed."""

    until: float
    users: int


def stages(shape: str, users: int, seconds: float) -> list[Stage]:
    """The stages of a shape whose highest number of users is `users`. KeyError for an unknown shape."""
    SECONDS[shape]
    if shape == "ramp":
        steps = min(RAMP_STEPS, users)
        return [Stage(seconds * step / steps, users * step // steps) for step in range(1, steps + 1)]
    if shape == "spike":
        base = max(round(users * SPIKE_BASE), 1)
        parts = ((2, base), (3, users), (5, base), (6, users), (8, base))
        return [Stage(seconds * part / 8, count) for part, count in parts]
    return [Stage(seconds, users)]


class Staged(LoadTestShape):
    """Goes through stages; their time begins when the users of the first one have signed in."""

    def __init__(
        self,
        plan: list[Stage],
        spawn_rate: float,
        ready: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._plan = plan
        self._spawn_rate = spawn_rate
        self._ready = ready
        self._clock = clock
        self._began: float | None = None
        self._latest = clock() + SIGN_IN_SECONDS

    def tick(self) -> tuple[int, float] | tuple[int, float, list[type[User]] | None] | None:
        """Users and spawn rate now; None at the end."""
        if self._began is None:
            if self._ready() < self._plan[0].users and self._clock() < self._latest:
                return self._plan[0].users, self._spawn_rate
            self._began = self._clock()
        now = self._clock() - self._began
        for stage in self._plan:
            if now < stage.until:
                return stage.users, self._spawn_rate
        return None
