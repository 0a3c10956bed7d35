"""What a fault is: a course of events on a stage, in a long form and a short one."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from tests.chaos.people import Stage
from tests.chaos.talk import Outcome


class Scale(Struct, frozen=True):
    """How much of everything."""

    long: bool
    """Whether there is time: `make chaos`, against the short form in the suite."""
    calm: float
    """Seconds of talk before, between and after faults."""
    rounds: int
    """How often a fault comes."""


LONG = Scale(long=True, calm=3.0, rounds=3)
SHORT = Scale(long=False, calm=0.5, rounds=1)

Fault = Callable[[Stage, Scale], Awaitable[Outcome]]
"""A function of that shape; its docstring says what it breaks. It leaves all nodes and engines running."""
